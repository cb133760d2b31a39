"""Rules that average instead of lowering the learning rate."""

from __future__ import annotations

from typing import ClassVar

import attrs

from minigrad.optim import Averages, Need, Objective, Optimizer, number
from minigrad.typing import Array

__all__ = ["ScheduleFree"]


@attrs.frozen
class TwoPoints:
    """z, which descends, and x, its running mean, both of shape `(n,)`."""

    z: Array
    x: Array


@attrs.frozen
class ScheduleFree:
    """z <- z - lr g(y), x <- (1 - 1/t) x + z/t, y = (1 - beta) z + beta x.

    Source: Defazio et al. 2024, schedule-free SGD, equations 3 to 5. The parameters hold y, where gradients are taken.
    What the method promises is said of x: evaluate and save inside `with opt.averaged(): ...`. y and x meet as training
    converges.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "negation", "translation", "homogeneous", "orthogonal"})

    lr: float = number(1e-1, ge=0.0)
    beta: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> TwoPoints:
        """Both points at the start."""
        return TwoPoints(w.copy(), w.copy())

    def update(self, w: Array, f: Objective, state: TwoPoints, t: int) -> tuple[Array, TwoPoints]:
        """Descend with z, average into x, and look from between."""
        z = state.z - self.lr * f.grad
        x = state.x + (z - state.x) / t
        return z + self.beta * (x - z), TwoPoints(z, x)

    def average(self, w: Array, state: TwoPoints) -> Array:
        """x."""
        return state.x


_check: Optimizer[TwoPoints] = ScheduleFree()
_averages: Averages[TwoPoints] = ScheduleFree()
