"""Functions that look for entries, order them, and make sets of them."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from minigrad.array_api.calls import Scalar, apply, apply_plain
from minigrad.array_api.manipulation import flip
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Axis


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest entry along `axis`, or of all."""
    return apply_plain(np.argmax, x, axis=axis, keepdims=keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest entry along `axis`, or of all."""
    return apply_plain(np.argmin, x, axis=axis, keepdims=keepdims)


def count_nonzero(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Number of entries that are not zero."""
    return apply_plain(np.count_nonzero, x, axis=axis, keepdims=keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Positions of the entries that are not zero, one Tensor an axis.

    Raises:
        ShapeError: x has no axes.
    """
    if x.ndim == 0:
        raise ShapeError("nonzero: a Tensor without axes has no positions; use x != 0")
    return cast("tuple[Tensor, ...]", apply_plain(np.nonzero, x))


def searchsorted(x1: Tensor, x2: Tensor | Scalar, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where the entries of x2 would have to be inserted in x1 to keep it in order."""
    return apply_plain(np.searchsorted, x1, x2, side=side, sorter=sorter)


def where(condition: Tensor, x1: Tensor | Scalar, x2: Tensor | Scalar, /) -> Tensor:
    """x1 where the condition holds, x2 elsewhere."""
    return apply(np.where, condition, x1, x2)


def isin(x1: Tensor | Scalar, x2: Tensor | Scalar, /, *, invert: bool = False) -> Tensor:
    """Whether each entry of x1 is one of those of x2."""
    return apply_plain(np.isin, x1, x2, invert=invert)


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Positions that sort the entries along `axis`; equal ones keep their order."""
    if not descending:
        return apply_plain(np.argsort, x, axis=axis, kind="stable")
    backwards = apply_plain(np.argsort, flip(x.detach(), axis=axis), axis=axis, kind="stable")
    return flip(x.shape[axis] - 1 - backwards, axis=axis)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The entries in order along `axis`."""
    y = apply(np.sort, x, axis=axis)
    return flip(y, axis=axis) if descending else y


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different entries in order, with where they come, and how often.

    Each NaN is different from all others.
    """
    _, first, inverse, counts = apply_plain(
        np.unique, x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return UniqueAll(_values(x, first), first, inverse.reshape(x.shape), counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different entries in order, and how often each comes."""
    values, _, _, counts = unique_all(x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different entries in order, and which one each entry of x is."""
    values, _, inverse, _ = unique_all(x)
    return UniqueInverse(values, inverse)


def unique_values(x: Tensor, /) -> Tensor:
    """The different entries in order."""
    return unique_all(x).values


def _values(x: Tensor, first: Tensor) -> Tensor:
    """The entries of x at positions in its flattened form, with their gradient."""
    return apply(np.take, apply(np.ravel, x), first.numpy())
