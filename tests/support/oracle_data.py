"""The oracle's numbers, in tests/data/oracle.npz: what is written, and how it is read.

One array for each function and dtype, correctly rounded to the dtype: value, slope and curvature for functions of one
variable (3, points); value, both slopes and the three second derivatives for two (6, points); and for rows one after
the other the value, the gradient, the Hessian times `DIRECTION`, the size of the value's terms and of the Hessian's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minigrad.core.types import Array
from support.oracle_exact import DIGITS, FEWER, exact
from support.oracle_functions import UNARY, Function
from support.oracle_jet import Jet
from support.oracle_pairs import PAIRS, PairFunction, pairs
from support.oracle_points import grid
from support.oracle_rows import ROWS, RowFunction, rows, total
from support.oracle_special import SPECIAL

PATH = Path(__file__).parents[1] / "data" / "oracle.npz"
DTYPES = (np.float64, np.float32)
WEIGHTS = (1.0, -0.75, 0.5, 1.25)
"""Of the results of a row, which are added up to one number."""
DIRECTION = (0.75, -1.25, 0.5, 1.0)

AnyFunction = Function | PairFunction | RowFunction
EVERY: list[AnyFunction] = [*UNARY, *SPECIAL, *PAIRS, *ROWS]


def key(function: AnyFunction, dtype: Any) -> str:
    """The name of an array in the file."""
    return f"{function.name}, {np.dtype(dtype).name}"


def points(function: Function, dtype: Any) -> Array:
    """Where a function of one variable is tried."""
    return grid(function.low, function.high, (*function.places, *function.poles), dtype)


def reference(function: AnyFunction, dtype: Any) -> Array:
    """The array of a function, by mpmath: this takes seconds."""
    if isinstance(function, Function):
        numbers = np.array([_at(function, float(x)) for x in points(function, dtype)]).T
    elif isinstance(function, PairFunction):
        x, y = pairs(function, dtype)
        numbers = np.array(
            [exact(function.exact, [float(a), float(b)], _steps(function)) for a, b in zip(x, y, strict=True)]
        ).T
    else:
        numbers = np.array([v for block in rows(dtype) for row in block for v in _row(function, row)])
    with np.errstate(all="ignore"):
        return numbers.astype(dtype)


def _steps(function: AnyFunction) -> tuple[int, ...]:
    if function.name in ("log_ndtr", "rgamma"):  # fewer agree on a 0 that is none
        return (700, 1000, 2500)
    return FEWER if function in SPECIAL or function.name == "special.betaln" else DIGITS


def _at(function: Function, x: float) -> list[float]:
    if x not in function.poles:
        return exact(function.exact, [x], _steps(function))
    value, slope, bend = function.poles[x]
    mirrored = function.parity if x == 0 and np.signbit(x) and function.parity else 0
    return [value * mirrored, -slope * mirrored, bend * mirrored] if mirrored else [value, slope, bend]


def _row(function: RowFunction, row: Array) -> list[float]:
    """Value, gradient, Hessian times DIRECTION, size of the value's terms and of those of the product."""
    n = len(row)

    def weighted(*xs: Jet) -> Jet:
        return total([y * w for y, w in zip(function.exact(list(xs)), WEIGHTS, strict=False)])

    try:
        value, *rest = exact(weighted, [float(v) for v in row])
    except ArithmeticError:
        return [np.nan] * (2 * n + 3)
    gradient, triangle = np.array(rest[:n]), iter(rest[n:])
    hessian = np.zeros((n, n))
    for i in range(n):
        for k in range(i, n):
            hessian[i, k] = hessian[k, i] = next(triangle)
    with np.errstate(all="ignore"):
        parts = hessian * np.array(DIRECTION[:n])
        terms = np.nansum(np.abs(row.astype(float) * gradient))
        return [value, *gradient, *parts.sum(1), max(abs(value), terms), float(np.abs(parts).max())]
