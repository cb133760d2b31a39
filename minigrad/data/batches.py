"""Batches in an order that a seed decides, the same on every machine and at every call."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.core.types import IndexArray
from minigrad.data.arrays import AnyDtypeArray, Array, any_real, check_pair, whole


def batches(
    x: AnyDtypeArray,
    y: AnyDtypeArray,
    batch_size: int,
    *,
    seed: int | np.random.Generator = 0,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[tuple[Array, Array]]:
    """One pass over the rows: `(x[rows], y[rows])` for `batch_size` rows at a time.

    With `shuffle` every row comes once, in an order decided by `seed`; a Generator is advanced, so that a second pass
    with it has another order. The last batch may be smaller, or is left out with `drop_last`.

    Raises:
        DataError: lengths differ, the batch size is below 1 or the seed negative; raised at the call.
    """
    check_pair(x, y)
    rows = order(len(x), seed, shuffle=shuffle)
    return _gather(any_real(x), any_real(y), pieces(rows, batch_size, drop_last=drop_last))


def order(count: int, seed: int | np.random.Generator, *, shuffle: bool) -> IndexArray:
    """Row numbers 0 to `count` - 1, permuted by `seed` or in order."""
    if not isinstance(seed, np.random.Generator):
        seed = np.random.default_rng(whole("seed", seed, 0))
    return seed.permutation(count) if shuffle else np.arange(count)


def batch_count(count: int, batch_size: int, *, drop_last: bool) -> int:
    """Batches in one pass over `count` rows."""
    whole("batch_size", batch_size, 1)
    return count // batch_size if drop_last else -(-count // batch_size)


def pieces(rows: IndexArray, batch_size: int, *, drop_last: bool) -> list[IndexArray]:
    """`rows` cut into batches."""
    number = batch_count(len(rows), batch_size, drop_last=drop_last)
    return [rows[i * batch_size : (i + 1) * batch_size] for i in range(number)]


def _gather(x: Array, y: Array, parts: list[IndexArray]) -> Iterator[tuple[Array, Array]]:
    for rows in parts:
        yield x[rows], y[rows]
