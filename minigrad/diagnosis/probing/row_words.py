"""Rows told apart by a few of their columns, which is enough to look them up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import flat_rows

__all__ = ["row_words", "telling_columns"]

_TRIED, _TELLING = 400, 16


def telling_columns(x: Array) -> NDArray[np.intp]:
    """16 columns of `x`, shape `(rows, ...)`, in which different rows mostly differ.

    The eight that vary most, and eight spread over the others: those that vary most are often neighbours, which say the
    same, and black or white in most pictures.
    """
    order: NDArray[np.intp] = np.argsort(flat_rows(x)[:_TRIED].std(axis=0, dtype=np.float64))[::-1]
    if len(order) <= _TELLING:
        return order
    half = _TELLING // 2
    spread_out = np.linspace(half, len(order) - 1, half).astype(np.intp)
    return np.concatenate([order[:half], order[spread_out]])


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
