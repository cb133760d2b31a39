"""Variance and standard deviation. Registered on first use."""

from __future__ import annotations

from math import sqrt

import numpy as np

from minigrad.core.types import Array, Axis
from minigrad.ops.family import OpFamily
from minigrad.ops.reduce import count, length, mean, with_keepdims
from minigrad.runtime.numpy_fast import add_reduce
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)


@op(
    x=real(),
    params=[
        {"axis": None, "keepdims": False},
        {"axis": 0, "keepdims": False},
        {"axis": -1, "keepdims": True},
        {"axis": (0, 1), "keepdims": False},
        {"axis": 1, "ddof": 1.0},
    ],
)
def variance(x: Array, *, axis: Axis = None, ddof: float = 0.0, keepdims: bool = False) -> Array:
    """Compute the mean square distance from the mean over `axis`.

    The divisor is the number of entries less `ddof`.
    """
    entries = count(x.shape, axis)
    centred = x - add_reduce(x, axis, keepdims=True) / (entries or 1)
    return np.asarray(add_reduce(centred * centred, axis, keepdims) / (entries - ddof))


@variance.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, ddof: float, keepdims: bool) -> V:
    return (x - mean(x, axis=axis, keepdims=True)) * (with_keepdims(g, x, axis) * 2.0 / (count(x.shape, axis) - ddof))


family.add(variance)
family.register()


def var(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Variance over `axis`, divided by the number of entries less `ddof`."""
    return variance(x, axis=axis, ddof=float(ddof), keepdims=keepdims)


def std(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Standard deviation over `axis`: the square root of `var`.

    Where it is 0 the gradient is 0.
    """
    centred: V = x - mean(x, axis=axis, keepdims=True)
    size: V = length(centred, axis=axis, keepdims=keepdims)
    return size / sqrt(count(x.shape, axis) - ddof)
