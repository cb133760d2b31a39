"""What layers with a weight and a bias have in common."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.initializers import Initialiser, Source
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import size

__all__ = ["Weighted"]


@attrs.define(eq=False, repr=False)
class Weighted(Module):
    """A weight that is drawn at random, and a bias for each output; Linear says what the fields are."""

    inputs: int = attrs.field(validator=size)
    outputs: int = attrs.field(validator=size)
    init: str | Initialiser = attrs.field(default="he", kw_only=True)
    gain: float = attrs.field(default=1.0, kw_only=True)
    with_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

    def _begin(self, drawn: Array) -> None:
        """Start from `gain` times these numbers, and a bias of 0."""
        self.weight = parameter(self.gain * drawn)
        self.bias = parameter(np.zeros(self.outputs)) if self.with_bias else None
