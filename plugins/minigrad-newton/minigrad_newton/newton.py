"""Newton's method."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, Optimizer, OptimizerError, flag, number
from minigrad.typing import Array

__all__ = ["Newton"]

_HALVINGS, _SHARE = 50, 1e-4


@attrs.frozen
class Newton:
    """w <- w - H^-1 g, with no learning rate.

    Source: Newton 1669, Raphson 1690; the course notes' "second order methods". Exact in one step on a quadratic, and
    quadratically convergent near a minimum with a regular Hessian. Far from one it goes wherever the quadratic model
    has its stationary point, be that a saddle or a maximum; `damping` > 0 solves (H + damping I) p = g instead
    (Levenberg 1944). Costs a Hessian of n^2 entries and n^3 operations for each step.

    `monotone` never raises the loss: along directions of negative curvature it goes down by as much as the formula
    would go up (Dauphin et al. 2014), and halves a step until the loss falls by a share of what its slope says (Armijo
    1966). On a convex quadratic that is the same step.

    Raises:
        OptimizerError: H + damping I cannot be inverted.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.HESSIAN
    laws: ClassVar[frozenset[str]] = frozenset(
        {"translation", "negation", "scale-invariant", "affine", "one-step-quadratic", "orthogonal"}
    )

    damping: float = number(0.0, ge=0.0)
    monotone: bool = flag(False)

    def extra_needs(self) -> Need:
        """The loss, there and elsewhere, for steps that never raise it."""
        return Need.VALUE | Need.REEVAL if self.monotone else Need(0)

    def init(self, w: Array) -> NoState:
        """Nothing to remember."""
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        """To the stationary point of the quadratic model."""
        h = f.hessian()
        if self.damping:
            h = h + self.damping * np.eye(w.size, dtype=w.dtype)
        if self.monotone:
            return _lower(f, w, _downhill(h, f.grad)), state
        try:
            return w - np.linalg.solve(h, f.grad), state
        except np.linalg.LinAlgError:
            raise OptimizerError(
                f"Newton, step {t}: the Hessian of {w.size} parameters is singular; damping=1e-3 makes it regular"
            ) from None


def _downhill(h: Array, g: Array) -> Array:
    """Return -|H|^-1 g.

    |H| has the absolute values of H's eigenvalues, none much smaller than the largest.
    """
    values, vectors = np.linalg.eigh(h)
    sizes = np.abs(values)
    least = float(np.sqrt(np.finfo(h.dtype).eps)) * float(sizes.max(initial=0.0))
    step: Array = vectors @ ((vectors.T @ -g) / np.maximum(sizes, least or 1.0))
    return step


def _lower(f: Objective, w: Array, step: Array) -> Array:
    """Return the first of w + step, w + step / 2, ... that lies low enough, or else w.

    That is lower than w by a share of what the slope says.
    """
    slope, here = float(f.grad @ step), f.value()
    for k in range(_HALVINGS):
        there: Array = w + 0.5**k * step
        if f.at(there).value() <= here + _SHARE * 0.5**k * slope:
            return there
    return w.copy()


_check: Optimizer[NoState] = Newton()
