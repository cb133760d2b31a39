"""Newton's method."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, Optimizer, OptimizerError, number
from minigrad.typing import Array

__all__ = ["Newton"]


@attrs.frozen
class Newton:
    """w <- w - H^-1 g, with no learning rate.

    Source: Newton 1669, Raphson 1690; the course notes' "second order methods". Exact in one step on a quadratic, and
    quadratically convergent near a minimum with a regular Hessian. Far from one it goes wherever the quadratic model
    has its stationary point, be that a saddle or a maximum; `damping` > 0 solves (H + damping I) p = g instead
    (Levenberg 1944). Costs a Hessian of n^2 entries and n^3 operations for each step.

    Raises:
        OptimizerError: H + damping I cannot be inverted.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.HESSIAN
    laws: ClassVar[frozenset[str]] = frozenset(
        {"translation", "negation", "scale-invariant", "affine", "one-step-quadratic", "orthogonal"}
    )

    damping: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> NoState:
        """Nothing to remember."""
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        """To the stationary point of the quadratic model."""
        h = f.hessian()
        if self.damping:
            h = h + self.damping * np.eye(w.size, dtype=w.dtype)
        try:
            return w - np.linalg.solve(h, f.grad), state
        except np.linalg.LinAlgError:
            raise OptimizerError(
                f"Newton, step {t}: the Hessian of {w.size} parameters is singular; damping=1e-3 makes it regular"
            ) from None


_check: Optimizer[NoState] = Newton()
