"""Vectors for symbols."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import AnyArray, Array
from minigrad.nn.errors import LabelError
from minigrad.nn.initializers import Source, generator
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import positive, size
from minigrad.ops.gather import embedding
from minigrad.runtime.effects import runtime_check

__all__ = ["Embedding"]


@attrs.define(eq=False, repr=False)
class Embedding(Module):
    """A learnt row of numbers for each of `count` symbols.

    Attributes:
        count: number of symbols.
        width: length of a row.
        scale: standard deviation of the normal numbers that rows begin with (1, as in PyTorch).
        rng: as for Linear.
        weight: `(count, width)`, as PyTorch's.
    """

    count: int = attrs.field(validator=size)
    width: int = attrs.field(validator=size)
    scale: float = attrs.field(default=1.0, kw_only=True, validator=positive)
    rng: Source = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.weight = parameter(generator(self.rng).normal(0.0, self.scale, (self.count, self.width)))

    def forward(self, symbols: Tensor | AnyArray) -> Tensor:
        """Integers of any shape -> `(*shape, width)`. Raises LabelError for a number outside [0, count)."""
        index = as_array(symbols)
        if index.dtype.kind not in "iu":
            raise LabelError(f"{self!r} needs integers, the numbers of symbols; got dtype {index.dtype}")
        runtime_check(symbols, self._in_range)
        return embedding(symbols if isinstance(symbols, Tensor) else index, self.weight)  # type: ignore[arg-type]

    def _in_range(self, index: Array) -> None:
        """Raise LabelError unless all symbols are known."""
        if index.size and (index.min() < 0 or index.max() >= self.count):
            at = np.unravel_index(int(np.argmax((index < 0) | (index >= self.count))), index.shape)
            raise LabelError(f"{self!r}: symbol {index[at]} at {[int(i) for i in at]} is not in 0 to {self.count - 1}")

    def __repr__(self) -> str:
        return f"Embedding({self.count}, {self.width})"
