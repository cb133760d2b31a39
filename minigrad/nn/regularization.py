"""Regularization: a term of its own beside the data loss.

Each can then be checked and watched alone.
Both are linear in their strength, and look at weights only: parameters of two or more axes, so not at biases and gains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from minigrad.core.tensor import Tensor, tensor
from minigrad.nn.module import Module
from minigrad.nn.validators import not_negative
from minigrad.ops.elementwise.arithmetic import square
from minigrad.ops.elementwise.piecewise_linear import absolute

__all__ = ["L1", "L2", "Regularization"]

Regularization: TypeAlias = Callable[[Module], Tensor]
"""A term that is added to the data loss: a number, of a model's parameters."""


def _summed(model: Module, size: Callable[[Tensor], Tensor], strength: float) -> Tensor:
    total: Tensor | None = None
    for p in model.parameters():
        if p.ndim >= 2:
            term = size(p).sum()
            total = term if total is None else total + term
    return tensor(0.0) if total is None else total * strength


@attrs.frozen
class L2:
    """0.5 x strength x sum of w^2 over all weights.

    Weights are parameters of two or more axes, so not biases.
    Source: the course notes' regularisation loss; its gradient is strength x w.
    """

    strength: float = attrs.field(validator=not_negative)

    def __call__(self, model: Module) -> Tensor:
        """The term for the present weights of `model`, to be added to the data loss."""
        return _summed(model, square, 0.5 * self.strength)


@attrs.frozen
class L1:
    """strength x sum of |w| over all weights, which makes them sparse.

    Weights are parameters of two or more axes, so not biases.
    Source: the course notes; its gradient is strength x sign(w), 0 where w = 0.
    """

    strength: float = attrs.field(validator=not_negative)

    def __call__(self, model: Module) -> Tensor:
        """The term for the present weights of `model`, to be added to the data loss."""
        return _summed(model, absolute, self.strength)
