"""Bessel functions.

Derivatives: NIST Digital Library of Mathematical Functions, 10.6 and 10.29.

All integer orders of one kind are one op with the order as metadata, since the derivative of one order is made of its
neighbours.
"""

from __future__ import annotations

import numpy as np
from scipy import special as sp

import minigrad as mg
from minigrad.ops.family import of_floats
from minigrad.typing import Array, V

_ORDERS = [{"n": 0}, {"n": 1}, {"n": 2}]


_NEAR_ZERO = 1e-9
"""Below it, to the last place, a modified Bessel function is the first term of its series."""


@mg.op(x=mg.real(), elementwise=True, params=_ORDERS)
@of_floats
def bessel_j(x: Array, *, n: int) -> Array:
    """Bessel function of the first kind, J_n."""
    return np.asarray(sp.jv(n, x), dtype=x.dtype)


@bessel_j.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return -(g * bessel_j(x, n=1)) if n == 0 else g * (bessel_j(x, n=n - 1) - bessel_j(x, n=n + 1)) * 0.5


@mg.op(x=mg.positive(), elementwise=True, params=_ORDERS)
@of_floats
def bessel_y(x: Array, *, n: int) -> Array:
    """Bessel function of the second kind, Y_n, for x > 0."""
    return np.asarray(sp.yn(n, x), dtype=x.dtype)


@bessel_y.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return -(g * bessel_y(x, n=1)) if n == 0 else g * (bessel_y(x, n=n - 1) - bessel_y(x, n=n + 1)) * 0.5


@mg.op(x=mg.real(), elementwise=True, params=_ORDERS)
@of_floats
def bessel_i(x: Array, *, n: float) -> Array:
    """Modified Bessel function of the first kind, I_n; x > 0 for orders that are no integers."""
    y: Array = np.asarray(sp.i0(x) if n == 0 else sp.i1(x) if n == 1 else sp.iv(n, x), dtype=x.dtype)
    near = np.abs(x) < _NEAR_ZERO  # where SciPy's iv is NaN
    return np.where(near, np.power(x * 0.5, n) * sp.rgamma(n + 1.0), y).astype(x.dtype) if near.any() else y


@bessel_i.vjp("x")
def _(g: V, y: V, x: V, *, n: float) -> V:
    return g * bessel_i(x, n=1) if n == 0 else g * (bessel_i(x, n=n - 1) + bessel_i(x, n=n + 1)) * 0.5


@mg.op(x=mg.real(), elementwise=True, params=_ORDERS, kinks=[0.0])
@of_floats
def bessel_ie(x: Array, *, n: float) -> Array:
    """exp(-|x|) I_n(x), without overflow."""
    return np.asarray(sp.ive(n, x), dtype=x.dtype)


@bessel_ie.vjp("x")
def _(g: V, y: V, x: V, *, n: float) -> V:
    slope = bessel_ie(x, n=1) if n == 0 else (bessel_ie(x, n=n - 1) + bessel_ie(x, n=n + 1)) * 0.5
    return g * (slope - mg.sign(x) * y)


@mg.op(x=mg.positive(), elementwise=True, params=_ORDERS)
@of_floats
def bessel_k(x: Array, *, n: int) -> Array:
    """Modified Bessel function of the second kind, K_n, for x > 0."""
    return np.asarray(sp.k0(x) if n == 0 else sp.k1(x) if n == 1 else sp.kn(n, x), dtype=x.dtype)


@bessel_k.vjp("x")
def _(g: V, y: V, x: V, *, n: int) -> V:
    return -(g * bessel_k(x, n=1)) if n == 0 else -(g * (bessel_k(x, n=n - 1) + bessel_k(x, n=n + 1)) * 0.5)


mg.register(bessel_j, bessel_y, bessel_i, bessel_ie, bessel_k)


def jn(n: int, x: V) -> V:
    """J_n(x)."""
    return bessel_j(x, n=n)


def yn(n: int, x: V) -> V:
    """Y_n(x), x > 0."""
    return bessel_y(x, n=n)


def iv(v: float, x: V) -> V:
    """I_v(x) of a real order v; x > 0 unless v is an integer."""
    return bessel_i(x, n=v)


def ive(v: float, x: V) -> V:
    """exp(-|x|) I_v(x) of a real order v; x > 0 unless v is an integer."""
    return bessel_ie(x, n=v)


def j0(x: V) -> V:
    """J_0(x)."""
    return bessel_j(x, n=0)


def j1(x: V) -> V:
    """J_1(x)."""
    return bessel_j(x, n=1)


def y0(x: V) -> V:
    """Y_0(x), x > 0."""
    return bessel_y(x, n=0)


def y1(x: V) -> V:
    """Y_1(x), x > 0."""
    return bessel_y(x, n=1)


def i0(x: V) -> V:
    """I_0(x)."""
    return bessel_i(x, n=0)


def i1(x: V) -> V:
    """I_1(x)."""
    return bessel_i(x, n=1)


def i0e(x: V) -> V:
    """exp(-|x|) I_0(x)."""
    return bessel_ie(x, n=0)


def i1e(x: V) -> V:
    """exp(-|x|) I_1(x)."""
    return bessel_ie(x, n=1)


def k0(x: V) -> V:
    """K_0(x), x > 0."""
    return bessel_k(x, n=0)


def k1(x: V) -> V:
    """K_1(x), x > 0."""
    return bessel_k(x, n=1)
