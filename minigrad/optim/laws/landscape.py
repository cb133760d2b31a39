"""Functions to descend: smooth, convex, with all derivatives; and their images under maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need

__all__ = ["Environment", "Landscape", "landscape", "tape"]

Environment = Callable[[Array, int], Objective]
"""What a rule meets at parameters w and step t."""


@attrs.frozen(eq=False)
class Landscape:
    """`k f(T y + c)` with f(x) = x.Hx/2 - b.x + q sum_i (Ax)_i^4 / 4, as a function of y.

    Its Hessian is positive definite for k > 0, so that Newton's method and line searches have something to hold on to.
    Without the quartic part and up to a constant it is k |root x - target|^2 / 2.
    """

    h: Array
    b: Array
    a: Array
    root: Array
    target: Array
    q: float
    k: float = 1.0
    t: Array | None = None
    c: Array | None = None

    def shifted(self, c: Array) -> Landscape:
        """The landscape moved by c: its value at y + c is the old one at y."""
        return attrs.evolve(self, c=-c)

    def scaled(self, k: float) -> Landscape:
        """k times the function."""
        return attrs.evolve(self, k=self.k * k)

    def mapped(self, t: Array, c: Array | None = None) -> Landscape:
        """The function of y where x = T y + c."""
        return attrs.evolve(self, t=t, c=c)

    def value(self, y: Array) -> float:
        """The function at y."""
        x = self._x(y)
        ax = self.a @ x
        return float(self.k * (0.5 * (x @ self.h @ x) - self.b @ x + 0.25 * self.q * np.sum(ax**4)))

    def grad(self, y: Array) -> Array:
        """Gradient with respect to y."""
        x = self._x(y)
        g = self.k * (self.h @ x - self.b + self.q * (self.a.T @ (self.a @ x) ** 3))
        pulled: Array = g if self.t is None else self.t.T @ g
        return pulled

    def hessian(self, y: Array) -> Array:
        """Hessian with respect to y."""
        x = self._x(y)
        m = self.k * (self.h + 3.0 * self.q * (self.a.T * (self.a @ x) ** 2) @ self.a)
        pulled: Array = m if self.t is None else self.t.T @ m @ self.t
        return pulled

    def hvp(self, y: Array, v: Array) -> Array:
        """Hessian with respect to y, times v."""
        u = v if self.t is None else self.t @ v
        image = self.k * (self.h @ u + 3.0 * self.q * (self.a.T @ ((self.a @ self._x(y)) ** 2 * (self.a @ u))))
        pulled: Array = image if self.t is None else self.t.T @ image
        return pulled

    def environment(self, needs: Need) -> Environment:
        """This landscape as a rule meets it, offering no more than it declares to need."""
        return lambda y, _: self._seen_from(y, needs)

    def _seen_from(self, y: Array, needs: Need) -> Objective:
        return Objective(
            self.grad(y) if Need.GRAD in needs else None,
            value=(lambda: self.value(y)) if Need.VALUE in needs else None,
            at=(lambda there: self._seen_from(there, needs)) if Need.REEVAL in needs else None,
            hvp=(lambda v: self.hvp(y, v)) if Need.HVP in needs else None,
            hessian=(lambda: self.hessian(y)) if Need.HESSIAN in needs else None,
            residual=(lambda: self._root() @ self._x(y) - self._target()) if Need.RESIDUAL in needs else None,
            jacobian=self._factor if Need.RESIDUAL in needs else None,
        )

    def minimum(self) -> Array:
        """Where the quadratic part, unmapped, has its minimum."""
        return np.asarray(np.linalg.solve(self.h, self.b), dtype=np.float64)

    def _factor(self) -> Array:
        return self._root() if self.t is None else self._root() @ self.t

    def _root(self) -> Array:
        return math.sqrt(self.k) * self.root

    def _target(self) -> Array:
        return math.sqrt(self.k) * self.target

    def _x(self, y: Array) -> Array:
        x = y if self.t is None else self.t @ y
        return x if self.c is None else x + self.c


@lru_cache(maxsize=16)
def landscape(n: int, seed: int, dtype: str = "float64", quartic: float = 0.05) -> Landscape:
    """A random landscape over n variables; the quadratic part has eigenvalues from 0.5 to 4."""
    rng = np.random.default_rng([seed, n])
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    h = (q * np.linspace(0.5, 4.0, n)) @ q.T
    b = h @ rng.uniform(-0.5, 0.5, n)
    a = rng.standard_normal((n, n)) / np.sqrt(n)
    lower = np.linalg.cholesky(h)
    h, b, a, root, target = (m.astype(dtype) for m in (h, b, a, lower.T, np.linalg.solve(lower, b)))
    return Landscape(h, b, a, root, target, quartic)


def tape(gradients: Array) -> Environment:
    """Gradients `gradients[t - 1]`, wherever the rule may be.

    For laws about sequences of gradients.
    """
    return lambda _, t: Objective(gradients[t - 1])
