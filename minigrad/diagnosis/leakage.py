"""Columns that are the target in disguise: told by determinism, not by correlation.

A column that merely goes with the target (yesterday's value of a smooth series, a good feature) leaves something
unexplained, and so do its neighbours, by about as much. The target itself leaves nothing, while all other columns
together leave a lot.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Leakage

__all__ = ["leakage_of"]

_ROWS = 600
_COLUMNS = 200


def leakage_of(a: Array, y: Array, classes: bool) -> Leakage:
    """The column that leaves least of the target unexplained.

    And what all others together leave.

    Args:
        a: inputs, shape `(rows, features)`.
        y: targets, shape `(rows,)` for classes and `(rows, columns)` for quantities.
        classes: whether targets are numbers of classes.
    """
    a, y = a[:_ROWS], y[:_ROWS]
    if len(a) < 20 or a.shape[1] < 2:
        return Leakage()
    spread = a.std(axis=0)
    varying = spread > 1e-9 * max(float(np.abs(a).max()), 1e-300)
    if not varying.any():
        return Leakage()
    unexplained = np.ones(a.shape[1])
    goals = [y] if classes else list(y.T)
    for goal in goals:
        left = _left_of_classes(a, goal) if classes else _left_of_quantity(a, goal)
        unexplained = np.minimum(unexplained, np.where(varying, left, 1.0))
    column = int(unexplained.argmin())
    return Leakage(column=column, left=float(unexplained[column]), others=_left_by_others(a, y, column, classes))


def _left_of_quantity(a: Array, y: Array) -> Array:
    """1 - r^2 of every column with the target."""
    columns, goal = a - a.mean(axis=0), y - y.mean()
    size = (columns**2).sum(axis=0) * (goal**2).sum()
    left: Array = 1.0 - (columns.T @ goal) ** 2 / np.where(size > 0.0, size, np.inf)
    return left


def _left_of_classes(a: Array, y: Array) -> Array:
    """Variance of every column within the classes, over its variance.

    1 for less than two classes.
    """
    total = ((a - a.mean(axis=0)) ** 2).sum(axis=0)
    labels = np.unique(y)
    if len(labels) < 2:
        return np.ones(a.shape[1])
    within = sum(((a[y == c] - a[y == c].mean(axis=0)) ** 2).sum(axis=0) for c in labels)
    left: Array = np.asarray(within) / np.where(total > 0.0, total, np.inf)
    return np.where(total > 0.0, left, 1.0)


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
