"""Elementwise powers, exponentials, logarithms and waves.

In rules g is the gradient of the output; y or out is the output.

Where a slope is infinite (sqrt and log at 0) the gradient is infinite too, unless none arrives there: then it is 0,
so that `where(x > 0, log(x), 0)` has gradient 0 at 0.

Slopes of functions that level off are formed from x, not from the output: where tanh(x) has been rounded to 1, its
slope is not 1 - y * y = 0.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_multiply, power_by_squaring, ratio
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.family import OpFamily
from minigrad.runtime.numpy_fast import as_row_operand
from minigrad.verify.domains import positive, real

family = OpFamily()
unary, binary = family.unary, family.binary

_QUICK = 32.0


def _exponent(x: Array, y: Array | float) -> float | None:
    """y as a Python number, when it is one number that leaves the dtype of x alone."""
    if isinstance(y, float | int):
        return float(y) if x.dtype.kind == "f" else None
    return float(y) if y.ndim == 0 and x.dtype == y.dtype and x.dtype.kind == "f" else None


def _power(x: Array, y: Array | float) -> Array:
    """Compute np.power, but by multiplication or square root for common exponents.

    Programs are full of these.
    """
    if isinstance(x, np.ndarray):
        n = _exponent(x, y)
        if n is not None and n.is_integer() and abs(n) <= _QUICK:
            return power_by_squaring(x, int(n))
        if n == 0.5:
            return np.sqrt(x)
    return np.power(x, y)


def _power_slope(x: Array, y: Array | float) -> Array:
    """y x ** (y - 1). Where y = 0 the base is replaced by 1, since 0 * 0 ** -1 would be NaN."""
    if isinstance(y, float | int) or y.ndim == 0:
        return _power(x, y - 1.0) * y if y else np.zeros_like(x) + y
    return np.asarray(np.power(np.where(np.equal(y, 0.0), np.ones_like(x), x), y - 1.0) * y)


def _sigmoid(x: Array) -> Array:
    e = np.exp(np.abs(x) * -1.0)  # at most 1, so that nothing overflows; unsigned integers have no negatives
    return np.maximum(e, np.greater(x, 0.0)) / (e + 1.0)


def _logistic_slope(x: Array) -> Array:
    e = np.exp(np.abs(x) * -1.0)
    below = e + 1.0
    e /= below
    e /= below
    return e


def _sech_squared(x: Array) -> Array:
    e = np.exp(np.abs(x) * -2.0)
    below = e * 0.5
    below += 0.5
    e /= below
    e /= below
    return e


def _softplus(x: Array) -> Array:
    y = np.log1p(np.exp(np.abs(x) * -1.0))
    y += np.maximum(x, as_row_operand(x, 0.0))
    return y


# fmt: off
exp = unary("exp", np.exp, "e ** x.", lambda g, y, x: g * y)
expm1 = unary("expm1", np.expm1, "e ** x - 1, accurate near 0.", lambda g, y, x: g * exp(x))
log: Op = unary("log", np.log, "Natural logarithm.", lambda g, y, x: ratio(g, x), positive())
log1p = unary("log1p", np.log1p, "log(1 + x), accurate near 0.", lambda g, y, x: ratio(g, x + 1.0), positive())
sqrt = unary("sqrt", np.sqrt, "Square root.", lambda g, y, x: ratio(g * 0.5, y), positive())
power: Op = binary(
    "power", _power, "x ** y. The gradient for y is 0 where x = 0; x < 0 has one for x only.",
    lambda g, out, x, y: g * power_slope(x, y), lambda g, out, x, y: g * out * log(x + equal(x, 0.0)),
    (positive(), real()), numpy=np.power,
)
power_slope: Op = binary(
    "power_slope", _power_slope, "y x ** (y - 1), the slope of x ** y: 0 where y = 0.",
    lambda g, out, x, y: g * masked_multiply(power_slope(x - equal(x, 0.0) * equal(y, 0.0), y - 1.0), y),
    lambda g, out, x, y: g * (power(x, y - 1.0) + out * log(x + equal(x, 0.0))), (positive(), real()),
)

sin = unary("sin", np.sin, "Sine; x in radians.", lambda g, y, x: g * cos(x))
cos: Op = unary("cos", np.cos, "Cosine; x in radians.", lambda g, y, x: -(g * sin(x)))
tanh = unary("tanh", np.tanh, "Hyperbolic tangent.", lambda g, y, x: g * sech_squared(x))
sech_squared: Op = unary(
    "sech_squared", _sech_squared, "1 / cosh(x) ** 2, the slope of tanh.", lambda g, y, x: g * y * tanh(x) * -2.0
)
sigmoid = unary("sigmoid", _sigmoid, "1 / (1 + e ** -x), without overflow.", lambda g, y, x: g * logistic_slope(x))
logistic_slope: Op = unary(
    "logistic_slope", _logistic_slope, "1 / (2 + e ** x + e ** -x), the slope of sigmoid.",
    lambda g, y, x: -(g * y * tanh(x * 0.5)),
)
softplus = unary("softplus", _softplus, "log(1 + e ** x), without overflow.", lambda g, y, x: g * sigmoid(x))
# fmt: on

family.register()
