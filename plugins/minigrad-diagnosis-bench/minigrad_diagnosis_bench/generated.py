"""Generated data sets of the kinds that real tables and series are.

Lopsided classes, drift, rare columns, few rows.

Each generator is seeded, states how hard its targets are, and returns rows that are scaled as a careful user would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import any_real

__all__ = ["Rows", "categories", "lopsided", "many_targets", "rare_columns", "scaled", "series", "topics", "wide"]

Rows: TypeAlias = tuple[Array, Array, Array, Array]
"""Training inputs and targets, validation inputs and targets."""


def scaled(x: NDArray[np.float64], y: NDArray[Any], train: int) -> Rows:
    """Columns to mean 0 and standard deviation 1 by the training rows; quantities too."""
    spread = x[:train].std(axis=0)
    x = (x - x[:train].mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    if y.dtype.kind == "f" and not np.isin(y, (0.0, 1.0)).all():
        y = ((y - y[:train].mean(axis=0)) / y[:train].std(axis=0)).astype(np.float32)
    inputs, targets = any_real(x.astype(np.float32)), any_real(y)
    return inputs[:train], targets[:train], inputs[train:], targets[train:]


def lopsided(seed: int, shares: Sequence[float], apart: float, features: int, rows: int = 2400) -> Rows:
    """Classes of these shares.

    Gaussian clouds whose centres are `apart` standard deviations from 0.
    """
    rng = np.random.default_rng([seed, 31])
    y = rng.choice(len(shares), size=rows, p=np.array(shares) / sum(shares))
    centres = rng.standard_normal((len(shares), features))
    centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
    centres[0] = 0.0
    return scaled(rng.standard_normal((rows, features)) + centres[y], y.astype(np.int64), rows * 3 // 4)


def series(seed: int, kind: str, lags: int = 12, length: int = 1200) -> Rows:
    """The next value of a series from the last ones; the last quarter of the time is held out.

    Args:
        seed: of the noise and the phases.
        kind: "season" (two sines and noise), "trend" (a slope besides), "autoregressive" (of order 2), "smooth" (a slow
            sine without noise), "walk" (a random walk).
        lags: values in a row of inputs.
        length: of the series.
    """
    rng = np.random.default_rng([seed, 37])
    t = np.arange(length + lags, dtype=np.float64)
    phase = rng.uniform(0.0, 6.28, 2)
    if kind == "autoregressive":
        values = np.zeros(len(t))
        for i in range(2, len(t)):
            values[i] = 1.5 * values[i - 1] - 0.7 * values[i - 2] + rng.standard_normal()
    elif kind == "walk":
        values = np.cumsum(rng.standard_normal(len(t)))
    else:
        slow = np.sin(t / 40.0 + phase[0]) + (0.5 * np.sin(t / 11.0 + phase[1]) if kind != "smooth" else 0.0)
        noise = {"season": 0.1, "trend": 0.15, "smooth": 0.002}[kind] * rng.standard_normal(len(t))
        values = slow + noise + (0.002 * t if kind == "trend" else 0.0)
    x = np.stack([values[i : i + lags] for i in range(length)])
    return scaled(x, values[lags : lags + length], length * 3 // 4)


def categories(seed: int, levels: int, rows: int = 1600) -> Rows:
    """A column of many categories as one-hot columns, and three numbers.

    Yes or no, by category and numbers.
    """
    rng = np.random.default_rng([seed, 41])
    weights = 1.0 / np.arange(1, levels + 1)
    chosen = rng.choice(levels, size=rows, p=weights / weights.sum())
    numbers = rng.standard_normal((rows, 3))
    effect = rng.standard_normal(levels)
    y = (effect[chosen] + numbers @ np.array([1.0, -0.7, 0.0]) + 0.3 * rng.standard_normal(rows) > 0.0).astype(np.int64)
    return scaled(np.column_stack([np.eye(levels)[chosen], numbers]), y, rows * 3 // 4)


def topics(seed: int, words: int, count: int, rows: int = 900) -> Rows:
    """Word weights (term frequency times inverse document frequency, rows of norm 1.

    Not scaled) of texts by topic.
    """
    rng = np.random.default_rng([seed, 43])
    common = 1.0 / np.arange(1, words + 1)
    mixtures = np.stack([rng.permutation(common) for _ in range(count)]) + 0.6 * common
    mixtures /= mixtures.sum(axis=1, keepdims=True)
    y = rng.integers(0, count, rows)
    counts = np.stack([rng.multinomial(40, mixtures[k]) for k in y]).astype(np.float64)
    present = (counts[: rows * 3 // 4] > 0).mean(axis=0)
    x = counts * np.log(1.0 / np.maximum(present, 1.0 / rows))
    x = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    train = rows * 3 // 4
    inputs, targets = any_real(x), any_real(y.astype(np.int64))
    return inputs[:train], targets[:train], inputs[train:], targets[train:]


def wide(seed: int, rows: int, features: int, useful: int, classes: int = 2) -> Rows:
    """More columns than rows; a few of them tell the class."""
    rng = np.random.default_rng([seed, 47])
    y = rng.integers(0, classes, rows)
    x = rng.standard_normal((rows, features))
    x[:, :useful] += 1.5 * rng.standard_normal((classes, useful))[y]
    return scaled(x, y.astype(np.int64), rows * 2 // 3)


def many_targets(seed: int, columns: int, *, answers: bool = False, rows: int = 900) -> Rows:
    """Several quantities of eight numbers, or as many answers of yes and no."""
    rng = np.random.default_rng([seed, 53])
    x = rng.standard_normal((rows, 8))
    hidden = np.tanh(x @ rng.standard_normal((8, 6)) * 0.6)
    y = hidden @ rng.standard_normal((6, columns)) + 0.2 * rng.standard_normal((rows, columns))
    targets = (y > 0.0).astype(np.float32) if answers else y
    return scaled(x, targets, rows * 3 // 4)


def rare_columns(seed: int, columns: int, share: float, rows: int = 1600) -> Rows:
    """Yes/no columns that are rarely yes, and whose sum tells the class.

    A tenth of the labels is wrong.
    """
    rng = np.random.default_rng([seed, 59])
    x = (rng.uniform(size=(rows, columns)) < share).astype(np.float64)
    y = (x @ rng.standard_normal(columns) > 0.0).astype(np.int64)
    flipped = rng.uniform(size=rows) < 0.1
    return scaled(x, np.where(flipped, 1 - y, y), rows * 3 // 4)
