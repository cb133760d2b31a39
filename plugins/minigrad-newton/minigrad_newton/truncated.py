"""Newton-CG: Newton's direction from Hessian-vector products alone."""

from __future__ import annotations

import math
from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, Optimizer, count, number
from minigrad.typing import Array
from minigrad_newton.search import strong_wolfe

__all__ = ["NewtonCG"]


@attrs.frozen
class NewtonCG:
    """w <- w + a p, where p roughly solves H p = -g, and a is found by strong Wolfe search.

    Source: Dembo & Steihaug 1983; Nocedal & Wright 2006, algorithm 7.1. Iteration stops at a residual of
    `tolerance` |g|, and before a direction of negative curvature. Needs memory for a few vectors where `newton` needs
    that for a Hessian.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL | Need.HVP
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation", "scale-invariant", "monotone", "orthogonal"})

    iterations: int = count(50, ge=1)
    tolerance: float = number(1e-2, gt=0.0, lt=1.0)

    def init(self, w: Array) -> NoState:
        """Nothing to remember."""
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        """One truncated Newton step."""
        g = f.grad
        if not g.any():
            return w.copy(), state
        point = strong_wolfe(f, w, self._direction(f, g))
        if point is None:
            point = strong_wolfe(f, w, -g / math.sqrt(float(g @ g)))
        return (w.copy() if point is None else point.w.astype(w.dtype, copy=False)), state

    def _direction(self, f: Objective, g: Array) -> Array:
        p, r = np.zeros_like(g), g.copy()
        d = -r
        square = float(r @ r)
        goal = self.tolerance**2 * square
        for i in range(min(self.iterations, 2 * g.size)):
            hd = f.hvp(d)
            curvature = float(d @ hd)
            if not curvature > 0.0:
                return d if i == 0 else p
            alpha = square / curvature
            p, r = p + alpha * d, r + alpha * hd
            after = float(r @ r)
            if after <= goal:
                break
            d, square = -r + (after / square) * d, after
        return p


_check: Optimizer[NoState] = NewtonCG()
