"""Pooling: the largest or the mean entry of each window. Registered on first use."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.types import Array, BoolArray, IndexArray, Shape
from minigrad.ops.arrangement.manipulation import along, pad
from minigrad.ops.elementwise.arithmetic import masked_multiply
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import broadcast_to, mean, reshape
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import sum as total
from minigrad.ops.index import getitem
from minigrad.ops.network.windows import each, last, offsets, overlap_add, places
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import distinct, real

family = OpFamily(lazy=True)
_META: dict[str, object] = {"kernel": (2, 2), "stride": (1, 2), "dilation": (1, 1)}


@op(x=distinct(), y=distinct(), piecewise_constant=True, params=[_META], shapes=[((2, 3, 4), (2, 2, 2))])
def window_winners(x: Array, y: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Compute the share of each entry of a window in its largest entry y.

    1 for the winner, 1 / n for n that tie.

    Returns:
        An array of windows, as `windows(x)` gives.
    """
    shares = np.empty((*kernel, *y.shape), dtype=x.dtype)
    for at, part in offsets(kernel, stride, dilation, y.shape[-len(kernel) :]):
        shares[at] = np.equal(x[last(part)], y)
    winners = shares.sum(axis=tuple(range(len(kernel))))
    if winners.size and winners.max() > 1.0:
        shares /= np.maximum(winners, 1.0)
    return shares


@op(x=distinct(), params=[_META], shapes=[((2, 5, 4),), ((3, 3),)], kinks="ties", name="max_pool")
def max_pool_op(x: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """The largest entry of each window of the last axes; ties share the gradient equally."""
    count = places(x.shape[-len(kernel) :], kernel, stride, dilation)
    y: Array | None = None
    for _, part in offsets(kernel, stride, dilation, count):
        y = x[last(part)].copy() if y is None else np.maximum(y, x[last(part)], out=y)
    assert y is not None
    return y


@max_pool_op.vjp("x")
def _(g: V, y: V, x: V, *, kernel: Shape, stride: Shape, dilation: Shape) -> V:
    shares: V = window_winners(x, y, kernel=kernel, stride=stride, dilation=dilation)
    return overlap_add(masked_multiply(g, shares), size=x.shape[-len(kernel) :], stride=stride, dilation=dilation)


@op(x=real(), linear=True, params=[_META], shapes=[((2, 5, 4),), ((3, 3),)])
def window_sum(x: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """The sum of each window of the last axes."""
    count = places(x.shape[-len(kernel) :], kernel, stride, dilation)
    y = np.zeros((*x.shape[: -len(kernel)], *count), dtype=x.dtype)
    for _, part in offsets(kernel, stride, dilation, count):
        y += x[last(part)]
    return y


@window_sum.vjp("x")
def _(g: V, y: V, x: V, *, kernel: Shape, stride: Shape, dilation: Shape) -> V:
    windows: V = broadcast_to(g, (*kernel, *g.shape))
    return overlap_add(windows, size=x.shape[-len(kernel) :], stride=stride, dilation=dilation)


for _op in (window_winners, max_pool_op, window_sum):
    family.add(_op)
family.register()


def max_pool(x: V, kernel: int | Sequence[int], stride: int | Sequence[int] | None = None,
             padding: int | Sequence[int] = 0, dilation: int | Sequence[int] = 1) -> V:  # fmt: skip
    """Take the largest entry of each window of images x (N, C, *size).

    The stride is the window's length by default.
    """
    n: int = x.ndim - 2
    k: Shape = each(kernel, n)
    p: Shape = each(padding, n)
    if any(p):
        x = pad(x, [(0, 0), (0, 0), *((q, q) for q in p)], constant_values=-np.inf)
    return max_pool_op(x, kernel=k, stride=each(k if stride is None else stride, n), dilation=each(dilation, n))


max_pool1d = max_pool2d = max_pool3d = max_pool


def avg_pool(x: V, kernel: int | Sequence[int], stride: int | Sequence[int] | None = None,
             padding: int | Sequence[int] = 0, divisor_override: int | None = None) -> V:  # fmt: skip
    """The mean of each window of images x (N, C, *size), zeros of the padding included.

    With `divisor_override` the sum of each window is divided by that instead of the number of its places.
    """
    n: int = x.ndim - 2
    k: Shape = each(kernel, n)
    p: Shape = each(padding, n)
    if any(p):
        x = pad(x, [(0, 0), (0, 0), *((q, q) for q in p)])
    y: V = window_sum(x, kernel=k, stride=each(k if stride is None else stride, n), dilation=(1,) * n)
    return y * (1.0 / (prod(k) if divisor_override is None else divisor_override))


avg_pool1d = avg_pool2d = avg_pool3d = avg_pool


def _bins(length: int, count: int) -> list[tuple[int, int]]:
    if count < 1:
        raise ShapeError(f"adaptive pooling: {count} is no number of bins")
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def adaptive_avg_pool(x: V, output_size: int | Sequence[int]) -> V:
    """Average over `output_size` bins, as torch's.

    The bins cover each axis after (N, C) as evenly as possible.
    """
    for axis, count in enumerate(each(output_size, x.ndim - 2), start=2):
        x = _bin_means(x, axis, count)
    return x


def _bin_means(x: V, axis: int, count: int) -> V:
    bins = _bins(x.shape[axis], count)
    before: Shape = x.shape[:axis]
    if x.shape[axis] % count == 0:
        return mean(reshape(x, (*before, count, -1, *x.shape[axis + 1 :])), axis=axis + 1)
    order, inside = _bin_positions(bins)
    lengths = inside.sum(axis=1, keepdims=True)
    shares = (inside / lengths).astype(x.dtype).reshape(*inside.shape, *(1,) * (x.ndim - axis - 1))
    gathered: V = getitem(x, key=along(axis, x.ndim, order))
    return total(masked_multiply(gathered, shares), axis=axis + 1)


def _bin_positions(bins: list[tuple[int, int]]) -> tuple[IndexArray, BoolArray]:
    """Find the positions of the entries of bins, (bins, width), and which are inside.

    Short bins repeat their last entry.
    """
    width = max(stop - start for start, stop in bins)
    order = np.array([[min(start + j, stop - 1) for j in range(width)] for start, stop in bins])
    inside = np.array([[start + j < stop for j in range(width)] for start, stop in bins])
    return order, inside


adaptive_avg_pool1d = adaptive_avg_pool2d = adaptive_avg_pool3d = adaptive_avg_pool


def adaptive_max_pool(x: V, output_size: int | Sequence[int]) -> V:
    """Take the largest entries of `output_size` bins, as torch's.

    The bins cover each axis after (N, C) as evenly as possible.
    """
    for axis, count in enumerate(each(output_size, x.ndim - 2), start=2):
        order, _ = _bin_positions(_bins(x.shape[axis], count))
        gathered: V = getitem(x, key=along(axis, x.ndim, order))
        x = largest(gathered, axis=axis + 1)
    return x


adaptive_max_pool1d = adaptive_max_pool2d = adaptive_max_pool3d = adaptive_max_pool


def global_avg_pool(x: V) -> V:
    """The mean over all axes after (N, C): shape (N, C)."""
    return mean(reshape(x, (*x.shape[:2], -1)), axis=-1)
