"""Lowering of powers with a constant exponent.

Multiplications and square roots, as in the op's forward function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from minigrad.program.graph import Call, Value
from minigrad.program.passes.rewrite import Builder

__all__ = ["POWERS", "quick_exponent"]

_QUICK = 4
"""Largest whole exponent that is lowered.

Up to this one fewer multiplications than the op's own forward function takes this way, never more.
"""


def quick_exponent(call: Call, values: Sequence[Value]) -> bool:
    """Whether the exponent is a constant that multiplications or a square root do for."""
    number = values[call.args[1]].data
    if number is None or number.ndim or values[call.args[1]].dtype != values[call.args[0]].dtype:
        return False
    n = number.item()
    if call.op.name == "power_slope":
        return n in (2.0, 3.0, 4.0)
    return n == 0.5 or (abs(n) <= _QUICK and n == int(n) and n != 0.0)


def _exponent(b: Builder, y: int) -> float:
    number = b.values[y].data
    assert number is not None
    return float(number)


def _power(b: Builder, x: int, y: int, out: int) -> None:
    n = _exponent(b, y)
    if n == 0.5:
        b.op("sqrt", x, out=out)
    else:
        _whole(b, x, int(n), out)


def _whole(b: Builder, x: int, n: int, out: int | None) -> int:
    """x ** n by squaring."""
    if n == 1:
        return x if out is None else b.reshape(x, b.shape(x), out)
    if n < 0:
        return b.op("reciprocal", x, out=out) if n == -1 else _whole(b, b.op("reciprocal", x), -n, out)
    result: int | None = None
    while n:
        last = n == 1
        if n & 1:
            result = x if result is None else b.op("multiply", result, x, out=out if last else None)
        n >>= 1
        if n:
            only = n == 1 and result is None
            x = b.op("multiply", x, x, out=out if only else None)
    assert result is not None
    return result


def _power_slope(b: Builder, x: int, y: int, out: int) -> None:
    n = int(_exponent(b, y))
    b.op("multiply", _whole(b, x, n - 1, None), y, out=out)


POWERS: Mapping[str, Callable[..., None]] = MappingProxyType({"power": _power, "power_slope": _power_slope})
