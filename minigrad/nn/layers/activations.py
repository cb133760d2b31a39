"""Activations and reshaping: layers without parameters."""

from __future__ import annotations

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.module import Module
from minigrad.nn.validators import size
from minigrad.ops import reduce
from minigrad.ops.elementwise import relu, sigmoid, tanh
from minigrad.ops.shape import reshape
from minigrad.ops.transcendental import softplus

__all__ = ["Flatten", "Maxout", "ReLU", "Sigmoid", "Softplus", "Tanh"]


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
class Softplus(Module):
    """log(1 + exp(x)), entry by entry, without overflow: a smooth ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return softplus(x)


@attrs.define(eq=False)
class Maxout(Module):
    """The largest of every `pieces` neighbouring entries of the last axis (Goodfellow et al. 2013; course notes).

    After `Linear(inputs, units * pieces)` this is the maxout unit max_k(x @ W_k + b_k). Ties share the gradient.
    """

    pieces: int = attrs.field(default=2, validator=size)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., units * pieces)` -> `(..., units)`. Raises ShapeError for a last axis that does not divide."""
        if x.ndim == 0 or x.shape[-1] % self.pieces:
            raise ShapeError(f"{self!r} needs a last axis that divides by {self.pieces}, got an input of {x.shape}")
        apart = reshape(x, shape=(*x.shape[:-1], x.shape[-1] // self.pieces, self.pieces))
        return reduce.max(apart, axis=-1)


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
