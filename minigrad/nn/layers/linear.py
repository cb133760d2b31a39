"""Layers that are matrix products."""

from __future__ import annotations

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.initializers import generator, initialiser
from minigrad.nn.layers.weighted import Weighted
from minigrad.ops.matmul import matmul

__all__ = ["Linear"]


@attrs.define(eq=False, repr=False)
class Linear(Weighted):
    """y = x @ weight + bias.

    Attributes:
        inputs, outputs: lengths of the last axis of x and y; x is `(..., inputs)`.
        init: initialiser of the weight, "he" (for ReLU), "xavier" (tanh, linear), or a function of shape and generator.
        gain: factor on the initial weight; a small one in the output layer makes the first loss that of pure chance.
        with_bias: whether there is a bias; it starts at 0.
        rng: where the initial weight is drawn from: a generator, a seed, or None for the enclosing `nn.seeded`.
        weight: `(inputs, outputs)` float32, as in the course notes; the transpose of PyTorch's. bias: `(outputs,)`
            float32, or None.
    """

    def __attrs_post_init__(self) -> None:
        self._begin(initialiser(self.init)((self.inputs, self.outputs), generator(self.rng)))

    def forward(self, x: Tensor) -> Tensor:
        """x `(..., inputs)` -> `(..., outputs)`. Raises ShapeError for another last axis."""
        if x.ndim == 0 or x.shape[-1] != self.inputs:
            raise ShapeError(f"{self!r} needs an input of shape (..., {self.inputs}), got {x.shape}")
        y = matmul(x, self.weight)
        return y if self.bias is None else y + self.bias

    def __repr__(self) -> str:
        return f"Linear({self.inputs}, {self.outputs}{'' if self.with_bias else ', with_bias=False'})"
