"""Quantiles of every kind.

Over any axes, many at once, with all of NumPy's methods, with or without NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.errors import UnsupportedFunction
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, Axis, IndexArray, Shape
from minigrad.ops.arrangement.gather import take, take_along_axis
from minigrad.ops.arrangement.manipulation import astype
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.elementwise_extra import missing
from minigrad.ops.functions import expand_dims, mean, moveaxis, reshape
from minigrad.ops.index import getitem
from minigrad.ops.reduction.sort import sort
from minigrad.typing import V

__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]


_PICKING = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")
"""Methods that pick an entry, of whatever dtype."""


def quantile(x: V, q: float | Sequence[float] | Array, axis: Axis = None, keepdims: bool = False,
             method: str = "linear") -> V:  # fmt: skip
    """The q-quantile over `axis`, as numpy.quantile.

    Args:
        x: any shape.
        q: in [0, 1]; for several the result has their shape in front.
        axis: one, several or (by default) all.
        keepdims: whether the axes stay, with length one.
        method: how to choose or interpolate between neighbours: one of NumPy's.
    """
    shares = _shares("quantile", q)
    if x.dtype.kind in "iub" and method not in _PICKING:
        x = astype(x, np.dtype(np.float64))
    flat, kept = _last(x, axis)
    count = flat.shape[-1]
    if not count:
        y: V = mean(flat, -1)
        return _arranged(expand_dims(y, 0) + np.zeros((shares.size, *(1,) * y.ndim), y.dtype), shares, kept, keepdims)
    ordered: V = sort(flat, -1)
    places = np.quantile(np.arange(float(count)), shares.ravel(), method=method)  # type: ignore[call-overload]
    low, high = np.floor(places).astype(np.intp), np.ceil(places).astype(np.intp)
    picked: V = moveaxis(take(ordered, low, axis=-1), -1, 0)
    if (low != high).any():
        lean = (places - low).reshape(-1, *(1,) * (picked.ndim - 1)).astype(flat.dtype)
        above: V = moveaxis(take(ordered, high, axis=-1), -1, 0)
        # One entry answers where nothing lies between; its neighbour may be infinite, and 0 * inf is NaN.
        picked = picked * (1.0 - lean) + where(lean == 0.0, 0.0, above) * lean
    last: V = getitem(ordered, key=(..., -1))
    return _arranged(where(missing(last), last, picked), shares, kept, keepdims)


def percentile(x: V, q: float | Sequence[float] | Array, axis: Axis = None, keepdims: bool = False,
               method: str = "linear") -> V:  # fmt: skip
    """The quantile of q / 100."""
    return quantile(x, np.true_divide(_constant(q), 100.0), axis, keepdims, method)


def median(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """The middle entry over `axis`, the mean of the middle two for an even number."""
    return quantile(x, 0.5, axis, keepdims)


def nanquantile(x: V, q: float | Sequence[float] | Array, axis: Axis = None, keepdims: bool = False,
                method: str = "linear") -> V:  # fmt: skip
    """The q-quantile over `axis` of what is not NaN; NaN where there is nothing else."""
    shares = _shares("nanquantile", q)
    flat, kept = _last(x, axis)
    absent = np.isnan(as_array(flat))
    if not absent.any():
        return quantile(x, q, axis, keepdims, method)
    counts: IndexArray = flat.shape[-1] - absent.sum(axis=-1)
    places = np.zeros((shares.size, *counts.shape))
    for count in np.unique(counts[counts > 0]):
        at: Array = np.quantile(np.arange(float(count)), shares.ravel(), method=method)  # type: ignore[call-overload]
        places[:, counts == count] = at[:, None]
    ordered: V = sort(flat, -1)  # NaN last, behind infinity
    low, high = np.floor(places).astype(np.intp), np.ceil(places).astype(np.intp)
    lean = (places - low).astype(flat.dtype)
    picked: V = moveaxis(take_along_axis(ordered, np.moveaxis(low, 0, -1), axis=-1), -1, 0)
    above: V = moveaxis(take_along_axis(ordered, np.moveaxis(high, 0, -1), axis=-1), -1, 0)
    picked = where(lean == 0.0, picked, picked * (1.0 - lean) + where(lean == 0.0, 0.0, above) * lean)
    return _arranged(where(counts == 0, np.nan, picked), shares, kept, keepdims)


def nanpercentile(x: V, q: float | Sequence[float] | Array, axis: Axis = None, keepdims: bool = False,
                  method: str = "linear") -> V:  # fmt: skip
    """The nanquantile of q / 100."""
    return nanquantile(x, np.true_divide(_constant(q), 100.0), axis, keepdims, method)


def nanmedian(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """The middle entry over `axis` of what is not NaN."""
    return nanquantile(x, 0.5, axis, keepdims)


def _constant(q: object) -> Array:
    if isinstance(q, Tensor) and q.requires_grad:
        raise UnsupportedFunction("quantiles have no gradient for q: pass q.detach()")
    return np.asarray(as_array(q) if isinstance(q, Tensor) else q, dtype=np.float64)


def _shares(name: str, q: object) -> Array:
    shares = _constant(q)
    if not ((shares >= 0.0) & (shares <= 1.0)).all():
        raise ValueError(f"{name}: q = {q} is not between 0 and 1")
    return shares


def _last(x: V, axis: Axis) -> tuple[V, tuple[int, ...]]:
    """x with the reduced axes as one at the end, and the shape with those axes at length one."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    reduced = tuple(sorted(normalize_axis_index(int(a), x.ndim) for a in axes)) if x.ndim else ()
    rest: Shape = tuple(n for i, n in enumerate(x.shape) if i not in reduced)
    moved: V = moveaxis(x, reduced, tuple(range(x.ndim - len(reduced), x.ndim)))
    count = int(np.prod([x.shape[a] for a in reduced], dtype=np.intp))
    return reshape(moved, (*rest, count)), tuple(1 if i in reduced else n for i, n in enumerate(x.shape))


def _arranged(y: V, shares: Array, kept: tuple[int, ...], keepdims: bool) -> V:
    """y (number of q, ...) with the axes of q, and those that stay."""
    return reshape(y, (*shares.shape, *(kept if keepdims else y.shape[1:])))
