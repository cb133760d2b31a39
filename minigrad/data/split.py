"""Splits: seeded, stratified, and without leak.

Rows of identical inputs stay on one side.
"""

from __future__ import annotations

from collections import defaultdict

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import IndexArray
from minigrad.data.arrays import AnyDtypeArray, check_pair, real, row_keys, whole
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataError

BINS = 10


def split_rows(x: AnyDtypeArray, y: AnyDtypeArray, val: float = 0.2, seed: int = 0) -> tuple[IndexArray, IndexArray]:
    """Row numbers (train, validation), each shuffled by `seed`; together they are all rows.

    Of each class (each tenth of the sorted targets, when `y` is floating-point) the share `val` goes to validation, as
    closely as groups of identical rows allow, and at least one row to each side where a class has two distinct rows.

    Raises:
        DataError: lengths differ, `val` is not in (0, 1), or one side would be empty.
    """
    check_pair(x, y)
    real("val", val, 0.0, 1.0, open_ends=True)
    rng = np.random.default_rng(whole("seed", seed, 0))
    chosen = np.zeros(len(x), dtype=bool)
    for groups in _strata(x, y):
        for group in _take([groups[i] for i in rng.permutation(len(groups))], val):
            chosen[group] = True
    train, held = rng.permutation(np.flatnonzero(~chosen)), rng.permutation(np.flatnonzero(chosen))
    if not len(train) or not len(held):
        raise DataError(f"val={val}: {len(x)} rows cannot be split in two without leak (too few distinct rows).")
    return train, held


def _strata(x: AnyDtypeArray, y: AnyDtypeArray) -> list[list[list[int]]]:
    """For each stratum of `y`, its groups of identical rows.

    A group belongs to the stratum of its first row.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row, key in enumerate(row_keys(x)):
        groups[key].append(row)
    stratum = _stratum_of_rows(y)
    strata: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        strata[int(stratum[group[0]])].append(group)
    return [strata[key] for key in sorted(strata)]


def _stratum_of_rows(y: AnyDtypeArray) -> NDArray[np.int64]:
    if y.ndim > 1:
        return np.zeros(len(y), dtype=np.int64)
    if y.dtype.kind == "f":
        rank = np.argsort(np.argsort(y, kind="stable"), kind="stable")
        return rank * min(BINS, max(1, len(y) // BINS)) // max(1, len(y))
    return np.unique(y, return_inverse=True)[1].astype(np.int64)


def _take(groups: list[list[int]], share: float) -> list[list[int]]:
    """Choose the groups to hold out, greedily.

    Never past the target, but at least the smallest when there are two groups.
    """
    if len(groups) < 2:
        return []
    total = sum(map(len, groups))
    target, count, out = min(max(1, round(share * total)), total - 1), 0, []
    for group in groups:
        if count + len(group) <= target:
            count += len(group)
            out.append(group)
    return out or [min(groups, key=len)]


def resplit(data: Dataset, val: float = 0.2, seed: int = 0) -> Dataset:
    """`data` with training and validation rows pooled and split anew by `split_rows`."""
    x, y = np.concatenate([data.x_train, data.x_val]), np.concatenate([data.y_train, data.y_val])
    train, held = split_rows(x, y, val, seed)
    return attrs.evolve(data, x_train=x[train], y_train=y[train], x_val=x[held], y_val=y[held])
