"""Whether validation rows are of the same kind as training rows.

Neighbours tell, whatever the kinds of columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.diagnosis.neighbours import distances, standardised
from minigrad.diagnosis.probing.row_words import telling_columns

__all__ = ["blank_share", "can_repeat", "missing_share", "told_apart"]

_ROWS, _EXPECTED, _COPIES, _KINDS, _DRAWN, _CHANCE, _TIED = 200, 12.0, 0.8, 0.1, 1_000, 1e-9, 1e-5
_SEVERAL, _RARER = 5, 1e-5


def told_apart(a: Array, v: Array, seed: int = 0) -> float:
    """How well a row's nearest neighbour tells which of two samples it is from.

    0 where both are of one kind, 1 where no row of `v` has its nearest neighbour in `a` (Schilling 1986). As many rows
    of each are compared; what chance may do, three standard errors, counts as 0.

    Args:
        a: rows of one sample, shape `(rows, features)`; columns are compared in its standard deviations.
        v: rows of the other sample.
        seed: of the choice of rows.
    """
    count = min(len(a), len(v), _ROWS)
    if count < 25:
        return 0.0
    rng = np.random.default_rng([seed, 29])
    a, v = standardised(*(rows[rng.permutation(len(rows))[:count]] for rows in (a, v)))
    apart = distances(v, np.concatenate([v, a]))
    np.fill_diagonal(apart, np.inf)
    near = apart <= apart.min(axis=1, keepdims=True) + _TIED * a.shape[1]  # of equal rows none is nearer
    own = float(np.mean(near[:, :count].sum(axis=1) / near.sum(axis=1)))
    chance = (count - 1.0) / (2.0 * count - 1.0)
    told = (own - chance) / (1.0 - chance)
    return told if told > 3.0 / np.sqrt(count) else 0.0


def blank_share(val: Array, suspects: NDArray[np.bool_], varying: int, rows: int) -> float:
    """Share of the columns in which only validation rows differ, though not by chance.

    Training rows drawn one by one as the validation rows were would hardly all be equal there: rare words, and switches
    that are seldom on, do not count.

    Args:
        val: validation inputs, shape `(rows, features)`.
        suspects: columns that are constant among the training rows and not among these, shape `(features,)`.
        varying: how many columns vary at all.
        rows: number of training rows that are equal there.
    """
    part = val[:: max(1, len(val) // _DRAWN), np.flatnonzero(suspects)]
    usual = [int(np.unique(column, return_counts=True)[1].max()) / len(part) for column in part.T]
    chances = [share**rows for share in usual]
    likely = sum(chance < _RARER for chance in chances)  # of several columns at once less is needed of each
    return (likely if likely >= _SEVERAL else sum(chance < _CHANCE for chance in chances)) / max(varying, 1)


def can_repeat(x: Array) -> bool:
    """Whether equal rows are chance.

    Then rows that agree in half of their telling columns often differ in the other half.

    Rows of a few yes/no columns do; copies agree in the other half, too.
    """
    flat = x.reshape(len(x), -1)
    telling = telling_columns(x)
    if len(telling) < 2 or len(np.unique(flat[:, telling], axis=0)) < _KINDS * len(flat):
        return len(telling) > 1 or len(np.unique(flat[:, telling])) < 0.5 * len(flat)
    halves = [
        np.unique(flat[:, part], axis=0, return_inverse=True)[1].ravel() for part in (telling[::2], telling[1::2])
    ]
    both = np.unique(np.stack(halves, axis=1), axis=0, return_counts=True)[1]
    pairs = [float((counts * (counts - 1)).sum()) for counts in (*map(np.bincount, halves), both)]
    return pairs[2] < _COPIES * min(pairs[0], pairs[1])


def missing_share(y: Array, y_val: Array) -> float:
    """Share of the training rows whose class has no validation row.

    Although twelve were to be expected.
    """
    classes, counts = np.unique(y, return_counts=True)
    shares = counts / counts.sum()
    gone = ~np.isin(classes, y_val) & (shares * y_val.size > _EXPECTED)
    return float(shares[gone].sum())
