"""Picking and adding entries at positions that an integer array holds.

Registered on first use.

Positions are arguments, not metadata: a traced program may be run again with other positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.errors import IndexKeyError, ShapeError
from minigrad.core.tensor import as_array
from minigrad.core.types import Array, BoolArray, IndexArray
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import ravel
from minigrad.ops.index import getitem
from minigrad.runtime.effects import IntegersWithin, runtime_check
from minigrad.runtime.numpy_fast import segment_sum
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import integer_index, real

family = OpFamily(lazy=True)


@op(
    x=real(),
    indices=integer_index(3),
    params=[{"axis": 0}],
    shapes=[((3, 4), (2, 2)), ((3,), (4,)), ((3, 2), ())],
    name="take",
)
def take_along(x: Array, indices: IndexArray, *, axis: int = 0) -> Array:
    """Slices of x along `axis` at `indices`; the shape of `indices` replaces that axis."""
    return np.asarray(np.take(x, indices, axis=axis))


@take_along.vjp("x")
def _(g: V, y: V, x: V, indices: V, *, axis: int) -> V:
    return put_along(g, indices, axis=axis % x.ndim, length=x.shape[axis])


@op(
    g=real(),
    indices=integer_index(3),
    linear=True,
    params=[{"axis": 0, "length": 3}],
    shapes=[((2, 2, 4), (2, 2)), ((4,), (4,))],
)
def put_along(g: Array, indices: IndexArray, *, axis: int, length: int) -> Array:
    """Add slices of g at `indices` to zeros with `length` places on `axis`: undoes `take`."""
    places = np.asarray(indices)
    axis %= g.ndim - places.ndim + 1
    if length and places.size and places.min() < 0:
        places = np.where(places < 0, places + length, places)
    before, after = g.shape[:axis], g.shape[axis + places.ndim :]
    width = prod(before) * prod(after)
    rows = np.moveaxis(g.reshape(*before, places.size, *after), axis, 0).reshape(places.size, width)
    total = segment_sum(rows, places.ravel(), length)
    return np.moveaxis(total.reshape(length, *before, *after), 0, axis)


@put_along.vjp("g")
def _(h: V, y: V, g: V, indices: V, *, axis: int, length: int) -> V:
    return take_along(h, indices, axis=axis)


@op(
    x=real(),
    indices=integer_index(3),
    params=[{"axis": 0}],
    shapes=[((3, 4), (2, 4)), ((3, 4), (5, 1)), ((3,), (4,))],
    name="take_along_axis",
)
def pick(x: Array, indices: IndexArray, *, axis: int = -1) -> Array:
    """Pick one position along `axis` for each entry of the result.

    y[.., k, ..] = x[.., indices[.., k, ..], ..].
    """
    return np.take_along_axis(x, indices, axis=axis)


@pick.vjp("x")
def _(g: V, y: V, x: V, indices: V, *, axis: int) -> V:
    return unpick(g, indices, axis=axis % x.ndim, shape=x.shape)


@op(
    g=real(),
    indices=integer_index(3),
    linear=True,
    params=[{"axis": 0, "shape": (3, 4)}],
    shapes=[((2, 4), (2, 4)), ((2, 4), (2, 1))],
)
def unpick(g: Array, indices: IndexArray, *, axis: int, shape: tuple[int, ...]) -> Array:
    """Add the entries of g at `indices` along `axis` to zeros of `shape`.

    This undoes `take_along_axis`.
    """
    axis %= len(shape)
    places = np.broadcast_to(indices, g.shape)
    key: list[IndexArray] = []
    for a, n in enumerate(g.shape):
        if a != axis and shape[a] not in (1, n):
            raise ShapeError(f"unpick: g of shape {g.shape} is no result of take_along_axis from shape {shape}")
        steps = np.arange(n) if shape[a] != 1 else np.zeros(n, dtype=np.intp)
        key.append(places if a == axis else steps.reshape([-1 if i == a else 1 for i in range(g.ndim)]))
    wrapped = [np.where(k < 0, k + n, k) for k, n in zip(key, shape, strict=True)]
    flat = np.ravel_multi_index(tuple(np.broadcast_arrays(*wrapped)), shape)
    total = np.bincount(flat.ravel(), weights=g.ravel(), minlength=int(np.prod(shape)))
    return total.reshape(shape).astype(g.dtype, copy=False)


@unpick.vjp("g")
def _(h: V, y: V, g: V, indices: V, *, axis: int, shape: tuple[int, ...]) -> V:
    return pick(h, indices, axis=axis)


for _op in (take_along, put_along, pick, unpick):
    family.add(_op)
family.register()


def take(x: V, indices: IndexArray | int, axis: int | None = None) -> V:
    """Take slices of x at `indices` along `axis`; indices may repeat.

    By default, entries of the flattened x.
    """
    return take_along(ravel(x), indices, axis=0) if axis is None else take_along(x, indices, axis=axis)


def index_select(x: V, axis: int, indices: IndexArray) -> V:
    """Slices of x at `indices` along `axis`.

    Raises:
        IndexKeyError: `indices` are truth values, which `compress` and `x[mask]` take.
    """
    if as_array(indices).dtype.kind == "b":
        raise IndexKeyError("index_select: indices are places, not truth values: use compress(mask, x, axis)")
    return take_along(x, indices, axis=axis)


def embedding(indices: IndexArray, table: V) -> V:
    """Look up rows of `table` (count, width) at `indices` (any shape).

    The result has shape (*indices.shape, width).

    Raises:
        IndexKeyError: an index is no integer in [0, count); negative ones do not count from the end, as in PyTorch.
    """
    count: int = table.shape[0]
    runtime_check(indices, IntegersWithin(partial(_check_rows, count), count))
    return take_along(table, indices, axis=0)


def _check_rows(count: int, indices: Array) -> None:
    if indices.dtype.kind not in "iu":
        raise IndexKeyError(f"embedding: indices are integers, numbers of rows; got dtype {indices.dtype}")
    wrong = (indices < 0) | (indices >= count)
    if wrong.any():
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise IndexKeyError(
            f"embedding: index {indices[at]} at {list(at)} is out of range; {count} rows allow 0 to {count - 1}"
        )


def take_along_axis(x: V, indices: IndexArray, axis: int | None = -1) -> V:
    """Take one position along `axis` for each index, as numpy.take_along_axis.

    x and `indices` broadcast against each other on the other axes.
    """
    return pick(ravel(x), indices, axis=0) if axis is None else pick(x, indices, axis=axis)


def gather(x: V, axis: int, indices: IndexArray) -> V:
    """Gather entries along `axis`, as torch.gather.

    `indices` may be shorter than x on the other axes, whose first entries are then read.
    """
    key = tuple(
        slice(None) if a == normalize_axis_index(axis, x.ndim) else slice(0, n) for a, n in enumerate(indices.shape)
    )
    return pick(getitem(x, key=key), indices, axis=axis)


def scatter_add(x: V, axis: int, indices: IndexArray, source: V) -> V:
    """Add the entries of `source` to x at `indices` along `axis`.

    `indices` and `source` have one shape, no longer than x elsewhere.
    """
    key = tuple(slice(0, n) for n in indices.shape)
    part: V = getitem(source, key=key)
    shape = tuple(x.shape[a] if a == normalize_axis_index(axis, x.ndim) else n for a, n in enumerate(part.shape))
    added: V = unpick(part, indices, axis=normalize_axis_index(axis, x.ndim), shape=shape)
    if shape != x.shape:
        added = pad(added, [(0, n - m) for n, m in zip(x.shape, shape, strict=True)])
    return x + added


def index_add(x: V, axis: int, indices: IndexArray, source: V) -> V:
    """x with the slices of `source` along `axis` added at `indices` (1-d, may repeat)."""
    added: V = put_along(source, indices, axis=normalize_axis_index(axis, x.ndim), length=x.shape[axis])
    return x + added


def masked_fill(x: V, mask: BoolArray, value: V | float) -> V:
    """x with `value` where `mask` holds."""
    return where(mask, value, x)


def masked_select(x: V, mask: BoolArray) -> V:
    """The entries of x where `mask` (of its shape) holds, in one axis."""
    return getitem(x, key=(mask,))


def select(conditions: Sequence[BoolArray], choices: Sequence[V], default: V | float = 0.0) -> V:
    """Choose for each place the entry of the first choice whose condition holds there.

    Where none holds, `default`.
    """
    if len(conditions) != len(choices) or not choices:
        raise ValueError(f"select: {len(conditions)} conditions for {len(choices)} choices; give one or more of each")
    chosen: V = where(conditions[-1], choices[-1], default)
    for condition, choice in zip(conditions[-2::-1], choices[-2::-1], strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


def where_or_nonzero(condition: BoolArray, x: V | None = None, y: V | None = None) -> V | tuple[IndexArray, ...]:
    """Choose x where `condition` holds, else y, as numpy.where.

    Without x and y, return the positions where it holds.
    """
    if x is None or y is None:
        return np.nonzero(condition)
    return where(condition, x, y)


def extract(condition: BoolArray, x: V) -> V:
    """The entries of x where `condition` (as large as x) holds, in one axis."""
    return take(x, np.flatnonzero(as_array(condition)))


def compress(condition: BoolArray, x: V, axis: int | None = None) -> V:
    """Keep the slices of x along `axis` where the 1-d `condition` holds.

    By default, entries of the flattened x.
    """
    return take(x, np.flatnonzero(condition), axis)


def delete(x: V, positions: int | slice | IndexArray, axis: int | None = None) -> V:
    """Leave out the slices of x along `axis` at `positions`.

    By default, entries of the flattened x.
    """
    length = x.size if axis is None else x.shape[axis]
    return take(x, np.delete(np.arange(length), positions), axis)
