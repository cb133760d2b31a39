"""Gamma and beta functions.

Formulas: NIST Digital Library of Mathematical Functions, chapters 5 and 8.
"""

from __future__ import annotations

import numpy as np
from scipy import special as sp

import minigrad as mg
from minigrad.ops.family import of_floats
from minigrad.typing import Array, V
from minigrad_special.parameters import Between, Parameter, refuse_gradient

_POSITIVE = mg.positive()


@mg.op(x=_POSITIVE, elementwise=True, params=[{"n": 0}, {"n": 1}, {"n": 2}])
@of_floats
def polygamma(x: Array, *, n: int) -> Array:
    """The n-th derivative of digamma (5.15); n = 0 is digamma itself."""
    return np.asarray(sp.digamma(x) if n == 0 else sp.polygamma(n, x), dtype=x.dtype)


@polygamma.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return g * polygamma(x, n=n + 1)


@mg.op(x=_POSITIVE, elementwise=True)
@of_floats
def gammaln(x: Array) -> Array:
    """The logarithm of |gamma(x)|."""
    with np.errstate(divide="ignore", invalid="ignore"):  # SciPy's is infinite next to 0, where it is -log(x)
        return np.where((x > 0.0) & (x < np.finfo(x.dtype).tiny), -np.log(x), sp.gammaln(x)).astype(x.dtype)


@gammaln.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * polygamma(x, n=0)


@mg.op(x=_POSITIVE, elementwise=True)
@of_floats
def gamma(x: Array) -> Array:
    """The gamma function: (x - 1)! for whole x."""
    return np.asarray(sp.gamma(x))


@gamma.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * y * polygamma(x, n=0)


@mg.op(x=_POSITIVE, elementwise=True)
@of_floats
def rgamma(x: Array) -> Array:
    """1 / gamma(x)."""
    return np.asarray(sp.rgamma(x))


@rgamma.vjp("x")
def _(g: V, y: V, x: V) -> V:
    # -y digamma(x), without the pole at 0, and far out without the reciprocal that SciPy rounds to 0.
    share: V = mg.where(mg.greater(1.0, x), rgamma(mg.minimum(x, 1.0) + 1.0), mg.ratio(y, x))
    return g * (share - y * polygamma(x + 1.0, n=0))


@mg.op(x=mg.real(), elementwise=True, piecewise_constant=True)
@of_floats
def gammasgn(x: Array) -> Array:
    """The sign of gamma(x)."""
    return np.asarray(sp.gammasgn(x), dtype=x.dtype)


@mg.op(a=_POSITIVE, b=_POSITIVE, elementwise=True)
def betaln(a: Array, b: Array) -> Array:
    """The logarithm of the beta function."""
    return np.asarray(sp.betaln(a, b))


@betaln.vjp("a")
def _(g: V, y: V, a: V, b: V) -> V:
    return g * (polygamma(a, n=0) - polygamma(a + b, n=0))


@betaln.vjp("b")
def _(g: V, y: V, a: V, b: V) -> V:
    return g * (polygamma(b, n=0) - polygamma(a + b, n=0))


@mg.op(a=Parameter(_POSITIVE), x=_POSITIVE, elementwise=True, name="gammainc")
def lower_gamma(a: Array, x: Array) -> Array:
    """The regularised lower incomplete gamma function P(a, x) (8.2.4)."""
    return np.asarray(sp.gammainc(a, x), dtype=np.result_type(a, x))


@lower_gamma.vjp("x")
def _(g: V, y: V, a: V, x: V) -> V:
    return g * mg.exp((a - 1.0) * mg.log(x) - x - gammaln(a))


@mg.op(a=Parameter(_POSITIVE), x=_POSITIVE, elementwise=True, name="gammaincc")
def upper_gamma(a: Array, x: Array) -> Array:
    """The regularised upper incomplete gamma function 1 - P(a, x), precise in the tail."""
    return np.asarray(sp.gammaincc(a, x), dtype=np.result_type(a, x))


@upper_gamma.vjp("x")
def _(g: V, y: V, a: V, x: V) -> V:
    return -(g * mg.exp((a - 1.0) * mg.log(x) - x - gammaln(a)))


@mg.op(a=Parameter(_POSITIVE), b=Parameter(_POSITIVE), x=Between(0.0, 1.0), elementwise=True, name="betainc")
def incomplete_beta(a: Array, b: Array, x: Array) -> Array:
    """The regularised incomplete beta function I_x(a, b) (8.17.2), for 0 < x < 1."""
    return np.asarray(sp.betainc(a, b, x), dtype=np.result_type(a, b, x))


@incomplete_beta.vjp("x")
def _(g: V, y: V, a: V, b: V, x: V) -> V:
    return g * mg.exp((a - 1.0) * mg.log(x) + (b - 1.0) * mg.log1p(-x) - betaln(a, b))


mg.register(polygamma, gammaln, gamma, rgamma, gammasgn, betaln, lower_gamma, upper_gamma, incomplete_beta)


def digamma(x: V) -> V:
    """The derivative of gammaln."""
    return polygamma(x, n=0)


psi = digamma


def beta(a: V, b: V) -> V:
    """The beta function: gamma(a) gamma(b) / gamma(a + b)."""
    return mg.exp(betaln(a, b))


def multigammaln(x: V, d: int) -> V:
    """The logarithm of the multivariate gamma function of dimension d, for x > (d - 1) / 2."""
    total: V = x * 0.0 + 0.25 * d * (d - 1) * float(np.log(np.pi))
    for j in range(d):
        total = total + gammaln(x - 0.5 * j)
    return total


def gammainc(a: V | float, x: V) -> V:
    """The regularised lower incomplete gamma function P(a, x), differentiated in x."""
    refuse_gradient("gammainc", a=a)
    return lower_gamma(a, x)


def gammaincc(a: V | float, x: V) -> V:
    """The regularised upper incomplete gamma function 1 - P(a, x), differentiated in x."""
    refuse_gradient("gammaincc", a=a)
    return upper_gamma(a, x)


def betainc(a: V | float, b: V | float, x: V) -> V:
    """The regularised incomplete beta function I_x(a, b), 0 < x < 1, differentiated in x."""
    refuse_gradient("betainc", a=a, b=b)
    return incomplete_beta(a, b, x)
