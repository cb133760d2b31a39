"""Elementwise functions: NumPy's ufuncs under the names of the standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from minigrad.array_api.calls import Scalar, apply, apply_plain, integral
from minigrad.core.errors import UnsupportedFunction
from minigrad.core.tensor import Tensor

Unary = Callable[[Tensor], Tensor]
F = TypeVar("F", bound=Callable[..., Tensor])
Binary = Callable[[Tensor | Scalar, Tensor | Scalar], Tensor]


def _unary(name: str, function: Callable[..., object], doc: str, has_gradient: bool = True) -> Unary:
    how = apply if has_gradient else apply_plain

    def elementwise(x: Tensor, /) -> Tensor:
        return how(function, x)

    return _named(elementwise, name, doc)


def _whole(name: str, function: Callable[..., object], doc: str) -> Unary:
    """A function that leaves whole numbers as they are."""

    def elementwise(x: Tensor, /) -> Tensor:
        return x if integral(x) else apply(function, x)

    return _named(elementwise, name, doc)


def _binary(name: str, function: Callable[..., object], doc: str, has_gradient: bool = True) -> Binary:
    how = apply if has_gradient else apply_plain

    def elementwise(x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
        return how(function, x1, x2)

    return _named(elementwise, name, doc)


def _named(function: F, name: str, doc: str) -> F:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


abs = _unary("abs", np.absolute, "Absolute value.")
acos = _unary("acos", np.arccos, "Inverse cosine, in [0, pi].")
acosh = _unary("acosh", np.arccosh, "Inverse hyperbolic cosine.")
asin = _unary("asin", np.arcsin, "Inverse sine, in [-pi/2, pi/2].")
asinh = _unary("asinh", np.arcsinh, "Inverse hyperbolic sine.")
atan = _unary("atan", np.arctan, "Inverse tangent, in (-pi/2, pi/2).")
atanh = _unary("atanh", np.arctanh, "Inverse hyperbolic tangent.")
conj = _unary("conj", np.conjugate, "The complex conjugate, which is x: all entries are real.")
cos = _unary("cos", np.cos, "Cosine.")
cosh = _unary("cosh", np.cosh, "Hyperbolic cosine.")
exp = _unary("exp", np.exp, "e to the power x.")
expm1 = _unary("expm1", np.expm1, "exp(x) - 1, exact near zero.")
log = _unary("log", np.log, "Natural logarithm.")
log1p = _unary("log1p", np.log1p, "log(1 + x), exact near zero.")
log2 = _unary("log2", np.log2, "Logarithm to base 2.")
log10 = _unary("log10", np.log10, "Logarithm to base 10.")
negative = _unary("negative", np.negative, "-x.")
positive = _unary("positive", np.positive, "x.")
reciprocal = _unary("reciprocal", np.reciprocal, "1 / x.")
sign = _unary("sign", np.sign, "-1, 0 or 1; no gradient flows.")
sin = _unary("sin", np.sin, "Sine.")
sinh = _unary("sinh", np.sinh, "Hyperbolic sine.")
square = _unary("square", np.square, "x * x.")
sqrt = _unary("sqrt", np.sqrt, "Square root.")
tan = _unary("tan", np.tan, "Tangent.")
tanh = _unary("tanh", np.tanh, "Hyperbolic tangent.")
ceil = _whole("ceil", np.ceil, "The smallest integer not below x.")
floor = _whole("floor", np.floor, "The largest integer not above x.")
round = _whole("round", np.rint, "The nearest integer, ties to even.")
trunc = _whole("trunc", np.trunc, "The integer part.")
bitwise_invert = _unary(
    "bitwise_invert", np.invert, "Every bit turned over; `not` for truth values.", has_gradient=False
)
isfinite = _unary("isfinite", np.isfinite, "Whether x is neither infinite nor NaN.", has_gradient=False)
isinf = _unary("isinf", np.isinf, "Whether x is infinite.", has_gradient=False)
isnan = _unary("isnan", np.isnan, "Whether x is NaN.", has_gradient=False)
logical_not = _unary("logical_not", np.logical_not, "Whether x is zero or false.", has_gradient=False)
signbit = _unary("signbit", np.signbit, "Whether x has a minus sign, as -0.0 has.", has_gradient=False)
add = _binary("add", np.add, "x1 + x2.")
atan2 = _binary("atan2", np.arctan2, "The angle of the point (x2, x1), in [-pi, pi].")
copysign = _binary("copysign", np.copysign, "|x1| with the sign of x2.")
divide = _binary("divide", np.divide, "x1 / x2.")
floor_divide = _binary("floor_divide", np.floor_divide, "The largest integer not above x1 / x2.")
hypot = _binary("hypot", np.hypot, "sqrt(x1^2 + x2^2) without overflow on the way.")
logaddexp = _binary("logaddexp", np.logaddexp, "log(exp(x1) + exp(x2)) without overflow on the way.")
maximum = _binary("maximum", np.maximum, "The larger one; ties share the gradient equally.")
minimum = _binary("minimum", np.minimum, "The smaller one; ties share the gradient equally.")
multiply = _binary("multiply", np.multiply, "x1 * x2.")
pow = _binary("pow", np.power, "x1 to the power x2.")
remainder = _binary("remainder", np.remainder, "What is left of x1 / x2 below, with the sign of x2.")
subtract = _binary("subtract", np.subtract, "x1 - x2.")
bitwise_and = _binary("bitwise_and", np.bitwise_and, "x1 & x2.", has_gradient=False)
bitwise_left_shift = _binary("bitwise_left_shift", np.left_shift, "x1 << x2.", has_gradient=False)
bitwise_or = _binary("bitwise_or", np.bitwise_or, "x1 | x2.", has_gradient=False)
bitwise_right_shift = _binary("bitwise_right_shift", np.right_shift, "x1 >> x2.", has_gradient=False)
bitwise_xor = _binary("bitwise_xor", np.bitwise_xor, "x1 ^ x2.", has_gradient=False)
equal = _binary("equal", np.equal, "Whether x1 == x2.", has_gradient=False)
greater = _binary("greater", np.greater, "Whether x1 > x2.", has_gradient=False)
greater_equal = _binary("greater_equal", np.greater_equal, "Whether x1 >= x2.", has_gradient=False)
less = _binary("less", np.less, "Whether x1 < x2.", has_gradient=False)
less_equal = _binary("less_equal", np.less_equal, "Whether x1 <= x2.", has_gradient=False)
logical_and = _binary("logical_and", np.logical_and, "Whether both are true.", has_gradient=False)
logical_or = _binary("logical_or", np.logical_or, "Whether one is true.", has_gradient=False)
logical_xor = _binary("logical_xor", np.logical_xor, "Whether exactly one is true.", has_gradient=False)
not_equal = _binary("not_equal", np.not_equal, "Whether x1 != x2.", has_gradient=False)


def clip(x: Tensor, /, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """Entries moved into [min, max], in the dtype of x."""
    if min is None and max is None:
        return x.copy()
    y = apply(np.clip, x, min, max)
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def nextafter(x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
    """The number beside x1 towards x2.

    Raises:
        UnsupportedFunction: an operand requires a gradient, which this function does not carry.
    """
    if any(isinstance(x, Tensor) and x.requires_grad for x in (x1, x2)):
        raise UnsupportedFunction("nextafter has no gradient here: leave the graph on purpose with .detach()")
    return apply_plain(np.nextafter, x1, x2)


def real(x: Tensor, /) -> Tensor:
    """The real part, which is x: all entries are real."""
    return x


def imag(x: Tensor, /) -> Tensor:
    """The imaginary part: zeros."""
    return apply(np.imag, x)
