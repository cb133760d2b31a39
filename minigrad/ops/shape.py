"""Ops that move entries without changing them; `sum_to` and `astype` serve the tape."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.types import Array, Axis, Shape
from minigrad.ops.family import OpFamily
from minigrad.ops.index import getitem
from minigrad.runtime.numpy_fast import column_sums
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily()


def behind(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Axes of an array of `ndim` axes, as axes of a stack of such arrays."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(1 + a % ndim for a in axes) if ndim else ()


@op(
    x=real(), linear=True, shapes=[((3, 1),), ((4,),), ((),), ((2, 3, 4),), ((1, 3, 1),)], params=[{"shape": (2, 3, 4)}]
)
def broadcast_to(x: Array, *, shape: Shape) -> Array:
    """x repeated along new axes and axes of length one, until it has `shape`."""
    return np.broadcast_to(x, shape)


@broadcast_to.vjp("x")
def _(g: V, y: V, x: V, *, shape: Shape) -> V:
    return sum_to(g, shape=x.shape)


@broadcast_to.batch
def _(x: V, *, shape: Shape) -> V:
    aligned: V = reshape(x, shape=(x.shape[0], *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:]))
    return broadcast_to(aligned, shape=(x.shape[0], *shape))


@op(
    x=real(),
    linear=True,
    shapes=[((2, 3, 4),)],
    params=[{"shape": s} for s in ((3, 1), (4,), (), (2, 3, 4), (1, 3, 1), (2, 1, 4))],
    role="unbroadcast",
)
def sum_to(x: Array, *, shape: Shape) -> Array:
    """x summed down to `shape`, which broadcasts to the shape of x: undoes broadcasting."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    if x.shape[lead:] == shape:
        return column_sums(x, shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    total: Array = np.add.reduce(x, axis=axes, keepdims=True)
    return total.reshape(shape)


@sum_to.vjp("x")
def _(g: V, y: V, x: V, *, shape: Shape) -> V:
    return broadcast_to(g, shape=x.shape)


@sum_to.batch
def _(x: V, *, shape: Shape) -> V:
    aligned = (x.shape[0], *(1,) * (x.ndim - 1 - len(shape)), *shape)
    return reshape(sum_to(x, shape=aligned), shape=(x.shape[0], *shape))


@op(
    x=real(),
    linear=True,
    shapes=[((2, 3, 4),), ((2, 0, 3),)],
    params=[{"shape": s} for s in ((-1,), (6, 4), (2, 2, 3, 2))],
)
def reshape(x: Array, *, shape: Shape) -> Array:
    """Reshape: the entries in another shape, of which one length may be -1."""
    return np.asarray(x).reshape(shape if np.size(x) or -1 not in shape else _without_wildcard(shape))


def _without_wildcard(shape: Shape) -> Shape:
    return tuple(0 if n == -1 else n for n in shape)


@reshape.vjp("x")
def _(g: V, y: V, x: V, *, shape: Shape) -> V:
    return reshape(g, shape=x.shape)


@reshape.batch
def _(x: V, *, shape: Shape) -> V:
    wildcard = prod(x.shape[1:]) // (-prod(shape) or 1)
    lengths: Shape = tuple(wildcard if n == -1 else n for n in shape)
    return reshape(x, shape=(x.shape[0], *lengths))


@op(x=real((2, 3, 4)), linear=True, params=[{"axes": a} for a in (None, (2, 0, 1), (0, 2, 1), (-1, 0, 1), (1, 2, 0))])
def transpose(x: Array, *, axes: Shape | None = None) -> Array:
    """x with its axes in the order `axes` (reversed by default)."""
    return np.asarray(x).transpose(axes)


@transpose.vjp("x")
def _(g: V, y: V, x: V, *, axes: Shape | None) -> V:
    if axes is None:
        return transpose(g, axes=None)
    inverse = [0] * len(axes)
    for k, a in enumerate(axes):
        inverse[a % len(axes)] = k
    return transpose(g, axes=tuple(inverse))


@transpose.batch
def _(x: V, *, axes: Shape | None) -> V:
    return transpose(x, axes=(0, *behind(tuple(range(x.ndim - 1))[::-1] if axes is None else axes, x.ndim - 1)))


@op(x=real(), linear=True, trailing=True, shapes=[((3, 4),), ((2, 3, 4),), ((1, 1),)])
def matrix_transpose(x: Array) -> Array:
    """The last two axes swapped."""
    return np.asarray(x).swapaxes(-1, -2)


@matrix_transpose.vjp("x")
def _(g: V, y: V, x: V) -> V:
    return matrix_transpose(g)


@op(x=real(), linear=True, trailing=True, params=[{"dtype": np.dtype(np.float64)}], role="cast")
def astype(x: Array, *, dtype: np.dtype[np.float64]) -> Array:
    """x in another dtype; the gradient is of the dtype of x, and 0 through integers."""
    return x.astype(dtype)


@astype.vjp("x")
def _(g: V, y: V, x: V, *, dtype: np.dtype[np.float64]) -> V:
    if dtype.kind != "f":
        zeros: V = np.zeros_like(x)  # type: ignore[assignment]  # of a step function: an array will do on Tensors
        return zeros
    return astype(g, dtype=x.dtype)


@op(
    xs=real(),
    linear=True,
    shapes=[((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (2, 1, 4), (2, 2, 4)), ((2, 0, 4), (2, 3, 4))],
    params=[{"axis": 1}, {"axis": 0}, {"axis": -1}],
)
def concatenate(*xs: Array, axis: int = 0) -> Array:
    """Arrays joined along `axis`."""
    return np.concatenate(xs, axis=axis)


@concatenate.vjp("xs")
def _(g: V, y: V, *xs: V, axis: int) -> tuple[V, ...]:
    before: tuple[slice, ...] = (slice(None),) * normalize_axis_index(axis, y.ndim)
    parts: list[V] = []
    start = 0
    for x in xs:
        stop = start + x.shape[axis]
        parts.append(getitem(g, key=(*before, slice(start, stop))))
        start = stop
    return tuple(parts)


def _repeated(x: V, count: int) -> V:
    """A stack of `count` times x."""
    return broadcast_to(x, shape=(count, *x.shape))


@concatenate.batch
def _(batched: tuple[bool, ...], *xs: V, axis: int) -> V:
    count = xs[batched.index(True)].shape[0]
    stacks: list[V] = []
    for x, is_stack in zip(xs, batched, strict=True):
        stacks.append(x if is_stack else _repeated(x, count))
    return concatenate(*stacks, axis=1 + axis % (stacks[0].ndim - 1))


for _op in (broadcast_to, sum_to, reshape, transpose, matrix_transpose, astype, concatenate):
    family.add(_op)
