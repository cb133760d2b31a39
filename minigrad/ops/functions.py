"""Everyday functions composed of registered ops.

Arrays in, arrays out; Tensors in, Tensors out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad import lazy
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Axis, Shape
from minigrad.ops import index, reduce, shape
from minigrad.ops.elementwise import arithmetic, piecewise_constant, piecewise_linear, transcendental
from minigrad.typing import V


def sum(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Sum over `axis` (all axes by default)."""
    return reduce.sum(x, axis=axis, keepdims=keepdims)


def mean(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Mean over `axis` (all axes by default)."""
    return reduce.mean(x, axis=axis, keepdims=keepdims)


def max(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Largest entry over `axis`; ties share the gradient equally."""
    return reduce.max(x, axis=axis, keepdims=keepdims)


def min(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Smallest entry over `axis`; ties share the gradient equally."""
    return reduce.min(x, axis=axis, keepdims=keepdims)


def logsumexp(x: V, axis: Axis = None, keepdims: bool = False, b: V | float | None = None) -> V:
    """log(sum(b * exp(x))) over `axis`, without overflow.

    Where all entries are -inf the gradient is 0.

    Args:
        x: exponents.
        axis: one, several or (by default) all.
        keepdims: whether the axes stay, with length one.
        b: weights that broadcast with x, 1 by default; where their sum is negative the logarithm is NaN.
    """
    if b is None:
        return reduce.logsumexp(x, axis=axis, keepdims=keepdims)
    weighted_logsumexp: Callable[..., V] = lazy.load("minigrad.ops.reduction.weighted", "weighted_logsumexp")
    return weighted_logsumexp(x, b, axis, keepdims)


def softmax(x: V, axis: int = -1) -> V:
    """exp(x) / sum(exp(x)) along `axis`, without overflow."""
    return reduce.softmax(x, axis=axis)


def log_softmax(x: V, axis: int = -1) -> V:
    """x - logsumexp(x) along `axis`."""
    return reduce.log_softmax(x, axis=axis)


def log_sigmoid(x: V) -> V:
    """log(sigmoid(x)), without overflow."""
    return -transcendental.softplus(-x)


def xlogy(x: V, y: V) -> V:
    """x log(y), 0 where x = 0, even where log(y) is not finite (there the gradient is 0, too)."""
    return x * transcendental.log(without_limit(x, y, 0.0, 1.0))


def xlog1py(x: V, y: V) -> V:
    """x log(1 + y), accurate near y = 0, and 0 where x = 0 as for xlogy."""
    return x * transcendental.log1p(without_limit(x, y, -1.0, 0.0))


def without_limit(x: V, y: V, pole: float, neutral: float) -> V:
    """Put `neutral` in place of y <= `pole` and of infinity where x is 0."""
    equal = piecewise_constant.equal
    singular: V = piecewise_constant.greater(pole, y) + equal(y, pole) + equal(y, np.inf)
    return arithmetic.where(equal(x, 0.0) * singular, neutral, y)


def clip(x: V, low: V | float | None = None, high: V | float | None = None) -> V:
    """x moved into [low, high]; the gradient is 1 inside and on scalar bounds.

    Array bounds share it at ties.
    """
    if _scalar_or_none(low) and _scalar_or_none(high):
        return piecewise_linear.clip(x, low=low, high=high)
    if low is not None:
        x = piecewise_linear.maximum(x, low)
    return x if high is None else piecewise_linear.minimum(x, high)


def _scalar_or_none(bound: object) -> bool:
    return bound is None or (isinstance(bound, int | float | np.integer | np.floating))


def positive(x: V) -> V:
    """+x: a copy."""
    return x * np.ones((), x.dtype)


def reshape(x: V, shape: int | Shape) -> V:
    """Arrange the entries in another shape; one length may be -1."""
    return _shape_op("reshape", x, shape=_lengths(shape))


def ravel(x: V) -> V:
    """All entries in one axis."""
    return _shape_op("reshape", x, shape=(-1,))


flatten = ravel


def transpose(x: V, axes: Shape | None = None) -> V:
    """x with its axes in the order `axes` (reversed by default)."""
    return _shape_op("transpose", x, axes=None if axes is None else tuple(axes))


def swapaxes(x: V, axis1: int, axis2: int) -> V:
    """Two axes exchanged."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, tuple(order))


def moveaxis(x: V, source: int | Shape, destination: int | Shape) -> V:
    """Axes moved to other positions; the rest keep their order."""
    sources = normalize_axis_tuple(source, x.ndim)
    targets = normalize_axis_tuple(destination, x.ndim)
    if len(sources) != len(targets):
        raise ValueError(f"moveaxis: {len(sources)} source axes and {len(targets)} destinations")
    order = [i for i in range(x.ndim) if i not in sources]
    for to, a in sorted(zip(targets, sources, strict=True)):
        order.insert(to, a)
    return transpose(x, tuple(order))


def broadcast_to(x: V, shape: int | Shape) -> V:
    """x repeated along new axes and axes of length one, until it has `shape`."""
    return _shape_op("broadcast_to", x, shape=_lengths(shape))


def expand_dims(x: V, axis: int | Shape) -> V:
    """x with new axes of length one at `axis` (positions in the result)."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    count = x.ndim + len(axes)
    at = {normalize_axis_index(a, count) for a in axes}
    if len(at) < len(axes):
        raise ValueError(f"expand_dims: axis {axes} names one axis of the result twice")
    lengths = iter(x.shape)
    return reshape(x, tuple(1 if i in at else next(lengths) for i in range(count)))


def squeeze(x: V, axis: int | Shape | None = None) -> V:
    """x without its axes of length one (without those at `axis`, which must have length one)."""
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    at = normalize_axis_tuple(axis, x.ndim)
    if any(x.shape[a] != 1 for a in at):
        raise ValueError(f"squeeze: axis {axis} of shape {x.shape} has not length one")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in at))


def concatenate(arrays: Sequence[V], axis: int | None = 0) -> V:
    """Arrays joined along `axis` (flattened first when it is None)."""
    if axis is None:
        return shape.concatenate(*(ravel(a) for a in arrays), axis=0)
    return shape.concatenate(*arrays, axis=axis)


def flip(x: V, axis: int | Shape | None = None) -> V:
    """Entries in reversed order along `axis` (all axes by default)."""
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    return index.getitem(x, key=tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim)))


def norm(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Euclidean length over `axis` (all axes by default).

    At 0 the gradient is 0, the smallest subgradient.
    """
    return reduce.length(x, axis=axis, keepdims=keepdims)


def _shape_op(name: str, x: V, **meta: object) -> V:
    return REGISTRY[name](x, **meta)


def _lengths(shape: int | Shape) -> Shape:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(shape)
