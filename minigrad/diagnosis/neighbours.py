"""Distances between standardised rows, and the nearest of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array

__all__ = ["distances", "nearest", "squared_distances", "standardised"]

_FAR = 30.0


def standardised(a: Array, v: Array) -> tuple[Array, Array]:
    """Both samples in standard deviations from the mean of the first.

    Cut off at 30 of them, in single precision.

    Columns that are constant in the first count in the typical standard deviation of the others.

    Args:
        a: rows, shape `(rows, features)`.
        v: rows of the same features.
    """
    a, v = a.astype(np.float64), v.astype(np.float64)
    middle = a.mean(axis=0)
    a -= middle
    v -= middle
    spread = np.sqrt(np.einsum("ij,ij->j", a, a) / len(a))
    spread = np.where(spread > 1e-9, spread, max(float(np.median(spread)), 1e-9))
    for rows in (a, v):
        rows /= spread
        np.clip(rows, -_FAR, _FAR, out=rows)
    return a.astype(np.float32), v.astype(np.float32)


def distances(v: Array, a: Array) -> Array:
    """Squared distances from each row of `v` to each of `a`, shape `(len(v), len(a))`."""
    return squared_distances(v @ a.T, (v**2).sum(axis=1), (a**2).sum(axis=1))


def squared_distances(products: Array, v: Array, a: Array) -> Array:
    """Squared distances from inner products and the squared norms of both sides."""
    apart: Array = v[:, None] + a - 2.0 * products
    return apart


def nearest(apart: Array, count: int) -> NDArray[np.intp]:
    """Columns of the `count` least numbers of each row, the least first.

    A few passes for the least are quicker than a partition of each row.

    Args:
        apart: distances, shape `(rows, columns)`; it is overwritten.
        count: how many columns of each row.
    """
    count = min(count, apart.shape[1])
    rows, near = np.arange(len(apart)), np.empty((len(apart), count), dtype=np.intp)
    for k in range(count):
        near[:, k] = apart.argmin(axis=1)
        apart[rows, near[:, k]] = np.inf
    return near
