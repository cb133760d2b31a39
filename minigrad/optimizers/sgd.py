"""Gradient descent."""

from __future__ import annotations

from typing import ClassVar

import attrs

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import number
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, NoState, Optimizer

__all__ = ["SGD"]


@attrs.frozen
class SGD:
    """w <- w - lr g.

    Source: Robbins & Monro 1951; the course notes' "simplest form". lr: units of w per unit of gradient.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset(
        {"elementwise", "translation", "negation", "homogeneous", "constant-step", "orthogonal"}
    )

    lr: float = number(1e-3, ge=0.0)

    def init(self, w: Array) -> NoState:
        """Nothing to remember."""
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        """One step downhill."""
        return w - self.lr * f.grad, state


_check: Optimizer[NoState] = SGD()
