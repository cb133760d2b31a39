"""Regularisation: a term of its own beside the data loss, so that each can be checked and watched alone."""

from __future__ import annotations

import math

import attrs

from minigrad.core.tensor import Tensor, tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.ops.elementwise import square

__all__ = ["L2"]


def _strength(owner: object, field: attrs.Attribute[float], value: float) -> None:
    if not 0.0 <= value < math.inf:
        raise ModuleError(f"L2.strength must be a finite number >= 0, got {value!r}")


@attrs.frozen
class L2:
    """0.5 x strength x sum of w^2 over all weights: parameters of two or more axes, so not over biases.

    Source: the course notes' regularisation loss; its gradient is strength x w.
    """

    strength: float = attrs.field(validator=_strength)

    def __call__(self, model: Module) -> Tensor:
        """The term for the present weights of `model`, to be added to the data loss."""
        total: Tensor | None = None
        for p in model.parameters():
            if p.ndim >= 2:
                term = square(p).sum()
                total = term if total is None else total + term
        return tensor(0.0) if total is None else total * (0.5 * self.strength)
