"""`least_squares` and `root`: SciPy's solvers over containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.core.errors import nearest
from minigrad.optimize.errors import ProblemError, load_scipy
from minigrad.optimize.flat import FlatFunction, FlatSpace
from minigrad.optimize.minimize import read_bounds

__all__ = ["least_squares", "root"]


def least_squares(
    f: Callable[..., Any],
    start: object,
    *,
    args: tuple[Any, ...] = (),
    bounds: Any = None,
    method: str = "trf",
    **options: Any,
) -> Any:
    """Find a local minimum of the sum of squares of `f`, by `scipy.optimize.least_squares`.

    The Jacobian is that of the rules.

    Args:
        f: takes what `start` is, of Tensors, and `args`; returns the residuals, in one array or a container.
        start: as for `minimize`.
        args: further arguments of `f`, held fixed.
        bounds: as for `minimize`; not of the method "lm".
        method: "trf", "dogbox" or "lm".
        options: further keyword arguments of SciPy's, such as `loss` and `xtol`.

    Returns:
        SciPy's result; its `x` is what `start` is. `eager_because` as for `minimize`.

    Raises:
        ProblemError: a method that there is not, or something does not fit the start.
        MissingSciPy: SciPy is not installed.
    """
    scipy = load_scipy("least_squares")
    _known(method, ("trf", "dogbox", "lm"))
    space = FlatSpace(start)
    flat = FlatFunction(f, space, args)
    if bounds is not None:
        options["bounds"] = read_bounds(scipy, space, bounds)
    result = scipy.least_squares(
        lambda x: np.atleast_1d(flat.value(x)),
        space.start,
        jac=lambda x: np.atleast_2d(flat.jacobian(x)),
        method=method,
        **options,
    )
    result.x = space.result(result.x)
    result.eager_because = flat.eager_because
    return result


def root(
    f: Callable[..., Any],
    start: object,
    *,
    args: tuple[Any, ...] = (),
    method: str = "hybr",
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Find where `f` is 0, by `scipy.optimize.root`, with the Jacobian of the rules.

    Args:
        f: takes what `start` is, of Tensors, and `args`; returns as many numbers as `start` holds.
        start: as for `minimize`.
        args: further arguments of `f`, held fixed.
        method: "hybr" or "lm", the two that take a Jacobian.
        tol: as SciPy's.
        options: as SciPy's.

    Returns:
        SciPy's result; its `x` is what `start` is. `eager_because` as for `minimize`.

    Raises:
        ProblemError: a method that there is not, or `f` returns another number of numbers.
        MissingSciPy: SciPy is not installed.
    """
    scipy = load_scipy("root")
    _known(method, ("hybr", "lm"))
    space = FlatSpace(start)
    flat = FlatFunction(f, space, args)
    count = np.size(flat.value(space.start))
    if count != space.size:
        raise ProblemError(f"root needs as many equations as unknowns: {count} for {space.size}; see least_squares")
    result = scipy.root(
        lambda x: np.atleast_1d(flat.value(x)),
        space.start,
        jac=lambda x: np.atleast_2d(flat.jacobian(x)),
        method=method,
        tol=tol,
        options=dict(options or {}),
    )
    result.x = space.result(result.x)
    result.eager_because = flat.eager_because
    return result


def _known(method: str, methods: tuple[str, ...]) -> None:
    if method not in methods:
        raise ProblemError(f"there is no method {method!r}.{nearest(str(method), methods)} Known: {', '.join(methods)}")
