"""`minimize`: SciPy's minimizers over containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.core.errors import nearest
from minigrad.optimize.errors import ProblemError, load_scipy
from minigrad.optimize.flat import FlatFunction, FlatSpace

__all__ = ["METHODS", "minimize"]

METHODS: Mapping[str, tuple[str, ...]] = {
    "CG": (),
    "BFGS": (),
    "L-BFGS-B": ("bounds",),
    "TNC": ("bounds",),
    "SLSQP": ("bounds", "constraints"),
    "Newton-CG": ("product",),
    "trust-ncg": ("product",),
    "trust-krylov": ("product",),
    "dogleg": ("matrix",),
    "trust-exact": ("matrix",),
    "trust-constr": ("matrix", "bounds", "constraints"),
}
"""Methods of SciPy that take derivatives -> what they take beside the gradient."""


def minimize(
    f: Callable[..., Any],
    start: object,
    *,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    bounds: Any = None,
    constraints: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    hess: Callable[[Any], Any] | bool | None = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    callback: Callable[[Any], object] | None = None,
) -> Any:
    """Find a local minimum of `f` by `scipy.optimize.minimize`, with its derivatives.

    `f`, its gradient and its Hessian run as programs, in float64.

    Args:
        f: takes what `start` is, of Tensors, and `args`; returns one number.
        start: a number, an array, or a container of them (lists, tuples, dicts, attrs classes, dataclasses).
        args: further arguments of `f`, held fixed.
        method: of `METHODS`; by default BFGS, L-BFGS-B with bounds, SLSQP with constraints.
        bounds: a pair (low, high) of None, a number, or what `start` is; or a `scipy.optimize.Bounds`.
        constraints: dicts as SciPy's, `{"type": "eq" or "ineq", "fun": g}`, where g takes what `start` is and returns
            numbers that are to be 0, or not negative.
        hess: of methods that take curvature: a function that returns the Hessian as a matrix over the flat vector, or
            False for the method's own approximation (trust-constr only); by default the exact one.
        tol: as SciPy's.
        options: as SciPy's.
        callback: called with what `start` is after each iteration.

    Returns:
        SciPy's result; its `x` is what `start` is. `eager_because` says why `f` did not run as a program, or is empty.

    Raises:
        ProblemError: the method takes no derivatives, bounds or constraints, or something does not fit the start.
        MissingSciPy: SciPy is not installed.
    """
    scipy = load_scipy("minimize")
    space = FlatSpace(start)
    limits = [constraints] if isinstance(constraints, Mapping) else list(constraints)
    method = _method(method, bounds is not None, bool(limits))
    flat = FlatFunction(f, space, args)
    takes = METHODS[method]
    keywords: dict[str, Any] = {}
    if callable(hess):
        keywords["hess"] = lambda x: hess(space.result(x))
    elif "matrix" in takes and hess is not False:
        keywords["hess"] = flat.hessian
    elif "product" in takes:
        keywords["hessp"] = flat.hessian_product
    if bounds is not None:
        keywords["bounds"] = read_bounds(scipy, space, bounds)
    if limits:
        keywords["constraints"] = [_constraint(scipy, method, space, c) for c in limits]
    if callback is not None:
        keywords["callback"] = lambda x, *_: _call(callback, space, x)
    result = scipy.minimize(
        flat.value_and_grad, space.start, jac=True, method=method, tol=tol, options=dict(options or {}), **keywords
    )
    result.x = space.result(result.x)
    result.eager_because = flat.eager_because
    return result


def _call(callback: Callable[[Any], object], space: FlatSpace, x: Any) -> None:
    callback(space.result(x))


def _method(name: str | None, bounded: bool, constrained: bool) -> str:
    if name is None:
        return "SLSQP" if constrained else "L-BFGS-B" if bounded else "BFGS"
    known = {m.lower(): m for m in METHODS}
    if not isinstance(name, str) or name.lower() not in known:
        raise ProblemError(f"method {name!r} is none that takes derivatives.{nearest(str(name), METHODS)} Known: "
                           f"{', '.join(METHODS)}")  # fmt: skip
    method = known[name.lower()]
    for what, is_given in (("bounds", bounded), ("constraints", constrained)):
        if is_given and what not in METHODS[method]:
            others = ", ".join(m for m, takes in METHODS.items() if what in takes)
            raise ProblemError(f"method {method} takes no {what}; {others} do")
    return method


def read_bounds(scipy: Any, space: FlatSpace, bounds: Any) -> Any:
    """SciPy's bounds for a pair of lower and upper ones.

    Raises:
        ProblemError: it is no pair, does not fit the start, or a lower bound lies above an upper one.
    """
    if isinstance(bounds, scipy.Bounds):
        return bounds
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ProblemError("bounds are a pair (low, high), each None, a number or what the start is")
    low, high = (
        np.full(space.size, infinite) if b is None else space.vector(b, "a bound")
        for b, infinite in zip(bounds, (-np.inf, np.inf), strict=True)
    )
    if np.any(low > high):
        at = int(np.argmax(low > high))
        raise ProblemError(f"the lower bound {low[at]:g} lies above the upper one {high[at]:g} (entry {at})")
    return scipy.Bounds(low, high)


def _constraint(scipy: Any, method: str, space: FlatSpace, constraint: Mapping[str, Any]) -> Any:
    kind, function = constraint.get("type"), constraint.get("fun")
    unknown = sorted(set(constraint) - {"type", "fun", "args"})
    if kind not in ("eq", "ineq") or not callable(function) or unknown:
        raise ProblemError('a constraint is {"type": "eq" or "ineq", "fun": function, "args": ()}, '
                           f"got the keys {sorted(map(str, constraint))} and type {kind!r}")  # fmt: skip
    flat = FlatFunction(function, space, tuple(constraint.get("args", ())))

    def value(x: Any) -> Any:
        return np.atleast_1d(flat.value(x))

    def slope(x: Any) -> Any:
        return np.atleast_2d(flat.jacobian(x))

    if method == "SLSQP":
        return {"type": kind, "fun": value, "jac": slope}
    return scipy.NonlinearConstraint(value, 0.0, 0.0 if kind == "eq" else np.inf, jac=slope, hess=flat.weighted_hessian)
