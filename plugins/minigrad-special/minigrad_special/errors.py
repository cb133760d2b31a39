"""Inverse error functions and the normal distribution.

(erf, erfc and the normal density are minigrad's own.)
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from scipy import special as sp

import minigrad as mg
from minigrad.ops.family import of_floats
from minigrad.typing import Array, V
from minigrad_special.parameters import Between


@mg.op(x=mg.unit(), elementwise=True)
@of_floats
def erfinv(x: Array) -> Array:
    """The number whose erf is x, for -1 < x < 1."""
    return np.asarray(sp.erfinv(x))


@erfinv.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * mg.exp(y * y) * (0.5 * sqrt(pi))


_TERMS = ((1.0, 2.0, 220), (2.0, np.inf, 60))
"""Where the continued fraction is taken, and how many terms are exact to the last place."""


@mg.op(x=mg.real(), elementwise=True, params=[{"n": 0}, {"n": 1}, {"n": 2}], name="erfcx")
@of_floats
def scaled_integral(x: Array, *, n: int) -> Array:
    """Compute exp(x ** 2) times the n-th integral of erfc from x to infinity (DLMF 7.18).

    n = 0 is erfcx itself. From x = 1 on by the continued fraction of their quotients, before it by the recurrence from
    n = -1 and 0.
    """
    wide = np.asarray(x, np.float64)
    y = sp.erfcx(wide)
    if n:
        y = np.where(wide < 1.0, _by_recurrence(np.minimum(wide, 1.0), n), y)
        for low, high, terms in _TERMS:
            inside = (wide >= low) & (wide < high)
            y[inside] *= _quotients(wide[inside], n, terms)
    return np.asarray(y, dtype=x.dtype)


@np.errstate(over="ignore", invalid="ignore")
def _by_recurrence(x: Array, n: int) -> Array:
    before, y = np.full_like(x, 2.0 / sqrt(pi)), sp.erfcx(x)
    for k in range(1, n + 1):
        before, y = y, (before - 2.0 * x * y) / (2.0 * k)
    return np.asarray(y)


def _quotients(x: Array, n: int, terms: int) -> Array:
    """The n-th integral over erfc, the product of quotients of neighbours."""
    quotient, product = np.zeros_like(x), np.ones_like(x)
    for k in range(n + terms, 0, -1):
        quotient = 0.5 / (x + (k + 1.0) * quotient)
        if k <= n:
            product = product * quotient
    return product


@scaled_integral.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return g * scaled_integral(x, n=n + 1) * (-2.0 * (n + 1.0))


@mg.op(x=mg.real(), elementwise=True)
@of_floats
def log_ndtr(x: Array) -> Array:
    """Compute the log of the probability that a standard normal number is below x.

    Without underflow.
    """
    return np.asarray(sp.log_ndtr(x))


@log_ndtr.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * hazard(x)


@mg.op(x=mg.real(), elementwise=True)
@of_floats
def hazard(x: Array) -> Array:
    """Divide the normal density by the probability to be below x: the slope of log_ndtr."""
    return np.asarray(sqrt(2.0 / pi) / sp.erfcx(x * -sqrt(0.5)))


@hazard.vjp("x")
def _(g: V, y: V, x: V) -> V:
    # -y (y + x), whose terms cancel for x far below 0: there y + x is a quotient of scaled integrals of erfc.
    z: V = mg.maximum(x * -sqrt(0.5), 0.0)
    below: V = scaled_integral(z, n=1) / scaled_integral(z, n=0) * sqrt(2.0)
    return -(g * y * mg.where(mg.greater(0.0, x), below, y + x))


@mg.op(x=Between(0.0, 2.0), elementwise=True)
@of_floats
def erfcinv(x: Array) -> Array:
    """The number whose erfc is x, for 0 < x < 2; precise near 0."""
    return np.asarray(sp.erfcinv(x))


@erfcinv.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return -(g * mg.exp(y * y) * (0.5 * sqrt(pi)))


@mg.op(p=Between(0.0, 1.0), elementwise=True)
@of_floats
def ndtri(p: Array) -> Array:
    """The number below which a standard normal number lies with probability p; precise near 0."""
    return np.asarray(sp.ndtri(p))


@ndtri.vjp("p")
def _(g: V, y: V, p: V) -> V:
    return g * mg.exp(y * y * 0.5) * sqrt(2.0 * pi)


mg.register(erfinv, scaled_integral, hazard, log_ndtr, erfcinv, ndtri)


def erfcx(x: V) -> V:
    """exp(x ** 2) erfc(x), without overflow for positive x."""
    return scaled_integral(x, n=0)


def ndtr(x: V) -> V:
    """The probability that a standard normal number is below x."""
    return mg.normal_cdf(x)
