"""Activations and reshaping: layers without parameters."""

from __future__ import annotations

import attrs

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.validators import finite, positive, size
from minigrad.ops import reduce
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_constant import greater
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.ops.elementwise.transcendental import sigmoid, softplus, tanh
from minigrad.ops.network.activation import elu, gelu, leaky_relu, silu
from minigrad.ops.shape import reshape

__all__ = ["ELU", "GELU", "Flatten", "LeakyReLU", "Maxout", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"]


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
    """log(1 + exp(beta x)) / beta, entry by entry, without overflow: a smooth ReLU.

    Attributes:
        beta: how sharp the bend is.
        threshold: where beta x is above it, x itself comes out, as in PyTorch, whose default is 20; None is exact.
    """

    beta: float = attrs.field(default=1.0, validator=positive)
    threshold: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        scaled = x if self.beta == 1.0 else x * self.beta
        y = softplus(scaled) if self.beta == 1.0 else softplus(scaled) / self.beta
        return y if self.threshold is None else where(greater(scaled, self.threshold), x, y)


@lazy.renamed_fields(pieces="num_pieces")
@attrs.define(eq=False)
class Maxout(Module):
    """The largest of every `num_pieces` neighbouring entries of the last axis.

    Source: Goodfellow et al. 2013; course notes.

    After `Linear(inputs, units * num_pieces)` this is the maxout unit max_k(x @ W_k + b_k). Ties share the gradient.
    """

    num_pieces: int = attrs.field(default=2, validator=size)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., units * num_pieces)` -> `(..., units)`.

        Raises:
            ShapeError: the last axis does not divide by `num_pieces`.
        """
        if x.ndim == 0 or x.shape[-1] % self.num_pieces:
            raise ShapeError(f"{self!r} needs a last axis that divides by {self.num_pieces}, got an input of {x.shape}")
        apart = reshape(x, shape=(*x.shape[:-1], x.shape[-1] // self.num_pieces, self.num_pieces))
        return reduce.max(apart, axis=-1)


@attrs.define(eq=False)
class Flatten(Module):
    """Each row of a batch as one axis: `(N, ...)` -> `(N, D)`.

    Attributes:
        start_axis: the first axis that is flattened.
        end_axis: the last one.
    """

    start_axis: int = 1
    end_axis: int = -1

    def forward(self, x: Tensor) -> Tensor:
        """Flatten the axes from `start_axis` to `end_axis`: by default all but the first.

        Raises:
            ShapeError: there are no such axes.
        """
        if x.ndim == 0:
            raise ShapeError("Flatten needs a batch, (N, ...); got a single number")
        start, end = (a + x.ndim if a < 0 else a for a in (self.start_axis, self.end_axis))
        if (start, end) == (1, 0):  # (N,) is N rows of one number
            return reshape(x, shape=(x.shape[0], 1))
        if not 0 <= start <= end < x.ndim:
            raise ShapeError(f"{self!r}: an input of shape {x.shape} has no axes {self.start_axis} to {self.end_axis}")
        size = 1
        for length in x.shape[start : end + 1]:
            size *= length
        return reshape(x, shape=(*x.shape[:start], size, *x.shape[end + 1 :]))


@attrs.define(eq=False)
class GELU(Module):
    """x times the probability that a standard normal number is below x.

    Source: Hendrycks & Gimpel 2016.

    Attributes:
        approximate: "none", or "tanh" for the usual approximation, as in PyTorch.
    """

    approximate: str = "none"

    def __attrs_post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise ModuleError(f"GELU.approximate must be 'none' or 'tanh', got {self.approximate!r}")

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return gelu(x, self.approximate)


@attrs.define(eq=False)
class SiLU(Module):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return silu(x)


@lazy.renamed_fields(slope="negative_slope")
@attrs.define(eq=False)
class LeakyReLU(Module):
    """x for x > 0 and negative_slope * x below, so that no unit dies (Maas et al. 2013)."""

    negative_slope: float = attrs.field(default=0.01, validator=finite)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return leaky_relu(x, slope=self.negative_slope)


@attrs.define(eq=False)
class ELU(Module):
    """x for x > 0 and alpha (e^x - 1) below (Clevert et al. 2015)."""

    alpha: float = attrs.field(default=1.0, validator=positive)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return elu(x, alpha=self.alpha)
