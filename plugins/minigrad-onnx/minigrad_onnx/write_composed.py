"""Functions that ONNX has no operator for, composed of those it has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from minigrad_onnx.write_elementwise import WriteCall
from minigrad_onnx.writer import CallSite

__all__ = ["COMPOSED"]


def _number(c: CallSite, value: float) -> str:
    return c.writer.constant(value, c.dtype)


def _operands(c: CallSite) -> tuple[str, str]:
    return c.operand(0, c.dtype), c.operand(1, c.dtype)


def _of_reciprocal(kind: str) -> WriteCall:
    """A function of 1 / x."""
    return lambda c: c.writer.node(kind, c.writer.node("Reciprocal", c.operand(0, c.dtype)))


def _reciprocal_of(kind: str) -> WriteCall:
    """1 over a function of x."""
    return lambda c: c.writer.node("Reciprocal", c.writer.node(kind, c.operand(0, c.dtype)))


def _erfc(c: CallSite) -> str:
    return c.writer.node("Sub", _number(c, 1.0), c.writer.node("Erf", c.operand(0, c.dtype)))


def _bell(c: CallSite) -> str:
    w, x = c.writer, c.operand(0, c.dtype)
    return w.node("Exp", w.node("Mul", w.node("Mul", x, x), _number(c, -c.option("scale"))))


def _log_of_sum(base: float) -> WriteCall:
    """log(base ** x + base ** y): the larger one, and a softplus of minus their distance."""

    def write(c: CallSite) -> str:
        w, scale = c.writer, float(np.log(base))
        x, y = _operands(c)
        apart = w.node("Abs", w.node("Sub", x, y))
        rest = w.node("Softplus", w.node("Mul", apart, _number(c, -scale)))
        return w.node("Add", w.node("Max", x, y), w.node("Div", rest, _number(c, scale)))

    return write


def _sinc(c: CallSite) -> str:
    if c.option("n"):
        raise c.refusal("derivatives of sinc are not written")
    w, x = c.writer, c.operand(0, c.dtype)
    angle = w.node("Mul", x, _number(c, np.pi))
    at_zero = w.node("Equal", x, _number(c, 0.0))
    wave = w.node("Div", w.node("Sin", angle), w.node("Where", at_zero, _number(c, 1.0), angle))
    return w.node("Where", at_zero, _number(c, 1.0), wave)


# -- whole numbers and signs -----------------------------------------------------------------------------------------
def _truncated(c: CallSite, x: str) -> str:
    w = c.writer
    return w.node("Where", w.node("Less", x, _number(c, 0.0)), w.node("Ceil", x), w.node("Floor", x))


def _trunc(c: CallSite) -> str:
    return _truncated(c, c.operand(0, c.dtype))


def _fmod(c: CallSite) -> str:
    return c.writer.node("Mod", *_operands(c), fmod=1)


def _mod(c: CallSite) -> str:
    """The remainder with the sign of the divisor.

    It is that of C, and the divisor more where their signs differ.
    """
    w, (x, y) = c.writer, _operands(c)
    left = w.node("Mod", x, y, fmod=1)
    differ = w.node("Less", w.node("Mul", w.node("Sign", left), w.node("Sign", y)), _number(c, 0.0))
    return w.node("Where", differ, w.node("Add", left, y), left)


def _floor_divide(c: CallSite) -> str:
    return c.writer.node("Floor", c.writer.node("Div", *_operands(c)))


def _cbrt(c: CallSite) -> str:
    w, x = c.writer, c.operand(0, c.dtype)
    return w.node("Mul", w.node("Sign", x), w.node("Pow", w.node("Abs", x), _number(c, 1.0 / 3.0)))


def _arctan2(c: CallSite) -> str:
    """The angle of the point (x, y).

    It goes by the quotient of the smaller coordinate and the larger one.
    """
    w, (y, x) = c.writer, _operands(c)
    long, wide = w.node("Abs", y), w.node("Abs", x)
    steep = w.node("Greater", long, wide)
    larger = w.node("Max", long, wide)
    divisor = w.node("Where", w.node("Equal", larger, _number(c, 0.0)), _number(c, 1.0), larger)
    flat = w.node("Atan", w.node("Div", w.node("Min", long, wide), divisor))
    angle = w.node("Where", steep, w.node("Sub", _number(c, np.pi / 2.0), flat), flat)
    back = w.node("Where", w.node("Less", x, _number(c, 0.0)), w.node("Sub", _number(c, np.pi), angle), angle)
    return w.node("Where", w.node("Less", y, _number(c, 0.0)), w.node("Neg", back), back)


def _unit_sign(c: CallSite) -> str:
    """-1 or 1; the reciprocal tells the zeros apart."""
    w, x, zero = c.writer, c.operand(0, c.dtype), _number(c, 0.0)
    negative = w.node("Or", w.node("Less", x, zero), w.node("Less", w.node("Reciprocal", x), zero))
    return w.node("Where", negative, _number(c, -1.0), _number(c, 1.0))


def _unless_missing(kind: str) -> WriteCall:
    """The larger or smaller one, or the one that is not NaN."""

    def write(c: CallSite) -> str:
        w, (x, y) = c.writer, _operands(c)
        second = w.node("Where", w.node("IsNaN", y), x, w.node(kind, x, y))
        return w.node("Where", w.node("IsNaN", x), y, second)

    return write


def _missing(c: CallSite) -> str:
    return c.writer.cast(c.writer.node("IsNaN", c.operand(0, c.dtype)), c.dtype)


def _finite(c: CallSite) -> str:
    w, x = c.writer, c.operand(0, c.dtype)
    return w.cast(w.node("Not", w.node("Or", w.node("IsNaN", x), w.node("IsInf", x))), c.dtype)


def _nan_to_num(c: CallSite) -> str:
    w, x, largest = c.writer, c.operand(0, c.dtype), float(np.finfo(c.dtype).max)
    bounds = (("posinf", {"detect_negative": 0}, largest), ("neginf", {"detect_positive": 0}, -largest))
    filled = w.node("Where", w.node("IsNaN", x), _number(c, c.option("nan")), x)
    for name, which, usual in bounds:
        value = usual if c.option(name) is None else c.option(name)
        filled = w.node("Where", w.node("IsInf", x, **which), _number(c, value), filled)
    return filled


def _take_along_axis(c: CallSite) -> str:
    """Entries along an axis.

    ONNX does not broadcast, so both arrays get the shape of the result, but for the axis that is taken from.
    """
    w, axis = c.writer, int(c.option("axis")) % len(c.lengths)
    source = [c.operand_lengths(0)[axis] if i == axis else n for i, n in enumerate(c.lengths)]
    x, places = c.operand(0), c.operand(1, np.int64)
    x = x if list(c.operand_lengths(0)) == source else w.node("Expand", x, w.shape(source))
    places = places if c.operand_lengths(1) == c.lengths else w.node("Expand", places, w.shape(c.lengths))
    return w.node("GatherElements", x, places, axis=axis)


COMPOSED: Mapping[str, WriteCall] = MappingProxyType({
    "arccot": _of_reciprocal("Atan"),
    "arccoth": _of_reciprocal("Atanh"),
    "arccsc": _of_reciprocal("Asin"),
    "arccsch": _of_reciprocal("Asinh"),
    "arcsec": _of_reciprocal("Acos"),
    "arctan2": _arctan2,
    "bell": _bell,
    "cbrt": _cbrt,
    "cot": _reciprocal_of("Tan"),

    "csch": _reciprocal_of("Sinh"),
    "det": lambda c: c.writer.node("Det", c.operand(0, c.dtype)),
    "erfc": _erfc,
    "finite": _finite,
    "floor_divide": _floor_divide,
    "fmax": _unless_missing("Max"),
    "fmin": _unless_missing("Min"),
    "fmod": _fmod,
    "logaddexp": _log_of_sum(np.e),
    "logaddexp2": _log_of_sum(2.0),
    "missing": _missing,
    "mod": _mod,
    "nan_to_num": _nan_to_num,
    "sech": _reciprocal_of("Cosh"),
    "sinc": _sinc,
    "take_along_axis": _take_along_axis,
    "trunc": _trunc,
    "unit_sign": _unit_sign,
})  # fmt: skip
