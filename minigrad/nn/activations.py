"""Activations and reshaping: layers without parameters."""

from __future__ import annotations

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.module import Module
from minigrad.ops.elementwise import relu, sigmoid, tanh
from minigrad.ops.shape import reshape

__all__ = ["Flatten", "ReLU", "Sigmoid", "Tanh"]


@attrs.define(eq=False)
class ReLU(Module):
    """max(x, 0), entry by entry."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return relu(x)


@attrs.define(eq=False)
class Tanh(Module):
    """tanh(x), entry by entry."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return tanh(x)


@attrs.define(eq=False)
class Sigmoid(Module):
    """1 / (1 + exp(-x)), entry by entry."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return sigmoid(x)


@attrs.define(eq=False)
class Flatten(Module):
    """Each row of a batch as one axis: `(N, ...)` -> `(N, D)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Raises ShapeError for an input without a batch axis."""
        if x.ndim == 0:
            raise ShapeError("Flatten needs a batch, (N, ...); got a single number")
        size = 1
        for length in x.shape[1:]:
            size *= length
        return reshape(x, shape=(x.shape[0], size))
