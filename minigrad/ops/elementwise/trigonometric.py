"""Angles and hyperbolas, registered on first use.

tan, the inverse functions, and the reciprocal ones as compositions.

Formulas: Abramowitz and Stegun, chapters 4.3 to 4.6. Where a slope is infinite (arcsin at 1) the gradient is infinite,
or 0 if none arrives there.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import ratio, reciprocal
from minigrad.ops.elementwise.piecewise_constant import sign
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.elementwise.smooth_at_zero import slope_at_zero
from minigrad.ops.elementwise.transcendental import cos, sin, sqrt, tanh
from minigrad.ops.family import OpFamily, Shifted
from minigrad.runtime.numpy_fast import silent
from minigrad.typing import V
from minigrad.verify.domains import nonzero, positive, unit

family = OpFamily(lazy=True)
unary, binary = family.unary, family.binary


def _hypot_slope(g: V, out: V, x: V) -> V:
    bend = slope_at_zero(g, out)
    slope: V = g * ratio(x, out)
    return slope if bend is None else slope + bend * x


def _over_square(x: V, size: V) -> V:
    """x / size ** 2, 0 where both are 0; the square itself may overflow or underflow."""
    return ratio(ratio(x, size), size)


@silent
def _sech(x: Array) -> Array:
    return 1.0 / np.cosh(x)


@silent
def _csch(x: Array) -> Array:
    return 1.0 / np.sinh(x)


@silent
def _arccot(x: Array) -> Array:
    return np.arctan(1.0 / x)


@silent
def _arccsch(x: Array) -> Array:
    y = np.arcsinh(1.0 / x)
    # Where 1 / x overflows, log(2 / |x|) is what is left of it.
    return np.where(np.isinf(y) & (x != 0.0), np.copysign(np.log(2.0) - np.log(np.abs(x)), x), y).astype(x.dtype)


@silent
def _arccoth(x: Array) -> Array:
    return np.copysign(0.5 * np.log1p(2.0 / (np.abs(x) - 1.0)), x)


# fmt: off
tan = unary("tan", np.tan, "Tangent; x in radians.", lambda g, y, x: g * (1.0 + y * y), unit())
sinh = unary("sinh", np.sinh, "Hyperbolic sine.", lambda g, y, x: g * cosh(x))
cosh: Op = unary("cosh", np.cosh, "Hyperbolic cosine.", lambda g, y, x: g * sinh(x))
arcsin = unary(
    "arcsin", np.arcsin, "Inverse sine, in radians.", lambda g, y, x: ratio(g, sqrt((1.0 - x) * (1.0 + x))), unit()
)
arccos = unary(
    "arccos", np.arccos, "Inverse cosine, in radians.", lambda g, y, x: -ratio(g, sqrt((1.0 - x) * (1.0 + x))), unit()
)
arctan = unary("arctan", np.arctan, "Inverse tangent, in radians.", lambda g, y, x: g / (1.0 + x * x))
arcsinh = unary("arcsinh", np.arcsinh, "Inverse hyperbolic sine.", lambda g, y, x: g / hypot(x, 1.0))
arctanh = unary(
    "arctanh", np.arctanh, "Inverse hyperbolic tangent.", lambda g, y, x: ratio(g, (1.0 - x) * (1.0 + x)), unit()
)
hypot: Op = binary(
    "hypot", np.hypot, "sqrt(x * x + y * y), without overflow. At (0, 0) both gradients are 0.",
    lambda g, out, x, y: _hypot_slope(g, out, x), lambda g, out, x, y: _hypot_slope(g, out, y),
)
arccosh: Op = unary(
    "arccosh", np.arccosh, "Inverse hyperbolic cosine, for x >= 1.",
    lambda g, y, x: ratio(g, sqrt(x - 1.0) * sqrt(x + 1.0)), Shifted(positive(), 1.0),
)
arctan2 = binary(
    "arctan2", np.arctan2, "The angle of the point (y, x), in radians: arctan2(x, y) with x the ordinate. 0 at (0, 0).",
    lambda g, out, x, y: g * _over_square(y, hypot(x, y)), lambda g, out, x, y: -(g * _over_square(x, hypot(x, y))),
    (nonzero(), nonzero()),
)
sech = unary("sech", _sech, "Hyperbolic secant: 1 / cosh(x).", lambda g, y, x: -(g * y * tanh(x)))
csch = unary(
    "csch", _csch, "Hyperbolic cosecant: 1 / sinh(x).", lambda g, y, x: -(g * y * reciprocal(tanh(x))), nonzero()
)
arccot = unary(
    "arccot", _arccot, "Inverse cotangent: arctan(1 / x), in (-pi/2, pi/2], with a jump at 0.",
    lambda g, y, x: -(g / (1.0 + x * x)), nonzero(),
)
arccsch = unary(
    "arccsch", _arccsch, "Inverse hyperbolic cosecant: arcsinh(1 / x).",
    lambda g, y, x: -(g / (absolute(x) * hypot(x, 1.0))), nonzero(),
)
arccoth = unary(
    "arccoth", _arccoth, "Inverse hyperbolic cotangent: arctanh(1 / x), for |x| > 1.",
    lambda g, y, x: ratio(g, (1.0 - x) * (1.0 + x)), Shifted(positive(), 1.0),
)
# fmt: on

family.register()


def sec(x: V) -> V:
    """Secant: 1 / cos(x)."""
    return reciprocal(cos(x))


def csc(x: V) -> V:
    """Cosecant: 1 / sin(x)."""
    return reciprocal(sin(x))


def cot(x: V) -> V:
    """Cotangent: 1 / tan(x)."""
    return reciprocal(tan(x))


def coth(x: V) -> V:
    """Hyperbolic cotangent: 1 / tanh(x)."""
    return reciprocal(tanh(x))


def arcsec(x: V) -> V:
    """Inverse secant: arccos(1 / x), for |x| >= 1."""
    return arctan2(_leg(x), sign(x))


def arccsc(x: V) -> V:
    """Inverse cosecant: arcsin(1 / x), for |x| >= 1."""
    return arctan2(sign(x), _leg(x))


def _leg(x: V) -> V:
    """sqrt(x * x - 1), exact near |x| = 1 and without overflow."""
    size: V = absolute(x)
    return sqrt(size - 1.0) * sqrt(size + 1.0)


def deg2rad(x: V) -> V:
    """Degrees to radians."""
    return x * (np.pi / 180.0)


def rad2deg(x: V) -> V:
    """Radians to degrees."""
    return x * (180.0 / np.pi)
