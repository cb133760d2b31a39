"""The error function and the normal distribution, on NumPy alone. Registered on first use.

From W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), good to 16 digits.
Each approximation is evaluated only on the entries of its interval.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_multiply
from minigrad.ops.family import OpFamily, of_floats
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

_SMALL = (1.85777706184603153e-1, 3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02,
          3.20937758913846947e03)  # fmt: skip
_SMALL_BELOW = (1.0, 2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03)
_MIDDLE = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e00, 6.61191906371416295e01,
           2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03, 2.05107837782607147e03,
           1.23033935479799725e03)  # fmt: skip
_MIDDLE_BELOW = (1.0, 1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03,
                 3.29079923573345963e03, 4.36261909014324716e03, 3.43936767414372164e03,
                 1.23033935480374942e03)  # fmt: skip
_LARGE = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
          1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_LARGE_BELOW = (1.0, 2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1, 6.05183413124413191e-2,
                2.33520497626869185e-3)  # fmt: skip
_FIRST, _SECOND = 0.46875, 4.0


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += c
    return total


def _erf_small(x: Array) -> Array:
    z = x * x
    return x * (_polynomial(z, _SMALL) / _polynomial(z, _SMALL_BELOW))


def _bell(x: Array, scale: float) -> Array:
    """Compute exp(-scale * x * x) with the square split in two.

    Its rounding would be multiplied by x * x.
    """
    a = np.minimum(np.abs(x), 64.0)
    coarse = np.trunc(a * 16.0) / 16.0
    return np.exp(coarse * coarse * -scale) * np.exp((a - coarse) * (a + coarse) * -scale)


def _middle(a: Array) -> Array:
    return _polynomial(a, _MIDDLE) / _polynomial(a, _MIDDLE_BELOW)


def _large(a: Array) -> Array:
    z = 1.0 / (a * a)
    tail = z * (_polynomial(z, _LARGE) / _polynomial(z, _LARGE_BELOW))
    return (1.0 / sqrt(pi) - tail) / a


def _erfc_over_bell(a: Array) -> Array:
    """erfc(a) * exp(a * a) for a >= 0.46875 (1-d)."""
    a = np.minimum(a, 28.0)
    result = np.empty_like(a)
    large = a > _SECOND
    if large.any():
        result[large] = _large(a[large])
        result[~large] = _middle(a[~large])
        return result
    return _middle(a)


def erf_array(x: Array, complement: bool = False, of: Array | None = None) -> Array:
    """erf(x), or 1 - erf(x) with full relative precision, for an array of floats.

    Args:
        x: the argument.
        complement: 1 - erf(x).
        of: x * sqrt(2) where x has been rounded from that: in the tail the rounding would be multiplied by x * x.
    """
    flat = x.ravel()
    size = np.abs(flat)
    near = size <= _FIRST
    result = np.empty_like(flat)
    small = _erf_small(flat[near])
    result[near] = 1.0 - small if complement else small
    far = ~near
    outside = flat[far]
    tail = _erfc_over_bell(size[far])
    tail *= _bell(outside, 1.0) if of is None else _bell(of.ravel()[far], 0.5)
    if complement:
        result[far] = np.where(outside > 0.0, tail, 2.0 - tail)
    else:
        result[far] = np.copysign(1.0 - tail, outside)
    return result.reshape(x.shape)


@of_floats
def _erf(x: Array) -> Array:
    return erf_array(np.asarray(x))


@of_floats
def _erfc(x: Array) -> Array:
    return erf_array(np.asarray(x), complement=True)


@of_floats
def _cdf(x: Array) -> Array:
    x = np.asarray(x)
    return erf_array(x * -sqrt(0.5), complement=True, of=x) * 0.5


def normal_pdf(x: V) -> V:
    """The density of the standard normal distribution."""
    return bell(x, scale=0.5) * (1.0 / sqrt(2.0 * pi))


@op(x=real(), elementwise=True, params=[{"scale": 1.0}, {"scale": 0.5}])
def bell(x: Array, *, scale: float = 1.0) -> Array:
    """exp(-scale * x ** 2), with full relative precision in the tails.

    `scale` is a power of 2.
    """
    return _bell(x, scale)


@bell.vjp("x")
def _(g: V, y: V, x: V, *, scale: float) -> V:
    return g * masked_multiply(x, y) * (-2.0 * scale)


family = OpFamily(lazy=True)
unary = family.unary
# fmt: off
erf = unary("erf", _erf, "2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.",
            lambda g, y, x: g * bell(x) * (2.0 / sqrt(pi)), real())
erfc = unary("erfc", _erfc, "1 - erf(x), precise in the tail.",
             lambda g, y, x: g * bell(x) * (-2.0 / sqrt(pi)), real())
normal_cdf: Op = unary("normal_cdf", _cdf, "The probability that a standard normal number is below x.",
                       lambda g, y, x: g * normal_pdf(x), real())
# fmt: on
family.add(bell)
family.register()
