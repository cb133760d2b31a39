"""Layers that are matrix products, and what layers with a weight and a bias share."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.initializers import Initializer, Source, find_initializer, generator
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import size
from minigrad.ops.contraction.matmul import matmul

__all__ = ["Linear", "Weighted"]


@attrs.define(eq=False, repr=False)
class Weighted(Module):
    """A weight that is drawn at random, and a bias for each output.

    Attributes:
        weight_init: initializer of the weight, "he" (for ReLU), "xavier" (tanh, linear), or a function of shape and
            generator.
        gain: factor on the initial weight; a small one in the output layer makes the first loss that of pure chance.
        use_bias: whether there is a bias; it starts at 0.
        rng: where the initial weight is drawn from: a generator, a seed, or None for the enclosing `nn.seeded`.
        weight: of the shape that the layer says, float32.
        bias: one number for each output, float32, or None.
    """

    weight_init: str | Initializer = attrs.field(default="he", kw_only=True)
    gain: float = attrs.field(default=1.0, kw_only=True)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

    def _begin(self, drawn: Array, outputs: int) -> None:
        """Start from `gain` times these numbers, and a bias of 0."""
        self.weight = parameter(self.gain * drawn)
        self.bias = parameter(np.zeros(outputs)) if self.use_bias else None


@lazy.renamed_fields(inputs="in_features", outputs="out_features", init="weight_init", with_bias="use_bias")
@attrs.define(eq=False, repr=False)
class Linear(Weighted):
    """y = x @ weight + bias.

    Attributes:
        in_features: length of the last axis of x, which is `(..., in_features)`.
        out_features: length of the last axis of y.
        weight_init: initializer of the weight, "he" (for ReLU), "xavier" (tanh, linear), or a function of shape and
            generator.
        gain: factor on the initial weight; a small one in the output layer makes the first loss that of pure chance.
        use_bias: whether there is a bias; it starts at 0.
        rng: where the initial weight is drawn from: a generator, a seed, or None for the enclosing `nn.seeded`.
        weight: `(in_features, out_features)` float32, as in the course notes; the transpose of PyTorch's.
        bias: `(out_features,)` float32, or None.
    """

    in_features: int = attrs.field(validator=size)
    out_features: int = attrs.field(validator=size)

    def __attrs_post_init__(self) -> None:
        draw = find_initializer(self.weight_init)
        self._begin(draw((self.in_features, self.out_features), generator(self.rng)), self.out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x `(..., in_features)` to `(..., out_features)`.

        Raises:
            ShapeError: the last axis of x has another length.
        """
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ShapeError(f"{self!r} needs an input of shape (..., {self.in_features}), got {x.shape}")
        y = matmul(x, self.weight)
        return y if self.bias is None else y + self.bias

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features}{'' if self.use_bias else ', use_bias=False'})"
