"""Least squares: Gauss-Newton and Levenberg-Marquardt."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, Objective, Optimizer, OptimizerError, count, number
from minigrad.typing import Array

__all__ = ["Damping", "LevenbergMarquardt"]


@attrs.frozen
class Damping:
    """The damping of the next step."""

    value: float


@attrs.frozen
class LevenbergMarquardt:
    """w <- w - (J'J + m diag(J'J))^-1 J'r for f = r.r / 2.

    M falls after a success, and rises until there is one.
    Source: Levenberg 1944; Marquardt 1963. `damping=0` is the Gauss-Newton method, which takes every step as it comes.
    The closure returns the residual vector r, shape `(m,)`, in place of the loss.

    Raises:
        OptimizerError: `damping=0` and J'J is singular.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.REEVAL | Need.RESIDUAL
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation", "scale-invariant", "monotone"})

    damping: float = number(1e-3, ge=0.0)
    factor: float = number(10.0, gt=1.0)
    trials: int = count(30, ge=1)

    def init(self, w: Array) -> Damping:
        """The first damping."""
        return Damping(self.damping)

    def update(self, w: Array, f: Objective, state: Damping, t: int) -> tuple[Array, Damping]:
        """One accepted step, or none if no damping helps."""
        r, j = f.residual(), f.jacobian()
        normal, g = j.T @ j, j.T @ r
        if self.damping == 0.0:
            return w - _solved(normal, g, t), state
        m, loss = state.value, float(r @ r)
        scale = np.diag(np.maximum(np.diag(normal), np.finfo(w.dtype).tiny))
        for _ in range(self.trials):
            moved = w - _solved(normal + m * scale, g, t)
            after = f.at(moved).residual()
            if float(after @ after) <= loss:
                return moved.astype(w.dtype, copy=False), Damping(m / self.factor)
            m *= self.factor
        return w.copy(), Damping(m)


def _solved(a: Array, b: Array, t: int) -> Array:
    try:
        return np.asarray(np.linalg.solve(a, b), dtype=b.dtype)
    except np.linalg.LinAlgError:
        raise OptimizerError(
            f"Gauss-Newton, step {t}: the {len(b)} columns of the Jacobian are dependent; damping=1e-3 helps"
        ) from None


_check: Optimizer[Damping] = LevenbergMarquardt()
