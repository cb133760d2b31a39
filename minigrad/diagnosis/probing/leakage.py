"""Columns that are the target in disguise: told by determinism, not by correlation.

A column that merely goes with the target (yesterday's value of a smooth series, a good feature) leaves something
unexplained, and so do its neighbours, by about as much. The target itself leaves nothing, while all other columns
together leave a lot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Leakage

__all__ = ["leakage_of"]

_ROWS, _COLUMNS = 600, 200
_SUSPECT = 0.1


def leakage_of(x: Array, rows: NDArray[np.intp], y: Array, classes: bool) -> Leakage:
    """The column that leaves least of the target unexplained.

    And what all others together leave, if that is less than a tenth.

    Args:
        x: inputs, shape `(all rows, features)`.
        rows: numbers of some of them; the first 600 are looked at.
        y: targets of these, shape `(rows,)` for classes and `(rows, columns)` for quantities.
        classes: whether targets are numbers of classes.
    """
    a, y = x[rows[:_ROWS]].astype(np.float64), y[:_ROWS]
    if len(a) < 20 or a.shape[1] < 2:
        return Leakage()
    largest = max(float(a.max()), -float(a.min()), 1e-300)
    centred = a - a.mean(axis=0)
    total = np.einsum("ij,ij->j", centred, centred)
    varying = total > (1e-9 * largest) ** 2 * len(a)
    if not varying.any():
        return Leakage()
    explained = np.zeros(a.shape[1])
    for goal in _goals(y, classes):
        size = np.einsum("ij,ij->j", goal, goal)
        between = ((goal / np.sqrt(np.maximum(size, 1e-300))).T @ centred) ** 2
        explained = np.maximum(explained, between.sum(axis=0))
    left = np.where(varying, 1.0 - explained / np.where(varying, total, 1.0), 1.0)
    column = int(left.argmin())
    suspect = left[column] < _SUSPECT
    others = _left_by_others(a, y, column, classes) if suspect else None
    return Leakage(column=column, left=float(left[column]), others=others)


def _goals(y: Array, classes: bool) -> list[Array]:
    """What a column may be: a class, or one of the quantities about its mean.

    Indicators of classes are orthogonal, so that what each of them explains adds up to the variance between classes.
    """
    if not classes:
        return [goal[:, None] for goal in (y - y.mean(axis=0)).T]
    labels = np.unique(y)
    return [(y[:, None] == labels).astype(np.float64)] if len(labels) > 1 else []


def _left_by_others(a: Array, y: Array, column: int, classes: bool) -> float:
    """What least squares on all other columns leave of the target.

    On rows that they were not fitted to.
    """
    keep = [k for k in range(a.shape[1]) if k != column][:_COLUMNS]
    inputs = np.column_stack([np.ones(len(a)), a[:, keep]])
    goal = (y[:, None] == np.unique(y)).astype(np.float64) if classes else y
    half = len(a) // 2
    strength = 1e-3 * np.trace(inputs[:half].T @ inputs[:half]) / inputs.shape[1] / max(half, 1)
    normal = inputs[:half].T @ inputs[:half] + strength * np.eye(inputs.shape[1])
    weights = np.linalg.solve(normal, inputs[:half].T @ goal[:half])
    total = float(((goal[half:] - goal[half:].mean(axis=0)) ** 2).sum())
    return float(((goal[half:] - inputs[half:] @ weights) ** 2).sum()) / total if total > 0.0 else 0.0
