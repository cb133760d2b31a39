"""Entries as sets, as NumPy's.

The gradient of a value goes to the first entry that has it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.tensor import as_array
from minigrad.core.types import IndexArray
from minigrad.ops.functions import concatenate, ravel
from minigrad.ops.index import getitem
from minigrad.typing import V

__all__ = [
    "intersect1d",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def unique(x: V, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
           axis: int | None = None, *, equal_nan: bool = True) -> V | tuple[V, ...]:  # fmt: skip
    """The different entries of x in order, or its different slices along `axis`.

    As numpy.unique.

    Args:
        x: any shape.
        return_index: return the places of the first of each, too.
        return_inverse: return which of them each entry is, too.
        return_counts: return how often each occurs, too.
        axis: along which slices are compared; entries by default.
        equal_nan: whether all NaN are one.
    """
    numbers: Any = as_array(x)
    _, first, *rest = np.unique(numbers, True, return_inverse, return_counts, axis=axis, equal_nan=equal_nan)  # type: ignore[call-overload]
    before: tuple[slice, ...] = () if axis is None else (slice(None),) * normalize_axis_index(axis, x.ndim)
    values: V = getitem(ravel(x) if axis is None else x, key=(*before, first))
    extras: list[Any] = [first, *rest] if return_index else list(rest)
    return (values, *extras) if extras else values


def unique_values(x: V) -> V:
    """The different entries of x; each NaN is one of its own."""
    values = unique(x, equal_nan=False)
    assert not isinstance(values, tuple)
    return values


class Counted(NamedTuple):
    """Different values and how often each occurs."""

    values: object
    counts: IndexArray


class Inverted(NamedTuple):
    """Different values, and which of them each entry is."""

    values: object
    inverse_indices: IndexArray


class Everything(NamedTuple):
    """Different values, and all that is known of them.

    Where each is first, which of them each entry is, and how often each occurs.
    """

    values: object
    indices: IndexArray
    inverse_indices: IndexArray
    counts: IndexArray


def unique_counts(x: V) -> Counted:
    """The different entries and how often each occurs."""
    return Counted(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: V) -> Inverted:
    """The different entries, and which of them each entry is."""
    return Inverted(*unique(x, return_inverse=True, equal_nan=False))


def unique_all(x: V) -> Everything:
    """The different entries with all that `unique` can tell."""
    return Everything(*unique(x, True, True, True, equal_nan=False))


def _joined(x: V, y: V) -> V:
    return concatenate([ravel(x), ravel(y)])


def union1d(x: V, y: V) -> V:
    """The different entries of both."""
    values = unique(_joined(x, y))
    assert not isinstance(values, tuple)
    return values


def intersect1d(x: V, y: V, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The different entries that are in both; the gradient goes to x.

    With `return_indices` their places in x and y, too.
    """
    _, first, second = np.intersect1d(as_array(x), as_array(y), assume_unique, return_indices=True)
    values: V = getitem(ravel(x), key=(first,))
    return (values, first, second) if return_indices else values


def setdiff1d(x: V, y: V, assume_unique: bool = False) -> V:
    """The different entries of x that are not in y.

    They are sorted, or in the order of x if it is `assume_unique`.
    """
    flat: V = ravel(x)
    places = np.arange(flat.shape[0]) if assume_unique else np.unique(as_array(flat), return_index=True)[1]
    return getitem(flat, key=(places[~np.isin(as_array(flat)[places], as_array(y))],))


def setxor1d(x: V, y: V, assume_unique: bool = False) -> V:
    """The different entries that are in one of the two only."""
    one, other = setdiff1d(x, y, assume_unique), setdiff1d(y, x, assume_unique)
    joined = _joined(one, other)
    return getitem(joined, key=(np.argsort(as_array(joined), kind="stable"),))
