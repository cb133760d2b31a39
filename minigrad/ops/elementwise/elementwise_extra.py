"""Further elementwise ops, registered on first use.

Powers of 2 and 10, roots, remainders, sinc, NaN-aware extremes.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_multiply, multiply, ratio, reciprocal
from minigrad.ops.elementwise.piecewise_constant import greater, prefer, rint, trunc
from minigrad.ops.elementwise.piecewise_linear import absolute, clip
from minigrad.ops.elementwise.transcendental import power, sigmoid, sqrt
from minigrad.ops.family import OpFamily, Shifted, of_floats
from minigrad.typing import V
from minigrad.verify.declare import op as declare
from minigrad.verify.domains import nonzero, positive, real, unit

family = OpFamily(lazy=True)
unary, binary, constant = family.unary, family.binary, family.constant

_LN2 = float(np.log(2.0))
_LN10 = float(np.log(10.0))


def _finite(x: Array) -> Array:
    return np.isfinite(x).astype(x.dtype)


def _missing(x: Array) -> Array:
    return np.isnan(x).astype(x.dtype)


def _logaddexp(x: Array, y: Array) -> Array:
    """NumPy's own function costs 13 times this, so it only answers for infinities."""
    if np.isfinite(x).all() and np.isfinite(y).all():
        return np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y)))
    return np.logaddexp(x, y)


def _unit_sign(x: Array) -> Array:
    return np.copysign(np.ones((), dtype=np.asarray(x).dtype), x)


def _gap(x: V, y: V) -> V:
    """x - y, 0 where both are the same infinity."""
    largest = float(np.finfo(np.result_type(x.dtype, y.dtype)).max)
    return clip(x, low=-largest, high=largest) - clip(y, low=-largest, high=largest)


def _quotient(x: V, remainder: V, y: V) -> V:
    """Compute the whole number of times that y went into x.

    x / y anew may round across a whole number.
    """
    return rint((x - remainder) / y)


# fmt: off
finite = constant("finite", _finite, "1 where x is a finite number, 0 elsewhere.")
missing = constant("missing", _missing, "1 where x is NaN, 0 elsewhere.")
unit_sign = constant("unit_sign", _unit_sign, "-1 or 1, by the sign bit, which 0 has too.")
exp2 = unary("exp2", np.exp2, "2 ** x.", lambda g, y, x: g * y * _LN2)
log2 = unary("log2", np.log2, "Logarithm to base 2.", lambda g, y, x: ratio(g * (1.0 / _LN2), x), positive())
log10 = unary("log10", np.log10, "Logarithm to base 10.", lambda g, y, x: ratio(g * (1.0 / _LN10), x), positive())
cbrt = unary("cbrt", np.cbrt, "Cube root, of any sign.", lambda g, y, x: ratio(ratio(g, y), y) * (1.0 / 3.0), nonzero())
logaddexp = binary(
    "logaddexp", _logaddexp, "log(exp(x) + exp(y)), without overflow. Where both are -inf the gradients are 0.",
    lambda g, out, x, y: masked_multiply(g * sigmoid(_gap(x, y)), greater(out, -np.inf)),
    lambda g, out, x, y: masked_multiply(g * sigmoid(_gap(y, x)), greater(out, -np.inf)),
)
logaddexp2 = binary(
    "logaddexp2", np.logaddexp2, "log2(2 ** x + 2 ** y), without overflow. Where both are -inf the gradients are 0.",
    lambda g, out, x, y: masked_multiply(g * sigmoid(_gap(x, y) * _LN2), greater(out, -np.inf)),
    lambda g, out, x, y: masked_multiply(g * sigmoid(_gap(y, x) * _LN2), greater(out, -np.inf)),
)
fmax = binary(
    "fmax", np.fmax, "The larger of x and y, or the one that is not NaN; ties share the gradient equally.",
    lambda g, out, x, y: masked_multiply(g, prefer(x, y) + missing(y)),
    lambda g, out, x, y: masked_multiply(g, prefer(y, x) + missing(x)), kinks="ties",
)
fmin = binary(
    "fmin", np.fmin, "The smaller of x and y, or the one that is not NaN; ties share the gradient equally.",
    lambda g, out, x, y: masked_multiply(g, prefer(y, x) + missing(y)),
    lambda g, out, x, y: masked_multiply(g, prefer(x, y) + missing(x)), kinks="ties",
)
mod: Op = binary(
    "mod", np.mod, "The remainder of x / y with the sign of y.",
    lambda g, out, x, y: g, lambda g, out, x, y: -masked_multiply(g, _quotient(x, out, y)), (nonzero(), nonzero()),
)
fmod: Op = binary(
    "fmod", np.fmod, "The remainder of x / y with the sign of x.",
    lambda g, out, x, y: g, lambda g, out, x, y: -masked_multiply(g, _quotient(x, out, y)), (nonzero(), nonzero()),
)
floor_divide = constant(
    "floor_divide", np.floor_divide, "The largest integer not above x / y, as Python's `//`.", ("x", "y"),
    (unit(), Shifted(positive(), 1.0)),  # quotients away from the integers
)
# fmt: on


def _sinc(x: Array, n: int) -> Array:
    """Compute the n-th derivative of sin(pi x) / (pi x) by its recurrence.

    x S[n] + n S[n-1] = pi**(n-1) sin(pi x + n pi / 2).
    """
    apart = np.abs(x) > 0.5 * (n + 1)
    divisor = np.where(apart, x, 1.0).astype(x.dtype)
    whole = np.rint(x)
    turn = np.pi * (x - whole)  # pi * x would have lost its place in the wave to rounding
    waves = np.where(whole % 2.0, -1.0, 1.0) * np.stack([np.sin(turn), np.cos(turn)])
    s = waves[0] / (np.pi * divisor)
    for k in range(1, n + 1):
        wave = waves[k % 2] if k % 4 < 2 else -waves[k % 2]
        s = (np.pi ** (k - 1) * wave - k * s) / divisor
    near = np.where(apart, 0.0, x).astype(x.dtype)
    return np.where(apart, s, _sinc_series(near, n)).astype(x.dtype)


def _sinc_series(x: Array, n: int) -> Array:
    """Compute the n-th derivative of sin(pi x) / (pi x) by its Taylor series.

    For |x| <= (n + 1) / 2, where the recurrence would cancel.
    """
    total = np.zeros_like(x)
    first = (n + 1) // 2
    for k in range(first + 14 + 3 * n, first - 1, -1):
        coefficient = (-1) ** k * np.pi ** (2 * k) / ((2 * k + 1) * factorial(2 * k - n))
        total = total * (x * x) + coefficient
    return total if n % 2 == 0 else total * x


@declare(x=real(), elementwise=True, params=[{"n": 0}, {"n": 1}, {"n": 2}], name="sinc")
@of_floats
def sinc_derivative(x: Array, *, n: int = 0) -> Array:
    """The n-th derivative of sin(pi x) / (pi x), accurate through 0 for every n."""
    return _sinc(x, n)


@sinc_derivative.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return g * sinc_derivative(x, n=n + 1)


@declare(x=real(), elementwise=True, params=[{}, {"nan": 1.0}])
def nan_to_num(x: Array, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """Replace NaN and the infinities of x; the gradient is 0 there.

    Infinities by the largest numbers by default.
    """
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@nan_to_num.vjp("x")
def _(g: V, y: V, x: V, *, nan: float, posinf: float | None, neginf: float | None) -> V:
    return masked_multiply(g, finite(x))


for _op in (sinc_derivative, nan_to_num):
    family.add(_op)
family.register()


def sinc(x: V) -> V:
    """sin(pi x) / (pi x), 1 at 0."""
    return sinc_derivative(x)


def remainder(x: V, y: V) -> V:
    """The remainder of x / y with the sign of y."""
    return mod(x, y)


def rsqrt(x: V) -> V:
    """1 / sqrt(x)."""
    return reciprocal(sqrt(x))


def frac(x: V) -> V:
    """The part of x behind the point, with its sign."""
    return x - trunc(x)


def copysign(x: V, y: V) -> V:
    """|x| with the sign of y. The gradient for y is 0."""
    return multiply(absolute(x), unit_sign(y))


def lerp(a: V, b: V, weight: V | float) -> V:
    """a + weight (b - a): a and b themselves for the weights 0 and 1."""
    return a * (1.0 - weight) + b * weight


def fabs(x: V) -> V:
    """|x|."""
    return absolute(x)


def float_power(x: V, y: V) -> V:
    """x ** y in floating point."""
    return power(x, y)


def real_part(x: V) -> V:
    """x itself: all Tensors are real."""
    return x


def imag_part(x: V) -> V:
    """Zeros: all Tensors are real."""
    return multiply(greater(x, np.inf), 0.0)


def divmod(x: V, y: V) -> tuple[V, V]:
    """`x // y` and the remainder, as Python's divmod."""
    return floor_divide(x, y), mod(x, y)


def angle(x: V) -> V:
    """0 for x >= 0, pi below: the angle of a real number."""
    return multiply(greater(x * -1.0, 0.0), np.pi)
