"""More generated data sets.

Curved borders, noisy labels, heavy tails, counts, sequences and symbols.

Each generator is seeded, states how hard its targets are, and returns rows that are scaled as a careful user would.
"""

from __future__ import annotations

import numpy as np

from minigrad.data.arrays import any_real
from minigrad_diagnosis_bench.generated import Rows, scaled

__all__ = ["chain", "clouds", "counts", "curved", "function", "ranks", "rare_answers", "waves", "wide_quantities"]


def curved(seed: int, kind: str, noise: float, rows: int = 900) -> Rows:
    """Two classes of points of the plane with a curved border.

    Args:
        seed: of points and noise.
        kind: "moons" (two interleaved half circles), "circles" (one inside the other) or "checkerboard" (4 x 4 fields).
        noise: standard deviation about the curves; for the checkerboard the share of wrong labels.
        rows: in all.
    """
    rng = np.random.default_rng([seed, 61])
    y = rng.integers(0, 2, rows)
    if kind == "checkerboard":
        x = rng.uniform(0.0, 4.0, (rows, 2))
        y = (np.floor(x).sum(axis=1) % 2).astype(np.int64)
        y = np.where(rng.uniform(size=rows) < noise, 1 - y, y)
    else:
        angle = rng.uniform(0.0, np.pi if kind == "moons" else 2.0 * np.pi, rows)
        x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        x = np.where(y[:, None] == 1, [1.0, 0.5] - x, x) if kind == "moons" else x * np.where(y, 0.5, 1.0)[:, None]
        x = x + noise * rng.standard_normal(x.shape)
    return scaled(x, y.astype(np.int64), rows * 3 // 4)


def clouds(seed: int, classes: int, features: int, apart: float, wrong: float = 0.0, tails: float = 0.0,
           rows: int = 1000) -> Rows:  # fmt: skip
    """Classes as clouds in several dimensions, as many rows of each.

    Args:
        seed: of centres and rows.
        classes: their number.
        features: columns, all of them telling.
        apart: distance of the centres from the middle, in standard deviations of a cloud.
        wrong: share of the labels, in both splits, that are drawn anew.
        tails: degrees of freedom of Student's t in place of Gaussian clouds; 0 for Gaussian ones.
        rows: in all.
    """
    rng = np.random.default_rng([seed, 67])
    y = rng.integers(0, classes, rows)
    centres = rng.standard_normal((classes, features))
    centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
    spread = rng.standard_t(tails, (rows, features)) if tails else rng.standard_normal((rows, features))
    labels = np.where(rng.uniform(size=rows) < wrong, rng.integers(0, classes, rows), y)
    return scaled(centres[y] + spread, labels.astype(np.int64), rows * 3 // 4)


def function(seed: int, kind: str, noise: float, rows: int = 900) -> Rows:
    """A quantity that is a function of some columns.

    The noise is in standard deviations of the function.

    Args:
        seed: of rows and noise.
        kind: "impedance" (of a circuit: Friedman 1991, second function), "phase" (the third), "product" (of two columns
            of four) or "sines" (a sum over three columns of six).
        noise: on top.
        rows: in all.
    """
    rng = np.random.default_rng([seed, 71])
    if kind in ("impedance", "phase"):
        x = rng.uniform([0.0, 40.0 * np.pi, 0.0, 1.0], [100.0, 560.0 * np.pi, 1.0, 11.0], (rows, 4))
        reactance = x[:, 1] * x[:, 2] - 1.0 / (x[:, 1] * x[:, 3])
        y = np.hypot(x[:, 0], reactance) if kind == "impedance" else np.arctan2(reactance, x[:, 0])
    elif kind == "product":
        x = rng.standard_normal((rows, 4))
        y = x[:, 0] * x[:, 1]
    else:
        x = rng.uniform(-3.0, 3.0, (rows, 6))
        y = np.sin(x[:, :3]).sum(axis=1)
    return scaled(x, y + noise * y.std() * rng.standard_normal(rows), rows * 3 // 4)


def counts(seed: int, rate: float, rows: int = 1000) -> Rows:
    """Square roots of Poisson counts about `rate`.

    The logarithm of the rate is a sum over three of five columns.
    """
    rng = np.random.default_rng([seed, 73])
    x = rng.standard_normal((rows, 5))
    y = rng.poisson(rate * np.exp(x[:, :3] @ [0.6, -0.4, 0.3]))
    return scaled(x, np.sqrt(y), rows * 3 // 4)


def ranks(seed: int, levels: int, rows: int = 1000) -> Rows:
    """Ordered classes: a noisy sum of four columns, cut into as many levels."""
    rng = np.random.default_rng([seed, 79])
    x = rng.standard_normal((rows, 7))
    score = x[:, :4].sum(axis=1) + 0.5 * rng.standard_normal(rows)
    cuts = np.quantile(score, np.arange(1, levels) / levels)
    return scaled(x, np.searchsorted(cuts, score).astype(np.int64), rows * 3 // 4)


def rare_answers(seed: int, columns: int, rows: int = 1400) -> Rows:
    """Several answers of yes and no, of which one in fifteen is yes."""
    rng = np.random.default_rng([seed, 83])
    x = rng.standard_normal((rows, 9))
    score = x @ rng.standard_normal((9, columns)) + 0.3 * rng.standard_normal((rows, columns))
    y = (score > np.quantile(score, 14.0 / 15.0, axis=0)).astype(np.float32)
    return scaled(x, y, rows * 3 // 4)


def wide_quantities(seed: int, rows: int, features: int) -> Rows:
    """A quantity that the first four of many columns add up to, with noise of a fifth."""
    rng = np.random.default_rng([seed, 89])
    x = rng.standard_normal((rows, features))
    return scaled(x, x[:, :4].sum(axis=1) + 0.4 * rng.standard_normal(rows), rows * 2 // 3)


def waves(seed: int, classes: int, length: int, rows: int = 600) -> Rows:
    """Sequences of one number: sines of a frequency by class.

    Of any phase, with noise of a fifth.
    """
    rng = np.random.default_rng([seed, 97])
    y = rng.integers(0, classes, rows)
    frequency = np.linspace(0.4, 1.6, classes)[y]
    x = np.sin(frequency[:, None] * np.arange(length) + rng.uniform(0.0, 6.28, (rows, 1)))
    x = (x + 0.2 * rng.standard_normal(x.shape))[..., None].astype(np.float32)
    inputs, targets, train = any_real(x), any_real(y.astype(np.int64)), rows * 3 // 4
    return inputs[:train], targets[:train], inputs[train:], targets[train:]


def chain(seed: int, symbols: int, length: int, sure: float, rows: int = 500) -> Rows:
    """Texts in which each symbol has one successor, which comes with probability `sure`.

    The next symbol is the target.
    """
    rng = np.random.default_rng([seed, 101])
    successor = rng.permutation(symbols)
    text = np.zeros((rows, length + 1), dtype=np.int64)
    text[:, 0] = rng.integers(0, symbols, rows)
    for place in range(1, length + 1):
        follows = rng.uniform(size=rows) < sure
        text[:, place] = np.where(follows, successor[text[:, place - 1]], rng.integers(0, symbols, rows))
    inputs, targets, train = any_real(text[:, :-1].copy()), any_real(text[:, 1:].copy()), rows * 3 // 4
    return inputs[:train], targets[:train], inputs[train:], targets[train:]
