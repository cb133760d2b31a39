"""L-BFGS."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, Objective, Optimizer, count, number
from minigrad.typing import Array
from minigrad_newton.search import strong_wolfe

__all__ = ["LBFGS", "History"]


@attrs.frozen
class History:
    """The last steps s and gradient changes y, each `(history, n)`, newest first.

    `known` of them are filled.
    """

    s: Array
    y: Array
    known: int


@attrs.frozen
class LBFGS:
    """w <- w - a H g, H the limited-memory BFGS inverse Hessian, a by strong Wolfe search.

    Source: Nocedal 1980; Nocedal & Wright 2006, algorithms 7.4 and 7.5. The first direction is -g / |g|; later H starts
    from s.y / y.y times the identity. A step with s.y too small is not remembered. For full batches: the line search
    assumes that the loss is the same function each time the closure is called.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation", "scale-invariant", "monotone", "orthogonal"})

    history: int = count(10, ge=1)
    c1: float = number(1e-4, gt=0.0, lt=0.5)
    c2: float = number(0.9, gt=0.0, lt=1.0)

    def init(self, w: Array) -> History:
        """Nothing known."""
        return History(np.zeros((self.history, w.size), w.dtype), np.zeros((self.history, w.size), w.dtype), 0)

    def update(self, w: Array, f: Objective, state: History, t: int) -> tuple[Array, History]:
        """One line search; where the direction leads nowhere, one more along the gradient.

        Else stay.
        """
        g = f.grad
        size = float(np.sqrt(g @ g))
        if size == 0.0:
            return w.copy(), state
        for known in (state, History(state.s, state.y, 0)) if state.known else (state,):
            point = strong_wolfe(f, w, -_product(known, g, size), c1=self.c1, c2=self.c2)
            if point is not None:
                return point.w.astype(w.dtype, copy=False), _remembered(known, point.w - w, point.grad - g)
        return w.copy(), History(state.s, state.y, 0)


def _product(h: History, g: Array, size: float) -> Array:
    """H g by the two-loop recursion."""
    if h.known == 0:
        return g / size
    q = g.copy()
    scaled = []
    for i in range(h.known):
        rho = 1.0 / float(h.s[i] @ h.y[i])
        alpha = rho * float(h.s[i] @ q)
        q = q - alpha * h.y[i]
        scaled.append((rho, alpha))
    q = q * (float(h.s[0] @ h.y[0]) / float(h.y[0] @ h.y[0]))
    for i in range(h.known - 1, -1, -1):
        rho, alpha = scaled[i]
        q = q + (alpha - rho * float(h.y[i] @ q)) * h.s[i]
    return q


def _remembered(h: History, s: Array, y: Array) -> History:
    if not float(s @ y) > 1e-12 * float(np.sqrt((s @ s) * (y @ y))):
        return h
    kept = slice(0, h.s.shape[0] - 1)
    return History(
        np.concatenate([s[None].astype(h.s.dtype, copy=False), h.s[kept]]),
        np.concatenate([y[None].astype(h.y.dtype, copy=False), h.y[kept]]),
        min(h.known + 1, h.s.shape[0]),
    )


_check: Optimizer[History] = LBFGS()
