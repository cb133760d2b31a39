"""Vectors for symbols."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import AnyArray, Array
from minigrad.nn.errors import LabelError, ModuleError
from minigrad.nn.initializers import Source, generator
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import positive, size
from minigrad.ops.arrangement.gather import take_along
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.piecewise_linear import maximum
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import mean, sum
from minigrad.runtime.effects import IntegersWithin, runtime_check

__all__ = ["Embedding", "EmbeddingBag"]


@lazy.renamed_fields(count="num_embeddings", width="embedding_dim")
@attrs.define(eq=False, repr=False)
class Embedding(Module):
    """A learnt row of numbers for each of `num_embeddings` symbols.

    Attributes:
        num_embeddings: number of symbols.
        embedding_dim: length of a row.
        scale: standard deviation of the normal numbers that rows begin with (1, as in PyTorch).
        rng: as for Linear.
        padding_idx: a symbol whose row is 0 at first and gets no gradient, or None.
        weight: `(num_embeddings, embedding_dim)`, as PyTorch's.
    """

    num_embeddings: int = attrs.field(validator=size)
    embedding_dim: int = attrs.field(validator=size)
    scale: float = attrs.field(default=1.0, kw_only=True, validator=positive)
    rng: Source = attrs.field(default=None, kw_only=True)
    padding_idx: int | None = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        rows = generator(self.rng).normal(0.0, self.scale, (self.num_embeddings, self.embedding_dim))
        if self.padding_idx is not None:
            if not 0 <= self.padding_idx < self.num_embeddings:
                raise ModuleError(f"{self!r}: padding_idx={self.padding_idx} is not in 0 to {self.num_embeddings - 1}")
            rows[self.padding_idx] = 0.0
        self.weight = parameter(rows)

    def forward(self, symbols: Tensor | AnyArray) -> Tensor:
        """Look up integers of any shape, to `(*shape, embedding_dim)`.

        Raises:
            LabelError: a number is not in [0, num_embeddings), or the dtype is not an integer one.
        """
        index = as_array(symbols)
        if index.dtype.kind not in "iu":
            raise LabelError(f"{self!r} needs integers, the numbers of symbols; got dtype {index.dtype}")
        runtime_check(symbols, IntegersWithin(self._in_range, self.num_embeddings))
        rows: Tensor = take_along(self.weight, symbols if isinstance(symbols, Tensor) else index, axis=0)
        if self.padding_idx is None:
            return rows
        padded: Tensor = equal(symbols, self.padding_idx)
        return where(padded.reshape((*index.shape, 1)), rows.detach(), rows)

    def _in_range(self, index: Array) -> None:
        """Raise LabelError unless all symbols are known."""
        if index.size and (index.min() < 0 or index.max() >= self.num_embeddings):
            at = np.unravel_index(int(np.argmax((index < 0) | (index >= self.num_embeddings))), index.shape)
            raise LabelError(
                f"{self!r}: symbol {index[at]} at {[int(i) for i in at]} is not in 0 to {self.num_embeddings - 1}"
            )

    def __repr__(self) -> str:
        return f"Embedding({self.num_embeddings}, {self.embedding_dim})"


@attrs.define(eq=False, repr=False)
class EmbeddingBag(Embedding):
    """The rows of each bag of symbols as one: their mean, sum or largest entries.

    Attributes:
        num_embeddings: number of symbols.
        embedding_dim: length of a row.
        combine: PyTorch's mode, "mean", "sum" or "max".
        scale: standard deviation of the normal numbers that rows begin with.
        rng: as for Linear.
        padding_idx: a symbol that counts for nothing in a bag, or None.
        weight: `(num_embeddings, embedding_dim)`, as PyTorch's.
    """

    combine: str = attrs.field(default="mean", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.combine not in ("mean", "sum", "max"):
            raise ModuleError(f"EmbeddingBag.combine must be 'mean', 'sum' or 'max', got {self.combine!r}")
        super().__attrs_post_init__()

    def forward(self, symbols: Tensor | AnyArray) -> Tensor:
        """Look up integers `(N, bag)`, to `(N, embedding_dim)`; a bag of padding alone gives 0.

        Raises:
            LabelError: a number is not in [0, num_embeddings), or the dtype is not an integer one.
            ShapeError: the symbols have another number of axes: bags of different lengths are filled up with
                `padding_idx`.
        """
        if np.ndim(symbols) != 2:
            raise ShapeError(f"{self!r} needs symbols of shape (N, bag), got {np.shape(symbols)}")
        rows = super().forward(symbols)
        if self.padding_idx is None:
            return {"mean": mean, "sum": sum, "max": largest}[self.combine](rows, axis=1)
        padded: Tensor = equal(symbols, self.padding_idx).reshape((*rows.shape[:2], 1))
        counts = sum(where(padded, np.zeros((), rows.dtype), np.ones((), rows.dtype)), axis=1)
        if self.combine == "max":
            top = largest(where(padded, -np.inf, rows), axis=1)
            return where(equal(counts, 0.0), 0.0, top)
        total = sum(where(padded, 0.0, rows), axis=1)
        return total if self.combine == "sum" else total / maximum(counts, 1.0)

    def __repr__(self) -> str:
        return f"EmbeddingBag({self.num_embeddings}, {self.embedding_dim}, combine={self.combine!r})"
