"""Entries put in places, grids and blocks, as NumPy's functions for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.core.errors import ArgumentError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Axis, IndexArray, Shape
from minigrad.ops.arguments import as_operand
from minigrad.ops.arrangement.gather import take, take_along
from minigrad.ops.arrangement.manipulation import astype
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.functions import broadcast_to, concatenate, moveaxis, ravel, reshape, transpose
from minigrad.ops.index import getitem, setitem
from minigrad.typing import V

__all__ = [
    "block",
    "block_diag",
    "choose",
    "full_like",
    "insert",
    "ix_",
    "meshgrid",
    "put_along_axis",
    "ravel_in_order",
    "reshape_in_order",
    "resize",
    "take_in_mode",
    "trim_zeros",
]


def put_along_axis(x: V, indices: IndexArray, values: V, axis: int | None) -> V:
    """x with `values` at `indices` along `axis`.

    This is what numpy.put_along_axis writes, as a new array.
    """
    if axis is None:
        return reshape(put_along_axis(ravel(x), np.ravel(indices), values, 0), x.shape)
    at = normalize_axis_index(axis, x.ndim)
    places: Any = np.asarray(as_array(indices))
    grid: list[IndexArray] = list(np.ogrid[tuple(slice(n) for n in x.shape)])
    grid[at] = places
    return setitem(x, values, key=tuple(grid))


def insert(x: V, obj: int | slice | Sequence[int] | IndexArray, values: V, axis: int | None = None) -> V:
    """x with `values` put before the places `obj` along `axis`, as numpy.insert.

    Args:
        x: any shape.
        obj: one place, a slice of places or several.
        values: what is put there; broadcasts to the slices it becomes.
        axis: along which to insert; x is flattened by default.
    """
    if axis is None:
        x, axis = ravel(x), 0
    at = normalize_axis_index(axis, x.ndim)
    values = astype(values, x.dtype)
    length = x.shape[at]
    # NumPy says where old and new entries come to lie: those below 0 are new ones.
    pattern = np.insert(np.arange(length), obj, -1 - np.arange(_count(obj, values, x.ndim, at)))
    old, new = np.flatnonzero(pattern >= 0), np.flatnonzero(pattern < 0)
    order = np.argsort(-1 - pattern[new], kind="stable")
    shape = tuple(len(pattern) if a == at else n for a, n in enumerate(x.shape))
    if _is_single(obj) and values.ndim:  # NumPy reads the values' first axis along the axis of a single place
        values = moveaxis(reshape(values, (*(1,) * (x.ndim - values.ndim), *values.shape)), 0, at)
    fresh: V = broadcast_to(values, tuple(len(new) if a == at else n for a, n in enumerate(x.shape)))
    inverse = np.empty(len(pattern), dtype=np.intp)
    inverse[old], inverse[new[order]] = np.arange(length), length + np.arange(len(new))
    y: V = take_along(concatenate([x, fresh], axis=at), inverse, axis=at)
    assert y.shape == shape
    return y


def _is_single(obj: object) -> bool:
    return isinstance(obj, int | np.integer) or (isinstance(obj, np.ndarray) and obj.ndim == 0)


def _count(obj: object, values: V, ndim: int, axis: int) -> int:
    """How many slices are put in."""
    if isinstance(obj, slice):
        return 1
    if not _is_single(obj):
        return int(np.asarray(obj).sum() if np.asarray(obj).dtype == bool else np.size(obj))  # type: ignore[arg-type]
    return values.shape[0] if values.ndim == ndim else 1


def meshgrid(*xi: V, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[V, ...]:
    """Coordinates of a grid from those of its axes, as numpy.meshgrid."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    flat = [ravel(x) for x in xi]
    places = list(range(len(flat)))
    if indexing == "xy" and len(flat) > 1:
        places[:2] = [1, 0]
    axes = range(len(flat))
    lined = [reshape(x, tuple(x.shape[0] if a == p else 1 for a in axes)) for x, p in zip(flat, places, strict=True)]
    if sparse or not lined:
        return tuple(lined)
    shape = np.broadcast_shapes(*(x.shape for x in lined))
    return tuple(broadcast_to(x, shape) for x in lined)


def ix_(*args: Any) -> tuple[Any, ...]:
    """Each of some arrays of one axis along an axis of its own, as numpy.ix_.

    Places, and truth values of which the true ones' places are taken, give arrays.
    """
    plain = np.ix_(*map(as_array, args))
    return tuple(reshape(a, p.shape) if a.dtype.kind == "f" else p for a, p in zip(args, plain, strict=True))


def block(arrays: Any) -> Any:
    """One array from nested lists of blocks, as numpy.block.

    The innermost lists are joined along the last axis.
    """
    depth, ndim = _depth(arrays), _dimensions(arrays)
    return _blocks(arrays, depth, max(depth, ndim))


def _depth(arrays: object) -> int:
    return 1 + max((_depth(a) for a in arrays), default=0) if isinstance(arrays, list) else 0


def _dimensions(arrays: object) -> int:
    return max((_dimensions(a) for a in arrays), default=0) if isinstance(arrays, list) else int(np.ndim(arrays))  # type: ignore[arg-type]


def _blocks(arrays: Any, depth: int, ndim: int) -> Any:
    if isinstance(arrays, list):
        if not arrays:
            raise ValueError("block: a list is empty")
        return concatenate([_blocks(a, depth - 1, ndim) for a in arrays], axis=-depth)
    leaf: Any = arrays if isinstance(arrays, Tensor) else np.asarray(arrays)
    return reshape(leaf, (*(1,) * (ndim - leaf.ndim), *leaf.shape))


def block_diag(*arrays: V) -> V:
    """Matrices along a diagonal, zeros elsewhere."""
    if not arrays:
        raise ValueError("block_diag needs a matrix at least")
    rows: list[Any] = [reshape(a, (1, -1)) if a.ndim < 2 else a for a in arrays]
    if any(a.ndim > 2 for a in rows):
        raise ValueError(f"block_diag needs matrices, not arrays of {[a.shape for a in arrays]}")
    shape = (sum(a.shape[0] for a in rows), sum(a.shape[1] for a in rows))
    y: Any = np.zeros(shape, np.result_type(*(a.dtype for a in rows)))
    at = [0, 0]
    for a in rows:
        key = tuple(slice(start, start + n) for start, n in zip(at, a.shape, strict=True))
        y = setitem(y, a, key=key)
        at = [start + n for start, n in zip(at, a.shape, strict=True)]
    joined: V = y
    return joined


def choose(a: IndexArray, choices: Sequence[V], mode: str = "raise") -> V:
    """Take at each place the entry of that array of `choices` which `a` names.

    As numpy.choose.
    """
    index = np.asarray(as_array(a))
    count = len(choices)
    if mode == "wrap":
        index = index % count
    elif mode == "clip":
        index = np.clip(index, 0, count - 1)
    elif mode != "raise":
        raise ValueError(f"choose: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    if index.size and (index.min() < 0 or index.max() >= count):
        raise ValueError(f"choose: {count} choices are numbered 0 to {count - 1}; got {index.min()} to {index.max()}")
    chosen: V = where(index == 0, choices[0], choices[0])
    for k in range(1, count):
        chosen = where(index == k, choices[k], chosen)
    return chosen


def resize(x: V, new_shape: int | Shape) -> V:
    """The entries of x, repeated as often as needed, in another shape, as numpy.resize."""
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    size = int(np.prod(shape, dtype=np.intp))
    flat: V = ravel(x)
    if not flat.shape[0]:
        return np.zeros(shape, x.dtype)  # type: ignore[return-value]  # nothing to differentiate
    return reshape(take_along(flat, np.arange(size) % flat.shape[0], axis=0), shape)


def full_like(x: Any, fill_value: Any, shape: int | Shape | None = None) -> Any:
    """`fill_value` in the shape and dtype of x, or in another shape, as numpy.full_like."""
    fill: Any = as_operand(fill_value)
    if not isinstance(fill, Tensor):
        return np.full_like(as_array(x), fill_value, shape=shape)
    lengths = x.shape if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    return broadcast_to(astype(fill, x.dtype), lengths)


def trim_zeros(x: V, trim: str = "fb", axis: Axis = None) -> V:
    """x without the zeros at its front ("f") and back ("b"), along all axes or these."""
    present = np.argwhere(as_array(x) != 0)
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    key = []
    for a, length in enumerate(x.shape):
        front, back = (present[:, a].min(), present[:, a].max() + 1) if len(present) else (length, length)
        start = int(front) if "f" in trim.lower() and a in axes else 0
        stop = int(back) if "b" in trim.lower() and a in axes else length
        key.append(slice(start, stop) if len(present) or a not in axes else slice(0, 0))
    return getitem(x, key=tuple(key))


def reshape_in_order(x: V, shape: int | Shape, order: str = "C") -> V:
    """x in another shape; in "F" order the first axis runs fastest."""
    if not _first_runs_fastest(order):
        return reshape(x, shape)
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    return transpose(reshape(transpose(x), lengths[::-1]))


def ravel_in_order(x: V, order: str = "C") -> V:
    """All entries in one axis; in "F" order the first axis runs fastest."""
    return ravel(transpose(x)) if _first_runs_fastest(order) else ravel(x)


def _first_runs_fastest(order: str) -> bool:
    if order not in ("C", "F", "A", "K"):
        raise ArgumentError(f"order must be 'C', 'F', 'A' or 'K', not {order!r}; Tensors have no memory layout")
    return order == "F"


def take_in_mode(x: V, indices: IndexArray | int, axis: int | None = None, mode: str = "raise") -> V:
    """Slices of x at `indices` along `axis`.

    "wrap" counts on after the end, "clip" stays there.
    """
    if mode in ("wrap", "clip"):
        length = x.size if axis is None else x.shape[axis]
        places: Any = np.asarray(as_array(indices))
        indices = places % length if mode == "wrap" else np.clip(places, 0, length - 1)
    elif mode != "raise":
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    return take(x, indices, axis)
