"""Layers of two inputs."""

from __future__ import annotations

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.initializers import find_initializer, generator
from minigrad.nn.layers.linear import Weighted
from minigrad.nn.module import Module
from minigrad.nn.validators import not_negative, positive, size
from minigrad.ops.contraction.einsum import einsum
from minigrad.ops.elementwise.piecewise_linear import maximum
from minigrad.ops.functions import norm, sum
from minigrad.ops.network.distance import pairwise_distance
from minigrad.ops.network.loss_checks import require_pairs

__all__ = ["Bilinear", "CosineSimilarity", "PairwiseDistance"]


@attrs.define(eq=False, repr=False)
class Bilinear(Weighted):
    """y_o = x1 @ weight_o @ x2 + bias_o.

    Attributes:
        in1_features: length of the last axis of x1.
        in2_features: length of the last axis of x2.
        out_features: length of the last axis of y.
        weight_init: initializer of each weight_o.
        gain: factor on the initial weight.
        use_bias: whether there is a bias.
        rng: as for Linear.
        weight: `(out_features, in1_features, in2_features)`, as PyTorch's.
        bias: `(out_features,)`, or None.
    """

    in1_features: int = attrs.field(validator=size)
    in2_features: int = attrs.field(validator=size)
    out_features: int = attrs.field(validator=size)

    def __attrs_post_init__(self) -> None:
        draw = find_initializer(self.weight_init)
        shape = (self.in1_features, self.out_features * self.in2_features)
        drawn = draw(shape, generator(self.rng)).reshape(self.in1_features, self.out_features, self.in2_features)
        self._begin(drawn.swapaxes(0, 1), self.out_features)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1 `(..., in1_features)` and x2 `(..., in2_features)` -> `(..., out_features)`.

        Raises:
            ShapeError: other last axes, or leading axes that differ.
        """
        lengths = (self.in1_features, self.in2_features)
        if not x1.ndim or (x1.shape[-1], x2.shape[-1]) != lengths or x1.shape[:-1] != x2.shape[:-1]:
            raise ShapeError(
                f"{self!r} needs inputs (..., {lengths[0]}) and (..., {lengths[1]}), got {x1.shape} and {x2.shape}"
            )
        y: Tensor = einsum("...i,oij,...j->...o", x1, self.weight, x2)
        return y if self.bias is None else y + self.bias

    def __repr__(self) -> str:
        return f"Bilinear({self.in1_features}, {self.in2_features}, {self.out_features})"


@attrs.define(eq=False)
class CosineSimilarity(Module):
    """The cosine of the angle between two inputs along an axis.

    Attributes:
        axis: along which they are vectors; PyTorch's dim.
        eps: the product of the lengths is at least this.
    """

    axis: int = 1
    eps: float = attrs.field(default=1e-8, validator=positive)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two inputs of one shape -> that shape without the axis."""
        require_pairs("CosineSimilarity", x1, x2)
        # Divided first: products of entries may overflow where the cosine is an ordinary number.
        unit = x1 / maximum(norm(x1, self.axis, keepdims=True), self.eps)
        return sum(unit * (x2 / maximum(norm(x2, self.axis, keepdims=True), self.eps)), self.axis)


@attrs.define(eq=False)
class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last axis.

    Attributes:
        p: which norm; infinity is the largest entry.
        eps: added to each difference, so that there is a gradient at equal inputs.
        keepdim: whether the last axis stays, with length one.
    """

    p: float = attrs.field(default=2.0, validator=attrs.validators.gt(0.0))
    eps: float = attrs.field(default=1e-6, validator=not_negative)
    keepdim: bool = False

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two inputs of one shape -> that shape without the last axis."""
        require_pairs("PairwiseDistance", x1, x2)
        return pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)
