"""Sums, means, extremes and truth over axes, and running sums along one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.array_api.calls import apply, apply_plain, floating
from minigrad.array_api.dtypes import DType, astype, int64, uint64
from minigrad.array_api.manipulation import concat
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Axis
from minigrad.ops.numpy.constants import constant_of


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest entry; ties share the gradient equally."""
    return apply(np.max, x, axis=axis, keepdims=keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean of the entries."""
    return apply(np.mean, x, axis=axis, keepdims=keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest entry; ties share the gradient equally."""
    return apply(np.min, x, axis=axis, keepdims=keepdims)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: DType | None = None, keepdims: bool = False) -> Tensor:
    """Product of the entries; that of whole numbers has 64 bits."""
    return _accumulated(np.prod, x, dtype, axis, keepdims)


def std(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviation, with divisor N - correction."""
    return apply(np.std, x, axis=axis, ddof=correction, keepdims=keepdims)


def sum(x: Tensor, /, *, axis: Axis = None, dtype: DType | None = None, keepdims: bool = False) -> Tensor:
    """Sum of the entries; that of whole numbers has 64 bits."""
    return _accumulated(np.sum, x, dtype, axis, keepdims)


def var(x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variance, with divisor N - correction."""
    return apply(np.var, x, axis=axis, ddof=correction, keepdims=keepdims)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all entries are true, or not zero."""
    return apply_plain(np.all, x, axis=axis, keepdims=keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether an entry is true, or not zero."""
    return apply_plain(np.any, x, axis=axis, keepdims=keepdims)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Tensor:
    """Running sum along `axis`; it begins with zero if `include_initial`."""
    return _running("cumulative_sum", np.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Tensor:
    """Running product along `axis`; it begins with one if `include_initial`."""
    return _running("cumulative_prod", np.cumprod, 1, x, axis, dtype, include_initial)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along `axis`, taken n times."""
    parts = [p for p in (prepend, x, append) if p is not None]
    return apply(np.diff, concat(parts, axis=axis) if len(parts) > 1 else x, n=n, axis=axis)


def _running(
    name: str,
    scan: Callable[..., object],
    first: int,
    x: Tensor,
    axis: int | None,
    dtype: DType | None,
    include_initial: bool,
) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ShapeError(f"{name}: pass axis=, as x has {x.ndim} axes and not one")
        axis = 0
    x = _widened(x, dtype)
    y = apply(scan, x, axis=axis) if floating(x) else apply_plain(scan, x, axis=axis, dtype=x.dtype)
    if not include_initial:
        return y
    shape = tuple(1 if a == axis % x.ndim else n for a, n in enumerate(x.shape))
    return concat([constant_of(np.full(shape, first, y.dtype)), y], axis=axis)


def _accumulated(function: Callable[..., object], x: Tensor, dtype: DType | None, axis: Axis, keepdims: bool) -> Tensor:
    x = _widened(x, dtype)
    if floating(x):
        return apply(function, x, axis=axis, keepdims=keepdims)
    return apply_plain(function, x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _widened(x: Tensor, dtype: DType | None) -> Tensor:
    """x in the dtype in which its entries are added up or multiplied."""
    if dtype is None and not floating(x):
        dtype = uint64 if x.dtype.kind == "u" else int64
    return x if dtype is None or x.dtype == dtype else astype(x, dtype)
