"""Variance and standard deviation. Registered on first use."""

from __future__ import annotations

from math import sqrt

import numpy as np

from minigrad.core.types import Array, Axis, Shape
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
    centred = _centred_array(x, axis)
    return np.asarray(add_reduce(centred * centred, axis, keepdims) / divisor(x.shape, axis, ddof))


def _centred_array(x: Array, axis: Axis) -> Array:
    entries = count(x.shape, axis) or 1
    x = x - add_reduce(x, axis, keepdims=True) / entries
    # Once more, since the mean of equal numbers may differ from them by rounding.
    return x - add_reduce(x, axis, keepdims=True) / entries


def divisor(shape: Shape, axis: Axis, ddof: float) -> float:
    """The number of entries less `ddof`, but not below 0, as in NumPy."""
    return max(float(count(shape, axis)) - ddof, 0.0)


@variance.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, ddof: float, keepdims: bool) -> V:
    share: V = with_keepdims(g, x, axis) * 2.0 / divisor(x.shape, axis, ddof)
    return _centred(x, axis) * share


def _centred(x: V, axis: Axis) -> V:
    if isinstance(x, np.ndarray):
        return _centred_array(x, axis)
    x = x - mean(x, axis=axis, keepdims=True)
    return x - mean(x, axis=axis, keepdims=True)


family.add(variance)
family.register()


def var(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Variance over `axis`, divided by the number of entries less `ddof`."""
    return variance(x, axis=axis, ddof=float(ddof), keepdims=keepdims)


def std(x: V, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> V:
    """Standard deviation over `axis`; where it is 0 the gradient is 0."""
    size: V = length(_centred(x, axis), axis=axis, keepdims=keepdims)
    return size / sqrt(divisor(x.shape, axis, ddof))
