"""Reductions over axes, and the softmax family."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from minigrad.core.types import Array, Axis
from minigrad.ops.arithmetic import ratio
from minigrad.ops.family import OpFamily
from minigrad.ops.piecewise_constant import equal
from minigrad.ops.piecewise_linear import maximum
from minigrad.ops.shape import behind, broadcast_to, reshape
from minigrad.ops.transcendental import exp
from minigrad.runtime.numpy_fast import add_reduce, max_reduce
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import distinct, real

family = OpFamily()

_smallest: Callable[..., Array] = np.minimum.reduce

_AXES: list[dict[str, object]] = [
    {"axis": None},
    {"axis": 1},
    {"axis": (0, 2)},
    {"axis": -1, "keepdims": True},
    {"axis": None, "keepdims": True},
]
_FEW_AXES: list[dict[str, object]] = [{"axis": None}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}]
"""For ops whose rules share `broadcast_back`, which `sum` has met with all combinations."""


def keepdims_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with the lengths of the reduced axes replaced by one."""
    if axis is None or (len(shape) == 1 and axis != ()):
        return (1,) * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))} if shape else set()
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries are reduced into one."""
    if axis is None:
        return prod(shape)
    return prod(shape) // (prod(keepdims_shape(shape, axis)) or 1)


def with_keepdims(g: V, x: V, axis: Axis) -> V:
    """The result of a reduction of x, with the reduced axes as axes of length one."""
    shape = keepdims_shape(x.shape, axis)
    return g if g.shape == shape else reshape(g, shape=shape)


_COPIED = 4096
"""Up to so many entries, filling an array takes NumPy a fifth of the time of making a broadcast view."""


def broadcast_back(g: V, x: V, axis: Axis) -> V:
    """The gradient of a reduction, repeated over the entries that were reduced."""
    if isinstance(g, np.ndarray | np.generic) and x.size <= _COPIED:
        filled = np.empty(x.shape, dtype=g.dtype)
        filled[...] = g if axis is None else with_keepdims(g, x, axis)
        return filled
    return broadcast_to(with_keepdims(g, x, axis), shape=x.shape)


@op(x=real(), linear=True, params=_AXES)
def sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum over `axis`."""
    return add_reduce(x, axis, keepdims)


@sum.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    return broadcast_back(g, x, axis)


@sum.batch
def _(x: V, *, axis: Axis, keepdims: bool) -> V:
    return sum(x, axis=behind(axis, x.ndim - 1), keepdims=keepdims)


@op(x=real(), linear=True, params=_FEW_AXES)
def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean over `axis`; NaN where nothing is averaged."""
    return np.asarray(add_reduce(x, axis, keepdims) / count(x.shape, axis))


@mean.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    return broadcast_back(g / (count(x.shape, axis) or 1), x, axis)


@mean.batch
def _(x: V, *, axis: Axis, keepdims: bool) -> V:
    return mean(x, axis=behind(axis, x.ndim - 1), keepdims=keepdims)


def _shared(g: V, y: V, x: V, axis: Axis) -> V:
    winners: V = equal(x, with_keepdims(y, x, axis))
    return winners * (with_keepdims(g, x, axis) / sum(winners, axis=axis, keepdims=True))


@op(x=distinct(), params=_FEW_AXES, kinks="ties")
def max(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Largest entry over `axis`; ties share the gradient equally."""
    return max_reduce(x, axis, keepdims)


@max.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    return _shared(g, y, x, axis)


@op(x=distinct(), params=_FEW_AXES, kinks="ties")
def min(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Smallest entry over `axis`; ties share the gradient equally."""
    return np.asarray(_smallest(x, axis=axis, keepdims=keepdims))


@min.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    return _shared(g, y, x, axis)


@op(x=real(), params=_FEW_AXES)
def length(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Euclidean length over `axis`, without overflow or underflow. At 0 the gradient is 0, a subgradient."""
    largest = np.max(np.abs(x), initial=0.0)
    if 1e-15 < largest < 1e15:
        return np.asarray(np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)))
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1.0).astype(x.dtype)
    return np.asarray(np.sqrt(np.sum(np.square(x / scale), axis=axis, keepdims=keepdims)) * scale)


@length.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    return broadcast_back(g, x, axis) * ratio(x, broadcast_back(y, x, axis))


@op(x=real(), params=_FEW_AXES)
def logsumexp(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over `axis`, without overflow: the largest entry is taken out of the sum."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0).astype(x.dtype)
    y = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else y.reshape([n for n, k in zip(x.shape, _reduced(x.shape, axis), strict=True) if not k])


def _reduced(shape: tuple[int, ...], axis: Axis) -> list[bool]:
    if axis is None:
        return [True] * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return [i in axes for i in range(len(shape))]


@logsumexp.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    # -inf - -inf would be NaN: where all entries are -inf the gradient is 0.
    finite: V = maximum(y, float(np.finfo(y.dtype).min))
    return broadcast_back(g, x, axis) * exp(x - broadcast_back(finite, x, axis))


@op(x=real(), params=[{"axis": -1}, {"axis": 0}])
def log_softmax(x: Array, *, axis: int = -1) -> Array:
    """x - logsumexp(x) along `axis`: logarithms of softmax probabilities, without overflow."""
    shifted = x - max_reduce(x, axis, keepdims=True)
    return shifted - np.log(add_reduce(np.exp(shifted), axis, keepdims=True))


@log_softmax.vjp("x")
def _(g: V, y: V, x: V, *, axis: int) -> V:
    return g - exp(y) * sum(g, axis=axis, keepdims=True)


@op(x=real(), params=[{"axis": -1}, {"axis": 0}])
def softmax(x: Array, *, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along `axis`, without overflow."""
    e = np.exp(x - max_reduce(x, axis, keepdims=True))
    e /= add_reduce(e, axis, keepdims=True)
    return e


@softmax.vjp("x")
def _(g: V, y: V, x: V, *, axis: int) -> V:
    return y * (g - sum(g * y, axis=axis, keepdims=True))


for _op in (sum, mean, max, min, length, logsumexp, log_softmax, softmax):
    family.add(_op)
family.register()
