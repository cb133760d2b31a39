"""Reductions over axes, and the softmax family."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from minigrad.core.types import Array, Axis
from minigrad.ops.elementwise.arithmetic import masked_multiply, ratio
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.piecewise_linear import clip
from minigrad.ops.elementwise.smooth_at_zero import slope_at_zero
from minigrad.ops.elementwise.transcendental import exp
from minigrad.ops.family import OpFamily
from minigrad.ops.shape import behind, broadcast_to, reshape
from minigrad.runtime.numpy_fast import add_reduce, max_reduce, silent
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
"""Number of entries up to which filling an array beats a broadcast view.

It takes NumPy a fifth of the time.
"""


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
    return masked_multiply(with_keepdims(g, x, axis) / sum(winners, axis=axis, keepdims=True), winners)


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
    """Euclidean length over `axis`, without overflow or underflow.

    At 0 the gradient is 0, a subgradient, and so is its own; the square of a length has curvature 2 there.
    """
    squares = _sum_of_squares(x, axis, keepdims)
    lowest, highest = _SAFE_SQUARES.get(x.dtype.char, (1.0, 1.0))
    if squares.size and lowest < squares.min() and squares.max() < highest:
        return np.asarray(np.sqrt(squares))
    scale = power_of_two_above(x, axis)
    y = np.sqrt(_sum_of_squares(x / scale, axis, True)) * scale
    return y if keepdims else y.reshape(squares.shape)


_SAFE_SQUARES = {"f": (1e-30, 1e38), "d": (1e-290, 1e308)}
"""Sums of squares between these have lost nothing to underflow or overflow."""


@silent
def _sum_of_squares(x: Array, axis: Axis, keepdims: bool) -> Array:
    return add_reduce(x * x, axis, keepdims)


def power_of_two_above(x: Array, axis: Axis) -> Array:
    """Compute for each group of entries the power of two just above the largest |x|.

    A group is what `axis` joins (axes are kept).

    1 where the largest is 0 or not finite. To divide by it rounds nothing, unless the result is subnormal.
    """
    top = np.maximum.reduce(np.abs(x), axis=axis, keepdims=True, initial=0.0)
    ordinary = (top > 0.0) & np.isfinite(top)
    exponent = np.frexp(np.where(ordinary, top, 1.0))[1]
    largest = np.finfo(x.dtype).maxexp - 1
    scale = np.ldexp(1.0, np.minimum(exponent, largest)).astype(x.dtype)
    return np.where(ordinary, scale, np.ones((), x.dtype))


@length.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    size: V = broadcast_back(y, x, axis)
    if isinstance(g, np.ndarray):
        return broadcast_back(g, x, axis) * ratio(x, size)
    zero: V = equal(size, 0.0)
    # Where the length is 0 its gradient is 0 by choice, and so is that one's: x / length has no derivative there.
    slope: V = broadcast_back(g, x, axis) * (masked_multiply(x, 1.0 - zero) / (size + zero))
    bend = slope_at_zero(g, y)
    return slope if bend is None else slope + broadcast_back(bend, x, axis) * x


@op(x=real(), params=_FEW_AXES)
def logsumexp(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Compute log(sum(exp(x))) over `axis`, without overflow.

    The largest entry is taken out of the sum.
    """
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0).astype(x.dtype)
    y = log_sum(x - top, axis) + top
    return y if keepdims else y.reshape([n for n, k in zip(x.shape, _reduced(x.shape, axis), strict=True) if not k])


def _reduced(shape: tuple[int, ...], axis: Axis) -> list[bool]:
    if axis is None:
        return [True] * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return [i in axes for i in range(len(shape))]


@logsumexp.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis, keepdims: bool) -> V:
    # An infinite entry takes all of the gradient, as a very large one does.
    return broadcast_back(g, x, axis) * softmax(clip(x, high=float(np.finfo(x.dtype).max)), axis=axis)


@silent
def log_sum(shifted: Array, axis: Axis) -> Array:
    """log(sum(exp(shifted))) over `axis` (kept), for entries of which the largest is 0.

    Where the others hardly count the logarithm is log1p of their sum: added to 1 they would be rounded away.
    """
    e = np.exp(shifted)
    total = add_reduce(e, axis, keepdims=True)
    near = (total >= 1.0) & (total < _NEAR_ONE)  # 0: all are -inf
    y = np.log(total)
    if near.any():
        others = np.add.reduce(np.where(np.equal(shifted, 0.0), np.zeros((), e.dtype), e), axis=axis, keepdims=True)
        y = np.where(near, np.log1p(others), y)
    return y


_NEAR_ONE = 1.5


def finite_max(x: Array, axis: Axis) -> Array:
    """Find the largest entries over `axis` (kept), made finite where all are -inf.

    There it is the lowest number, from which -inf can be told.
    """
    top: Array = np.maximum(max_reduce(x, axis, keepdims=True), np.finfo(x.dtype).min)
    return top


@op(x=real(), params=[{"axis": -1}, {"axis": 0}])
def log_softmax(x: Array, *, axis: int = -1) -> Array:
    """x - logsumexp(x) along `axis`: logarithms of softmax probabilities, without overflow.

    Where all entries are -inf they stay so, with gradient 0.
    """
    if not x.size:
        return x.copy()
    shifted = x - finite_max(x, axis)
    below = np.less(shifted, 0.0).astype(x.dtype)
    # The largest entry adds 1 to the sum of exponentials: log1p of the others does not round them away beside it.
    others = add_reduce(np.exp(shifted) * below, axis, keepdims=True)
    ties = (x.shape[axis] - 1.0) - add_reduce(below, axis, keepdims=True)
    y: Array = shifted - np.log1p(np.maximum(others + ties, 0.0))
    return y


@log_softmax.vjp("x")
def _(g: V, y: V, x: V, *, axis: int) -> V:
    p: V = exp(y)
    due: V = g - p * sum(g, axis=axis, keepdims=True)
    # Entries of the sum 0: what rounding has left of it belongs to those whose probability is next to 1.
    due = due - p * sum(due, axis=axis, keepdims=True)
    if isinstance(p, np.ndarray) and p.all():
        return due
    whole: V = sum(p, axis=axis, keepdims=True)
    return masked_multiply(due, 1.0 - equal(whole, 0.0))  # nothing but -inf


@op(x=real(), params=[{"axis": -1}, {"axis": 0}, {"axis": (0, 2)}, {"axis": None}])
def softmax(x: Array, *, axis: Axis = -1) -> Array:
    """exp(x) / sum(exp(x)) along `axis`, without overflow.

    Where all entries are -inf it is 0, with gradient 0.
    """
    if not x.size:
        return x.copy()
    e = np.exp(x - finite_max(x, axis))
    e /= np.maximum(add_reduce(e, axis, keepdims=True), 1.0)
    return e


@softmax.vjp("x")
def _(g: V, y: V, x: V, *, axis: Axis) -> V:
    # y (g - sum(g y)) does not change when a number is added to g: without its mean, a slope next to 0 is not rounded
    # away at a probability next to 1.
    g = g - sum(g * y, axis=axis, keepdims=True)
    return y * (g - sum(g * y, axis=axis, keepdims=True))


for _op in (sum, mean, max, min, length, logsumexp, log_softmax, softmax):
    family.add(_op)
family.register()
