"""Rows told apart by a few of their columns, which is enough to look them up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import flat_rows, row_keys

__all__ = ["row_words", "telling_columns"]

_TRIED, _COUNTED, _TELLING, _ENOUGH = 400, 100, 16, 0.98


def telling_columns(x: Array) -> NDArray[np.intp]:
    """Columns of `x`, shape `(rows, ...)`, that tell different rows apart.

    They are 16, or more where these do not. One half are those that vary most, and one half is spread over the others:
    those that vary most are often neighbours, which say the same, and black or white in most pictures. Of one-hot
    columns nearly all are needed.
    """
    order: NDArray[np.intp] = np.argsort(flat_rows(x)[:_TRIED].std(axis=0, dtype=np.float64))[::-1]
    tried, most = x[:_COUNTED], _TELLING
    distinct = len(set(row_keys(tried))) if len(order) > most else 0
    while len(order) > most:
        half = most // 2
        spread_out = np.linspace(half, len(order) - 1, most - half).astype(np.intp)
        columns = np.concatenate([order[:half], order[spread_out]])
        if len(np.unique(row_words(tried, columns))) >= _ENOUGH * distinct:
            return columns
        most *= 2
    return order


def row_words(x: Array, columns: NDArray[np.intp]) -> NDArray[np.uint64]:
    """One number for each row of `x`, equal for rows that are equal in these columns.

    Other rows have others but for one pair in 2^64. 0 and -0 are equal, and so are float32 and float64.

    Source: Steele et al. 2014, SplitMix (its mixing constants).

    Args:
        x: shape `(rows, ...)`, of any real dtype.
        columns: numbers of some columns of the flat rows.
    """
    part = flat_rows(x)[:, columns]
    exact = np.add(part, 0.0, dtype=np.float64) if part.dtype.kind == "f" else part.astype(np.uint64)
    bits = np.ascontiguousarray(exact).view(np.uint64).copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits ^= bits >> np.uint64(shift)
        bits *= np.uint64(factor)
    odd = np.random.default_rng(31).integers(1 << 63, dtype=np.uint64, size=len(columns)) * np.uint64(2) + np.uint64(1)
    words: NDArray[np.uint64] = ((bits ^ (bits >> np.uint64(31))) * odd).sum(axis=1, dtype=np.uint64)
    return words
