"""The function being minimised, as a rule sees it: lazily, near one point, and read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import NeedError

__all__ = ["Objective", "read_only"]

_MISSING = {
    "grad": ("GRAD", "call loss.backward() before opt.step(), or pass a closure: opt.step(closure)"),
    "value": ("VALUE", "pass a closure that returns the loss: opt.step(closure)"),
    "at": ("REEVAL", "pass a closure that returns the loss: opt.step(closure)"),
    "hvp": ("HVP", "pass a closure that returns the loss: opt.step(closure)"),
    "hessian": ("HESSIAN", "pass a closure that returns the loss: opt.step(closure)"),
    "residual": ("RESIDUAL", "build the Objective with residual= and jacobian="),
    "jacobian": ("RESIDUAL", "build the Objective with residual= and jacobian="),
}


def read_only(a: Array) -> Array:
    """A view of `a` through which nothing can be written."""
    view = a.view()
    view.flags.writeable = False
    return view


class Objective:
    """A scalar function f seen from one point w of shape `(n,)`.

    Built from plain callables, each called at most once (`at`, `hvp`: once per call). What was not supplied raises
    `NeedError` naming the `Need` that the rule has to declare and what the caller has to pass.

    Args:
        grad: gradient of f at w, shape `(n,)`, or a callable that computes it.
        value: computes f(w).
        at: computes the Objective at another point.
        hvp: computes the Hessian at w times a vector of shape `(n,)`.
        hessian: computes the Hessian at w, shape `(n, n)`.
        residual: computes r of shape `(m,)` where f = 0.5 r.r.
        jacobian: computes dr/dw, shape `(m, n)`.
    """

    __slots__ = ("_at", "_grad", "_hessian", "_hvp", "_jacobian", "_residual", "_value")

    def __init__(
        self,
        grad: Array | Callable[[], Array] | None = None,
        *,
        value: Callable[[], float] | None = None,
        at: Callable[[Array], Objective] | None = None,
        hvp: Callable[[Array], Array] | None = None,
        hessian: Callable[[], Array] | None = None,
        residual: Callable[[], Array] | None = None,
        jacobian: Callable[[], Array] | None = None,
    ) -> None:
        self._grad = read_only(grad) if isinstance(grad, np.ndarray) else grad
        self._value = value
        self._at = at
        self._hvp = hvp
        self._hessian = hessian
        self._residual = residual
        self._jacobian = jacobian

    @property
    def grad(self) -> Array:
        """Gradient at this point, shape `(n,)`, read-only.

        Raises:
            NeedError: there is none.
        """
        if not isinstance(self._grad, np.ndarray):
            self._grad = read_only((self._grad or _missing("grad"))())
        return self._grad

    def value(self) -> float:
        """f at this point.

        Raises:
            NeedError: without `Need.VALUE`.
        """
        value = float((self._value or _missing("value"))())
        self._value = lambda: value
        return value

    def at(self, w: Array) -> Objective:
        """The function seen from another point `w`, shape `(n,)`.

        Raises:
            NeedError: without `Need.REEVAL`.
        """
        return (self._at or _missing("at"))(w)

    def hvp(self, v: Array) -> Array:
        """Hessian at this point times `v`, shape `(n,)`.

        Raises:
            NeedError: without `Need.HVP`.
        """
        return (self._hvp or _missing("hvp"))(v)

    def hessian(self) -> Array:
        """Hessian at this point, shape `(n, n)`.

        Raises:
            NeedError: without `Need.HESSIAN`.
        """
        return (self._hessian or _missing("hessian"))()

    def residual(self) -> Array:
        """r of shape `(m,)` where f = 0.5 r.r.

        Raises:
            NeedError: without `Need.RESIDUAL`.
        """
        return (self._residual or _missing("residual"))()

    def jacobian(self) -> Array:
        """dr/dw of shape `(m, n)`.

        Raises:
            NeedError: without `Need.RESIDUAL`.
        """
        return (self._jacobian or _missing("jacobian"))()

    @classmethod
    def of(
        cls,
        w: Array,
        grad: Callable[[Array], Array],
        *,
        value: Callable[[Array], float] | None = None,
        hvp: Callable[[Array, Array], Array] | None = None,
        hessian: Callable[[Array], Array] | None = None,
        residual: Callable[[Array], Array] | None = None,
        jacobian: Callable[[Array], Array] | None = None,
    ) -> Objective:
        """The Objective at `w` of a function given by formulas of w (`hvp(w, v)`).

        `at` works, and keeps them.
        """

        def at(elsewhere: Array) -> Objective:
            return cls.of(elsewhere, grad, value=value, hvp=hvp, hessian=hessian, residual=residual, jacobian=jacobian)

        return cls(
            lambda: grad(w),
            value=None if value is None else lambda: value(w),
            at=at,
            hvp=None if hvp is None else lambda v: hvp(w, v),
            hessian=None if hessian is None else lambda: hessian(w),
            residual=None if residual is None else lambda: residual(w),
            jacobian=None if jacobian is None else lambda: jacobian(w),
        )


def _missing(what: str) -> NoReturn:
    need, remedy = _MISSING[what]
    raise NeedError(
        f"this objective cannot give `{what}`. The rule must declare Need.{need} among its needs, and the caller must "
        f"supply it: {remedy}."
    )
