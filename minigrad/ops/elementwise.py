"""Elementwise ops: one entry in, one entry out, after broadcasting. g: gradient of the output; y: output."""

from __future__ import annotations

import numpy as np

from minigrad.core.op import Op
from minigrad.core.op import op as declare
from minigrad.core.types import Array
from minigrad.ops.table import Family
from minigrad.typing import V
from minigrad.verify.domains import boolean, nonzero, positive, real

family = Family()
unary, binary, constant = family.unary, family.binary, family.constant


def _sigmoid(x: Array) -> Array:
    return np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.abs(x)))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _prefer(x: Array, y: Array) -> Array:
    dtype = np.result_type(x, y)
    return (np.greater(x, y).astype(dtype) + np.greater_equal(x, y)) * 0.5


def _equal(x: Array, y: Array) -> Array:
    return np.equal(x, y).astype(np.result_type(x, y))


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


@declare(condition=boolean(), x=real(), y=real(), elementwise=True)
def where(condition: Array, x: Array, y: Array) -> Array:
    """x where `condition` holds, y elsewhere. The branch that is not taken gets gradient 0, whatever its value."""
    return np.where(condition, x, y)


@where.vjp("x")
def _(g: V, out: V, condition: V, x: V, y: V) -> V:
    return where(condition, g, 0.0)


@where.vjp("y")
def _(g: V, out: V, condition: V, x: V, y: V) -> V:
    return where(condition, 0.0, g)


# fmt: off
# Zero derivative wherever it exists
sign = constant("sign", np.sign, "-1, 0 or 1.")
floor = constant("floor", np.floor, "The largest integer not above x.")
ceil = constant("ceil", np.ceil, "The smallest integer not below x.")
rint = constant("rint", np.rint, "The nearest integer, ties to even.")
trunc = constant("trunc", np.trunc, "The integer part.")
prefer = constant("prefer", _prefer, "1 where x > y, one half at ties, 0 elsewhere.", ("x", "y"))
equal = constant("equal", _equal, "1 where x equals y, 0 elsewhere.", ("x", "y"))

# Arithmetic
add = binary("add", np.add, "x + y.", lambda g, out, x, y: g, lambda g, out, x, y: g, linear=True)
subtract = binary("subtract", np.subtract, "x - y.", lambda g, out, x, y: g, lambda g, out, x, y: -g, linear=True)
multiply = binary("multiply", np.multiply, "x * y.", lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
divide = binary(
    "divide", np.divide, "x / y.",
    lambda g, out, x, y: g / y, lambda g, out, x, y: -(g * out / y), (real(), nonzero()),
)
negative = unary("negative", np.negative, "-x.", lambda g, y, x: -g)
reciprocal = unary("reciprocal", np.reciprocal, "1 / x.", lambda g, y, x: -(g * y * y), nonzero())
square = unary("square", np.square, "x * x.", lambda g, y, x: g * x * 2.0)
power: Op = binary(
    "power", np.power, "x ** y, for x > 0 (integer exponents: `integer_power`).",
    lambda g, out, x, y: g * y * power(x, y - 1.0),
    lambda g, out, x, y: g * out * log(where(x > 0.0, x, 1.0)),
    (positive(), real()),
)

# Exponential and logarithm
exp = unary("exp", np.exp, "e ** x.", lambda g, y, x: g * y)
expm1 = unary("expm1", np.expm1, "e ** x - 1, accurate near 0.", lambda g, y, x: g * (y + 1.0))
log: Op = unary("log", np.log, "Natural logarithm.", lambda g, y, x: g / x, positive())
log1p = unary("log1p", np.log1p, "log(1 + x), accurate near 0.", lambda g, y, x: g / (x + 1.0), positive())
sqrt = unary("sqrt", np.sqrt, "Square root.", lambda g, y, x: g * 0.5 / y, positive())

# Trigonometric and hyperbolic
sin = unary("sin", np.sin, "Sine; x in radians.", lambda g, y, x: g * cos(x))
cos: Op = unary("cos", np.cos, "Cosine; x in radians.", lambda g, y, x: -(g * sin(x)))
tanh = unary("tanh", np.tanh, "Hyperbolic tangent.", lambda g, y, x: g * (1.0 - y * y))

# Activations
sigmoid = unary("sigmoid", _sigmoid, "1 / (1 + e ** -x), without overflow.", lambda g, y, x: g * y * (1.0 - y))
softplus = unary("softplus", _softplus, "log(1 + e ** x), without overflow.", lambda g, y, x: g * sigmoid(x))
relu = unary("relu", _relu, "max(x, 0); the gradient at 0 is 0.", lambda g, y, x: g * (x > 0.0), kinks=[0.0])

# With kinks
absolute = unary("abs", np.absolute, "|x|; the gradient at 0 is 0.", lambda g, y, x: g * sign(x), kinks=[0.0])
maximum = binary(
    "maximum", np.maximum, "The larger of x and y; ties share the gradient equally.",
    lambda g, out, x, y: g * prefer(x, y), lambda g, out, x, y: g * prefer(y, x), kinks="ties",
)
minimum = binary(
    "minimum", np.minimum, "The smaller of x and y; ties share the gradient equally.",
    lambda g, out, x, y: g * prefer(y, x), lambda g, out, x, y: g * prefer(x, y), kinks="ties",
)
# fmt: on


@declare(x=real(), elementwise=True, params=[{"n": n} for n in (2, 3, -1, -2, 1, 0, 5)])
def integer_power(x: Array, *, n: int) -> Array:
    """x ** n for an integer n and x of any sign, by repeated multiplication (NumPy's own x ** n is slow)."""
    result = np.ones_like(x) if n == 0 else _by_squaring(x, abs(n))
    return np.reciprocal(result) if n < 0 else result


def _by_squaring(x: Array, n: int) -> Array:
    result: Array | None = None
    while n:
        if n & 1:
            result = x if result is None else result * x
        n >>= 1
        x = x * x if n else x
    assert result is not None
    return result


@integer_power.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return g * 0.0 if n == 0 else g * integer_power(x, n=n - 1) * float(n)


@declare(
    x=real(),
    elementwise=True,
    params=[{"low": -1.0, "high": 2.0}, {"low": None, "high": 0.5}, {"low": -0.5, "high": None}],
    kinks=[-1.0, 2.0, 0.5, -0.5],
)
def clip(x: Array, *, low: float | None = None, high: float | None = None) -> Array:
    """x moved into [low, high]; the gradient is 1 inside and on the bounds, 0 outside."""
    return np.clip(x, low, high)


@clip.vjp("x")
def _(g: V, y: V, x: V, *, low: float | None, high: float | None) -> V:
    return g * equal(x, y)


for _op in (where, integer_power, clip):
    family.add(_op)
family.register()
