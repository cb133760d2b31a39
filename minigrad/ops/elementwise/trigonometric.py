"""Angles and hyperbolas, registered on first use.

tan, the inverse functions, and the reciprocal ones as compositions.

Formulas: Abramowitz and Stegun, chapters 4.3 to 4.6. Where a slope is infinite (arcsin at 1) the gradient is infinite,
or 0 if none arrives there.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import finite_part, ratio, reciprocal, square
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.elementwise.smooth_at_zero import slope_at_zero
from minigrad.ops.elementwise.transcendental import cos, sin, sqrt, tanh
from minigrad.ops.family import OpFamily, Shifted, of_floats
from minigrad.runtime.numpy_fast import may_hold_nan, silent
from minigrad.typing import V
from minigrad.verify.domains import nonzero, positive, unit

family = OpFamily(lazy=True)
unary, binary = family.unary, family.binary


def _hypot_slope(g: V, out: V, x: V, y: V) -> V:
    bend = slope_at_zero(g, out)
    slope: V = g * share_of_hypot(x, y)
    return slope if bend is None else slope + bend * x


def _over_square(x: V, y: V) -> V:
    """x / (x ** 2 + y ** 2), 0 where both are 0; the squares may overflow or underflow."""
    return ratio(share_of_hypot(x, y), hypot(x, y))


@silent
def _share_of_hypot(x: Array, y: Array) -> Array:
    half = np.where(np.maximum(np.abs(x), np.abs(y)) > 1.0, 0.5, 1.0).astype(np.result_type(x, y))
    x, y = x * half, y * half  # the length of the largest numbers would overflow
    size = np.hypot(x, y)
    share = np.asarray(x / (size + np.equal(size, 0.0)))
    if not may_hold_nan(share):
        return share
    return np.where(np.isinf(x) & np.isfinite(y), np.sign(x), share).astype(share.dtype)


def _sech(x: Array) -> Array:
    e = np.exp(np.abs(x) * -1.0)  # 1 / cosh(x) would be 0 where cosh(x) overflows
    return e / (e * e * 0.5 + 0.5)


@of_floats
@silent
def _csch(x: Array) -> Array:
    return np.where(np.abs(x) < 20.0, 1.0 / np.sinh(x), np.copysign(2.0 * np.exp(-np.abs(x)), x)).astype(x.dtype)


def _one_less_square(x: Array) -> Array:
    return (1.0 - x) * (1.0 + x)


def _leg(x: Array) -> Array:
    size = np.abs(x)
    return np.sqrt(size - 1.0) * np.sqrt(size + 1.0)


def _arctan_slope(x: Array) -> Array:
    size = np.abs(x)
    inverse = 1.0 / np.maximum(size, 1.0)  # x * x would overflow where the slope does not underflow
    below = np.minimum(size, 1.0)
    inverse *= inverse
    below *= below
    return inverse / (inverse + below)


def _arcsec(x: Array) -> Array:
    return np.arctan2(_leg(x), np.sign(x))


def _arccsc(x: Array) -> Array:
    return np.arctan2(np.sign(x), _leg(x))


@silent
def _cot(x: Array) -> Array:
    return 1.0 / np.tan(x)


@silent
def _arccot(x: Array) -> Array:
    return np.arctan(1.0 / x)


@of_floats
@silent
def _arccsch(x: Array) -> Array:
    y = np.arcsinh(1.0 / x)
    # Where 1 / x overflows, log(2 / |x|) is what is left of it.
    return np.where(np.isinf(y) & (x != 0.0), np.copysign(np.log(2.0) - np.log(np.abs(x)), x), y).astype(x.dtype)


@silent
def _arccoth(x: Array) -> Array:
    return np.copysign(0.5 * np.log1p(2.0 / (np.abs(x) - 1.0)), x)


# fmt: off
one_less_square: Op = unary(
    "one_less_square", _one_less_square, "1 - x ** 2, exact near 1 and -1.", lambda g, y, x: g * x * -2.0
)
leg: Op = unary(
    "leg", _leg, "sqrt(x ** 2 - 1), exact near 1 and -1 and without overflow, for |x| >= 1.",
    lambda g, y, x: ratio(g * finite_part(x), finite_part(y)), Shifted(positive(), 1.0),
)
arctan_slope: Op = unary(
    "arctan_slope", _arctan_slope, "1 / (1 + x ** 2), without overflow.",
    lambda g, y, x: g * (finite_part(x) * y) * y * -2.0,
)
tan = unary("tan", np.tan, "Tangent; x in radians.", lambda g, y, x: g * (1.0 + y * y), unit())
sinh = unary("sinh", np.sinh, "Hyperbolic sine.", lambda g, y, x: g * cosh(x))
cosh: Op = unary("cosh", np.cosh, "Hyperbolic cosine.", lambda g, y, x: g * sinh(x))
arcsin = unary(
    "arcsin", np.arcsin, "Inverse sine, in radians.", lambda g, y, x: ratio(g, sqrt(one_less_square(x))), unit()
)
arccos = unary(
    "arccos", np.arccos, "Inverse cosine, in radians.", lambda g, y, x: -ratio(g, sqrt(one_less_square(x))), unit()
)
arctan = unary("arctan", np.arctan, "Inverse tangent, in radians.", lambda g, y, x: g * arctan_slope(x))
arcsinh = unary("arcsinh", np.arcsinh, "Inverse hyperbolic sine.", lambda g, y, x: g / hypot(x, 1.0))
arctanh = unary(
    "arctanh", np.arctanh, "Inverse hyperbolic tangent.", lambda g, y, x: ratio(g, one_less_square(x)), unit()
)
hypot: Op = binary(
    "hypot", np.hypot, "sqrt(x * x + y * y), without overflow. At (0, 0) both gradients are 0.",
    lambda g, out, x, y: _hypot_slope(g, out, x, y), lambda g, out, x, y: _hypot_slope(g, out, y, x),
)
share_of_hypot: Op = binary(
    "share_of_hypot", _share_of_hypot, "x / hypot(x, y), the slope of hypot: 0 at (0, 0), and so is its own.",
    lambda g, out, x, y: g * ratio(square(share_of_hypot(y, x)), hypot(x, y)),
    lambda g, out, x, y: -(g * ratio(out * share_of_hypot(y, x), hypot(x, y))), (nonzero(), nonzero()),
)
arccosh: Op = unary(
    "arccosh", np.arccosh, "Inverse hyperbolic cosine, for x >= 1.",
    lambda g, y, x: ratio(g, leg(x)), Shifted(positive(), 1.0),
)
arctan2 = binary(
    "arctan2", np.arctan2, "The angle of the point (y, x), in radians: arctan2(x, y) with x the ordinate. 0 at (0, 0).",
    lambda g, out, x, y: g * _over_square(y, x), lambda g, out, x, y: -(g * _over_square(x, y)),
    (nonzero(), nonzero()),
)
sech = unary("sech", _sech, "Hyperbolic secant: 1 / cosh(x).", lambda g, y, x: -(g * y * tanh(x)))
csch = unary(
    "csch", _csch, "Hyperbolic cosecant: 1 / sinh(x).", lambda g, y, x: -(g * y * reciprocal(tanh(x))), nonzero()
)
arccot = unary(
    "arccot", _arccot, "Inverse cotangent: arctan(1 / x), in (-pi/2, pi/2], with a jump at 0.",
    lambda g, y, x: -(g * arctan_slope(x)), nonzero(),
)
arccsch = unary(
    "arccsch", _arccsch, "Inverse hyperbolic cosecant: arcsinh(1 / x).",
    lambda g, y, x: -ratio(ratio(g, absolute(x)), hypot(x, 1.0)), nonzero(),
)
arccoth = unary(
    "arccoth", _arccoth, "Inverse hyperbolic cotangent: arctanh(1 / x), for |x| > 1.",
    lambda g, y, x: -ratio(ratio(g, absolute(x) - 1.0), absolute(x) + 1.0), Shifted(positive(), 1.0),
)
cot: Op = unary("cot", _cot, "Cotangent: 1 / tan(x).", lambda g, y, x: -(g * (1.0 + y * y)), nonzero())
arcsec = unary(
    "arcsec", _arcsec, "Inverse secant: arccos(1 / x), for |x| >= 1.",
    lambda g, y, x: ratio(ratio(g, absolute(x)), leg(x)), Shifted(positive(), 1.0),
)
arccsc = unary(
    "arccsc", _arccsc, "Inverse cosecant: arcsin(1 / x), for |x| >= 1.",
    lambda g, y, x: -ratio(ratio(g, absolute(x)), leg(x)), Shifted(positive(), 1.0),
)
# fmt: on

family.register()


def sec(x: V) -> V:
    """Secant: 1 / cos(x)."""
    return reciprocal(cos(x))


def csc(x: V) -> V:
    """Cosecant: 1 / sin(x)."""
    return reciprocal(sin(x))


def coth(x: V) -> V:
    """Hyperbolic cotangent: 1 / tanh(x)."""
    return reciprocal(tanh(x))


def deg2rad(x: V) -> V:
    """Degrees to radians."""
    return x * (np.pi / 180.0)


def rad2deg(x: V) -> V:
    """Radians to degrees."""
    return x * (180.0 / np.pi)
