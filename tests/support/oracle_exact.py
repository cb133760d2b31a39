"""Exact results as floats: computed at rising precision until two of them agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpmath import mp

from support.oracle_jet import Jet, variables

DIGITS = (60, 420, 1000, 2500)
FEWER = (45, 90, 420, 2500)
"""For functions that take mpmath long, and lose little."""
_AGREED = 30


def exact(function: Callable[..., Jet], at: Sequence[Any], steps: Sequence[int] = DIGITS) -> list[float]:
    """Value, gradient and upper triangle of the Hessian at a place, correctly rounded to float64.

    Args:
        function: of Jets.
        at: one float (or mpmath number) for each argument.
        steps: numbers of digits.

    Raises:
        ArithmeticError: the last number of digits does not suffice.
    """
    earlier: list[Any] | None = None
    for digits in steps:
        with mp.workdps(digits):
            numbers = _parts(function(*variables([mp.mpf(x) for x in at])))
            if earlier is not None and all(_agree(a, b) for a, b in zip(earlier, numbers, strict=True)):
                return [as_float(a) for a in numbers]
        earlier = numbers
    raise ArithmeticError(f"{steps[-1]} digits do not settle {[mp.nstr(x) for x in at]}")


def _parts(y: Jet) -> list[Any]:
    return [y.value, *y.slope, *(b for row in y.bend for b in row)]


def _agree(a: Any, b: Any) -> bool:
    if mp.isnan(a) or mp.isnan(b):
        return bool(mp.isnan(a) and mp.isnan(b))
    if a == b or max(abs(a), abs(b)) < mp.mpf("1e-400"):
        return True
    if min(abs(a), abs(b)) > mp.mpf("1e400"):
        return bool((a > 0) == (b > 0))
    return bool(abs(a - b) <= abs(b) * mp.mpf(10) ** -_AGREED)


def as_float(a: Any) -> float:
    """The nearest float64; infinite beyond the largest."""
    if mp.isnan(a):
        return float("nan")
    if abs(a) > mp.mpf("1.7976931348623158e308"):
        return float("inf") if a > 0 else float("-inf")
    if abs(a) < mp.mpf("1e-330"):
        return 0.0
    return float(a)
