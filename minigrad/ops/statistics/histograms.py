"""Sums of weights by bin, as NumPy's functions for them.

The gradient of a count goes to the weights, that of a density also to the edges, and that of edges to the ends of the
data from which they are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, IndexArray
from minigrad.ops.arguments import as_operand
from minigrad.ops.arrangement.gather import put_along
from minigrad.ops.arrangement.manipulation import astype
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import min as smallest
from minigrad.ops.functions import moveaxis, reshape
from minigrad.ops.index import getitem

__all__ = ["bincount", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd"]

Numbers: TypeAlias = Any  # a Tensor or an array: what has no gradient stays an array
Bins: TypeAlias = Any  # a number of bins, a rule's name or edges
Limits: TypeAlias = Sequence[Any] | None


def bincount(x: IndexArray, weights: Numbers = None, minlength: int = 0) -> Numbers:
    """Sums of `weights` (by default counts) at each of the whole numbers x, as numpy.bincount."""
    places = as_array(x)
    counts = np.bincount(places, minlength=minlength)
    if not isinstance(weights, Tensor):
        return counts if weights is None else np.bincount(places, weights, minlength)
    _require_one_weight_each("bincount", weights, places)
    return put_along(astype(weights, np.float64), places.astype(np.intp), axis=0, length=counts.size)


def histogram_bin_edges(a: Numbers, bins: Bins = 10, range: Limits = None, weights: Numbers = None) -> Numbers:
    """The edges of the bins that `histogram` takes."""
    plain = np.histogram_bin_edges(_plain(a), _plain(bins), _plain(range), _plain(weights))
    return _edges(a, bins, range, plain)


def histogram(a: Numbers, bins: Bins = 10, range: Limits = None, density: bool | None = None,
              weights: Numbers = None) -> tuple[Numbers, Numbers]:  # fmt: skip
    """Sums of weights (by default counts) by bin, and the bins' edges, as numpy.histogram."""
    if not any(map(_sloped, (a, bins, range, weights))):
        return np.histogram(_plain(a), _plain(bins), _plain(range), density=density, weights=_plain(weights))
    edges = histogram_bin_edges(a, bins, range, weights)
    sums = _sums([np.ravel(as_array(a))], [as_array(edges)], weights)
    return (_density(sums, [edges]) if density else sums), edges


def histogramdd(sample: Numbers, bins: Bins = 10, range: Limits = None, density: bool | None = None,
                weights: Numbers = None) -> tuple[Numbers, tuple[Numbers, ...]]:  # fmt: skip
    """Sums of weights (by default counts) by bins of several coordinates.

    As numpy.histogramdd.
    """
    if not any(map(_sloped, (sample, bins, range, weights))):
        return np.histogramdd(_plain(sample), _plain(bins), _plain(range), density=density, weights=_plain(weights))
    points: Any = as_operand(sample)
    if not isinstance(sample, np.ndarray | Tensor) or points.ndim == 1:
        points = moveaxis(reshape(points, (-1, points.shape[-1])), -1, 0)
    _, plain = np.histogramdd(_plain(points), _plain(bins), _plain(range))
    several = list(bins) if isinstance(bins, list | tuple) else [bins] * len(plain)
    limits = [None] * len(plain) if range is None else list(range)
    columns = [getitem(points, key=(slice(None), k)) for k, _ in enumerate(plain)]
    edges = tuple(_edges(*row) for row in zip(columns, several, limits, plain, strict=True))
    sums = _sums([as_array(c) for c in columns], [as_array(e) for e in edges], weights)
    whole = isinstance(sums, np.ndarray)
    return (_density(sums, edges) if density else sums.astype(float) if whole else sums), edges


def histogram2d(x: Numbers, y: Numbers, bins: Bins = 10, range: Limits = None, density: bool | None = None,
                weights: Numbers = None) -> tuple[Numbers, Numbers, Numbers]:  # fmt: skip
    """Sums of weights (by default counts) by bins of x and of y, as numpy.histogram2d."""
    if len(x) != len(y):
        raise ShapeError(f"histogram2d: x and y have {len(x)} and {len(y)} entries; one length is needed")
    if (np.ndim(bins) and len(bins) not in (1, 2)) or (np.ndim(bins) == 1 and len(bins) == 1):
        bins = [bins, bins]
    sums, (along_x, along_y) = histogramdd([x, y], bins, range, density, weights)
    return sums, along_x, along_y


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return as_array(value) if isinstance(value, Tensor) else value


def _sloped(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_sloped, value))
    return isinstance(value, Tensor) and value.requires_grad


def _edges(a: Numbers, bins: Bins, limits: Limits, plain: Array) -> Numbers:
    """NumPy's edges, as a Tensor where what they are taken from has a gradient."""
    if not isinstance(bins, int | np.integer | str):
        return as_operand(bins) if _sloped(bins) else plain
    if not _sloped(a if limits is None else limits) or (limits is None and not a.size):
        return plain
    first, last = (smallest(a), largest(a)) if limits is None else limits
    share = np.linspace(0.0, 1.0, len(plain))
    between = first * (1.0 - share) + last * share
    return between + (plain - as_array(between))  # NumPy's rounding, and half a unit around equal ends


def _sums(columns: list[Array], edges: list[Array], weights: Numbers) -> Numbers:
    """Sums of weights by bin.

    A bin holds its lower edge, and the last one its upper edge too.
    """
    shape = tuple(len(e) - 1 for e in edges)
    inside = np.ones(columns[0].shape, bool)
    places = []
    for column, edge in zip(columns, edges, strict=True):
        inside &= (column >= edge[0]) & (column <= edge[-1])
        places.append(np.minimum(np.searchsorted(edge, column, "right") - 1, len(edge) - 2))
    flat = np.ravel_multi_index(tuple(p[inside] for p in places), shape)
    size = int(np.prod(shape))
    if weights is None:
        return np.bincount(flat, minlength=size).reshape(shape)
    _require_one_weight_each("histogram", weights, columns[0])
    used = getitem(reshape(weights, (-1,)), key=(inside,))
    return reshape(put_along(used, flat, axis=0, length=size), shape)


def _density(sums: Numbers, edges: Sequence[Numbers]) -> Numbers:
    share = sums / sums.sum()
    for axis, edge in enumerate(edges):
        widths = edge[1:] - edge[:-1]
        share = share / reshape(widths, tuple(-1 if k == axis else 1 for k, _ in enumerate(edges)))
    return share


def _require_one_weight_each(name: str, weights: Numbers, entries: Array) -> None:
    if weights.size != entries.size:
        raise ShapeError(f"{name}: {weights.size} weights for {entries.size} entries; one each is needed")
