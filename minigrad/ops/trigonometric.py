"""Angles and hyperbolas: tan, the inverse functions, and the reciprocal ones as compositions. Registered on first use.

Formulas: Abramowitz and Stegun, chapters 4.3 to 4.6. Where a slope is infinite (arcsin at 1) the gradient is infinite,
or 0 if none arrives there.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.op import Op
from minigrad.ops.arithmetic import ratio, reciprocal
from minigrad.ops.family import OpFamily, Shifted
from minigrad.ops.transcendental import cos, sin, sqrt, tanh
from minigrad.typing import V
from minigrad.verify.domains import nonzero, positive, unit

family = OpFamily(lazy=True)
unary, binary = family.unary, family.binary


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
    lambda g, out, x, y: g * ratio(x, out), lambda g, out, x, y: g * ratio(y, out),
)
arccosh: Op = unary(
    "arccosh", np.arccosh, "Inverse hyperbolic cosine, for x >= 1.",
    lambda g, y, x: ratio(g, sqrt((x - 1.0) * (x + 1.0))), Shifted(positive(), 1.0),
)
arctan2 = binary(
    "arctan2", np.arctan2, "The angle of the point (y, x), in radians: arctan2(x, y) with x the ordinate. 0 at (0, 0).",
    lambda g, out, x, y: g * ratio(y, x * x + y * y), lambda g, out, x, y: -(g * ratio(x, x * x + y * y)),
    (nonzero(), nonzero()),
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


def sech(x: V) -> V:
    """Hyperbolic secant: 1 / cosh(x)."""
    return reciprocal(cosh(x))


def csch(x: V) -> V:
    """Hyperbolic cosecant: 1 / sinh(x)."""
    return reciprocal(sinh(x))


def coth(x: V) -> V:
    """Hyperbolic cotangent: 1 / tanh(x)."""
    return reciprocal(tanh(x))


def arcsec(x: V) -> V:
    """Inverse secant: arccos(1 / x), for |x| >= 1."""
    return arccos(reciprocal(x))


def arccsc(x: V) -> V:
    """Inverse cosecant: arcsin(1 / x), for |x| >= 1."""
    return arcsin(reciprocal(x))


def arccot(x: V) -> V:
    """Inverse cotangent: arctan(1 / x), in (-pi/2, pi/2], with a jump at 0."""
    return arctan(reciprocal(x))


def arccsch(x: V) -> V:
    """Inverse hyperbolic cosecant: arcsinh(1 / x)."""
    return arcsinh(reciprocal(x))


def arccoth(x: V) -> V:
    """Inverse hyperbolic cotangent: arctanh(1 / x), for |x| > 1."""
    return arctanh(reciprocal(x))


def deg2rad(x: V) -> V:
    """Degrees to radians."""
    return x * (np.pi / 180.0)


def rad2deg(x: V) -> V:
    """Radians to degrees."""
    return x * (180.0 / np.pi)
