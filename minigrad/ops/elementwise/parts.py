"""Numbers in parts: whole and fraction, mantissa and exponent, steps."""

from __future__ import annotations

import numpy as np

from minigrad.core.tensor import as_array
from minigrad.core.types import IndexArray
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.elementwise_extra import angle
from minigrad.ops.elementwise.piecewise_constant import equal, greater, trunc
from minigrad.typing import V

__all__ = ["angle_of", "frexp", "heaviside", "ldexp", "modf"]


def heaviside(x: V, y: V) -> V:
    """0 below 0, y at 0, 1 above; NaN for NaN. The gradient for x is 0, that for y is 1 at 0."""
    known: V = where(greater(x, 0.0), 1.0, where(equal(x, x), 0.0, x))
    return where(equal(x, 0.0), y, known)


def modf(x: V) -> tuple[V, V]:
    """The fraction and the whole part of x, both with the sign of x.

    The gradient flows into the fraction.
    """
    whole: V = trunc(x)
    fraction: V = where(np.isinf(as_array(x)), 0.0, x - where(np.isinf(as_array(x)), 0.0, whole))
    return fraction, whole


def frexp(x: V) -> tuple[V, IndexArray]:
    """The mantissa of x, of size in [0.5, 1), and the whole exponent of 2, which is an array.

    The gradient flows into the mantissa.
    """
    exponents: IndexArray = np.frexp(as_array(x))[1]
    return ldexp(x, -exponents), exponents


def ldexp(x: V, exponents: IndexArray) -> V:
    """x times 2 ** exponents; exponents are whole numbers."""
    powers = np.asarray(as_array(exponents))
    if powers.dtype.kind not in "iu":
        raise TypeError(f"ldexp: exponents must be whole numbers, not {powers.dtype}")
    half = powers // 2  # the whole power may overflow where the product does not
    scale = [np.ldexp(np.ones((), x.dtype), part).astype(x.dtype) for part in (half, powers - half)]
    return x * scale[0] * scale[1]


def angle_of(x: V, deg: bool = False) -> V:
    """0 for x >= 0, pi (180 degrees) below: the angle of a real number."""
    y: V = angle(x)
    return y * (180.0 / np.pi) if deg else y
