"""Inverse error functions and the normal distribution.

(erf, erfc and the normal density are minigrad's own.)
"""

from __future__ import annotations

from math import log, pi, sqrt

import numpy as np
from scipy import special as sp

import minigrad as mg
from minigrad.typing import Array, V
from minigrad_special.parameters import Between


@mg.op(x=mg.unit(), elementwise=True)
def erfinv(x: Array) -> Array:
    """The number whose erf is x, for -1 < x < 1."""
    return np.asarray(sp.erfinv(x))


@erfinv.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * mg.exp(y * y) * (0.5 * sqrt(pi))


@mg.op(x=mg.real(), elementwise=True)
def erfcx(x: Array) -> Array:
    """exp(x ** 2) erfc(x), without overflow for positive x."""
    return np.asarray(sp.erfcx(x))


@erfcx.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * (x * y * 2.0 - 2.0 / sqrt(pi))


@mg.op(x=mg.real(), elementwise=True)
def log_ndtr(x: Array) -> Array:
    """Compute the log of the probability that a standard normal number is below x.

    Without underflow.
    """
    return np.asarray(sp.log_ndtr(x))


@log_ndtr.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return g * mg.exp(mg.square(x) * -0.5 - y - 0.5 * log(2.0 * pi))


@mg.op(x=Between(0.0, 2.0), elementwise=True)
def erfcinv(x: Array) -> Array:
    """The number whose erfc is x, for 0 < x < 2; precise near 0."""
    return np.asarray(sp.erfcinv(x))


@erfcinv.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return -(g * mg.exp(y * y) * (0.5 * sqrt(pi)))


@mg.op(p=Between(0.0, 1.0), elementwise=True)
def ndtri(p: Array) -> Array:
    """The number below which a standard normal number lies with probability p; precise near 0."""
    return np.asarray(sp.ndtri(p))


@ndtri.vjp("p")
def _(g: V, y: V, p: V) -> V:
    return g * mg.exp(y * y * 0.5) * sqrt(2.0 * pi)


mg.register(erfinv, erfcx, log_ndtr, erfcinv, ndtri)


def ndtr(x: V) -> V:
    """The probability that a standard normal number is below x."""
    return mg.normal_cdf(x)
