"""Reductions of arrays in forms that are quick in NumPy.

Where its own are slow, matrix products or transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import isfinite, prod

import numpy as np

from minigrad.core.types import Array, Axis, IndexArray, Shape

__all__ = ["add_reduce", "as_row_operand", "column_sums", "max_reduce", "may_hold_nan", "segment_sum", "silent"]

_max: Callable[..., Array] = np.maximum.reduce
_add: Callable[..., Array] = np.add.reduce
_BLAS = "fd"
_LONGEST = 512
"""Entries of a row from which NumPy's pairwise sums are as quick, and more precise."""
_SHORT, _FEW = 64, 1 << 14
"""Size of rows, and of arrays, that are quicker to compare from a transposed copy.

Up to so many entries in a row, and in the array.
"""
_LARGE, _WIDE = 8192, 64
"""Entries from which comparing with a row beats comparing with a number.

Of an array, and of its rows.
"""
_WORTH = 2048
"""Entries of an array from which its row sums are quicker as a product."""


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[np.float64]) -> Array:
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones


def _suits(x: Array) -> bool:
    return x.dtype.char in _BLAS and x.flags.c_contiguous


def add_reduce(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """np.add.reduce; over a short last axis as a product with ones, in a fifth of the time."""
    over_rows = axis == -1 or axis == x.ndim - 1
    if over_rows and x.ndim > 1 and x.size >= _WORTH and x.shape[-1] <= _LONGEST and _suits(x):
        length = x.shape[-1]
        total: Array = x.reshape(-1, length).dot(_ones(length, x.dtype))
        return total.reshape(*x.shape[:-1], 1) if keepdims else total.reshape(x.shape[:-1])
    return np.asarray(_add(x, axis=axis, keepdims=keepdims))


def may_hold_nan(x: Array) -> bool:
    """Tell whether x may hold NaN.

    False where it holds none; True may be a false alarm (infinities, very large numbers), so look again then.

    One sum, in a fraction of the time of np.isnan. Large arrays are not left to BLAS, which would wake its threads.
    """
    total = np.vdot(x, x) if x.size <= _LARGE else _add(x.ravel("K"))
    return not isfinite(total)


silent = np.errstate(over="ignore", divide="ignore", invalid="ignore")
"""Decorates kernels in which infinities come and go as intended."""


def as_row_operand(x: Array, number: float) -> Array | float:
    """`number` for np.maximum or np.minimum with x.

    Their quick path wants an array; a row of the number will do.
    """
    if isinstance(x, np.ndarray) and x.size >= _LARGE and x.shape[-1] >= _WIDE:
        return np.full(x.shape[-1], number, x.dtype)
    return number


def max_reduce(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """np.maximum.reduce; over a short last axis in a third of the time."""
    if axis == -1 and x.ndim > 1 and 0 < x.size <= _FEW and x.shape[-1] <= _SHORT:
        top = _max(x.reshape(-1, x.shape[-1]).T.copy(), axis=0)
        return top.reshape(*x.shape[:-1], 1) if keepdims else top.reshape(x.shape[:-1])
    return np.asarray(_max(x, axis=axis, keepdims=keepdims))


def column_sums(x: Array, shape: Shape) -> Array:
    """x summed over its first axes, down to those of `shape`, in which it ends."""
    if x.size and _suits(x):
        columns = prod(shape)
        rows = x.size // columns
        total: Array = _ones(rows, x.dtype).dot(x.reshape(rows, columns))
        return total.reshape(shape)
    return np.asarray(_add(x, axis=tuple(range(x.ndim - len(shape)))))


def segment_sum(g: Array, indices: IndexArray, length: int) -> Array:
    """Add rows of g to (length, columns) zeros.

    Row k of g, of shape (count, columns), is added at row indices[k].
    """
    count, columns = g.shape
    if count * length <= 1 << 16:
        # A small product with the 0-1 matrix of positions is quicker than adding row by row.
        return np.equal(np.arange(length)[:, None], indices).astype(g.dtype) @ g
    if length <= 2 * count:
        flat = (indices[:, None] * columns + np.arange(columns)).ravel()
        summed = np.bincount(flat, weights=g.ravel(), minlength=length * columns)
        return summed.reshape(length, columns).astype(g.dtype, copy=False)
    total = np.zeros((length, columns), dtype=g.dtype)
    if count:
        order = np.argsort(indices, kind="stable")
        ordered = indices[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        total[ordered[starts]] = np.add.reduceat(g[order], starts, axis=0)
    return total
