"""What simple rules make of the data.

Five nearest neighbours and ridge regression, on as many rows of each class.

What they reach is what the data allow at least, whatever the network: a bar that knows how hard the targets are, and
how rare some classes.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.diagnosis.outcome import Gain, balanced_gain, gain_of

__all__ = ["SimpleRules", "simple_rules"]

_ROWS = 400


@attrs.frozen(kw_only=True)
class SimpleRules:
    """What simple rules reach, in shares of the way from chance to perfect.

    Attributes:
        val: on validation rows, from training rows.
        train: on one half of the training rows, from the other.
        noise: standard error of `val` for targets that have nothing to do with the inputs.
        train_noise: the same of `train`.
        rows: validation rows that were predicted.
        ordinal: mean distance |i - j| of wrongly predicted class numbers over what chance gives: below 1 where numbers
            that are near each other are confused. None where too few are wrong.
    """

    val: float
    train: float
    noise: float
    train_noise: float
    rows: int
    ordinal: float | None = None


def simple_rules(a: Array, b: Array, v: Array, w: Array, *, classes: bool, seed: int = 0) -> SimpleRules | None:
    """Try both rules; None for too few rows, or where the targets of a split are all alike.

    Args:
        a: training inputs, shape `(rows, features)`.
        b: their targets, shape `(rows,)` for classes and `(rows, columns)` for quantities.
        v: validation inputs.
        w: their targets.
        classes: whether targets are numbers of classes.
        seed: of the choice of rows.
    """
    rng = np.random.default_rng([seed, 23])
    rows, held = (_even(t, rng, classes) for t in (b, w))
    a, b, v, w = a[rows], b[rows], v[held], w[held]
    if len(a) < 20 or len(v) < 5:
        return None
    middle, spread = a.mean(axis=0), a.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    a, v = (a - middle) / spread, np.clip((v - middle) / spread, -30.0, 30.0)
    order = rng.permutation(len(a))
    one, two = order[: len(a) // 2], order[len(a) // 2 :]
    val = _reached(a, b, v, w, classes)
    train = _reached(a[one], b[one], a[two], b[two], classes)
    if val is None or train is None:
        return None
    return SimpleRules(
        val=val.value,
        train=train.value,
        noise=val.noise,
        train_noise=train.noise,
        rows=len(w),
        ordinal=_ordinal(a[one], b[one], a[two], b[two]),
    )


def _even(y: Array, rng: np.random.Generator, classes: bool) -> NDArray[np.intp]:
    """Some rows, of each class as many where there are enough."""
    order = rng.permutation(len(y))
    if not classes:
        return order[:_ROWS]
    labels, counts = np.unique(y, return_counts=True)
    most = max(_ROWS // max(len(labels), 1), 5)
    while most < counts.max() and np.minimum(counts, most + 5).sum() <= _ROWS and most < 3 * max(counts.min(), 5):
        most += 5
    return np.concatenate([order[y[order] == c][:most] for c in labels])


def _reached(a: Array, b: Array, v: Array, w: Array, classes: bool) -> Gain | None:
    """The better of the two rules."""
    targets = np.eye(int(max(b.max(), w.max())) + 1)[b.astype(np.intp)] if classes else b
    answers = (_neighbours(a, targets, v), _ridge(a, targets, v))
    if classes:
        gains = [balanced_gain(p.argmax(axis=1) == w, w) for p in answers]
    else:
        yes_no = bool(np.isin(b, (0.0, 1.0)).all())
        gains = [gain_of(np.clip(p, 0.0, 1.0) if yes_no else p, w, b.mean(axis=0)) for p in answers]
    return max((g for g in gains if g is not None), key=lambda g: g.value, default=None)


def _neighbours(a: Array, targets: Array, v: Array) -> Array:
    """Mean of the targets of the five nearest rows."""
    distances = (v**2).sum(1)[:, None] + (a**2).sum(1) - 2.0 * v @ a.T
    near = np.argpartition(distances, min(4, len(a) - 1), axis=1)[:, :5]
    votes: Array = targets[near].mean(axis=1)
    return votes


def _ridge(a: Array, targets: Array, v: Array) -> Array:
    """Ridge regression with a strength of a tenth of the rows, in its dual form: rows x rows."""
    mean = targets.mean(axis=0)
    kernel = a @ a.T
    strength = 0.1 * float(np.trace(kernel)) / len(a) + 1e-9
    weights = np.linalg.solve(kernel + strength * np.eye(len(a)), targets - mean)
    predicted: Array = v @ (a.T @ weights) + mean
    return predicted


def _ordinal(a: Array, b: Array, v: Array, w: Array) -> float | None:
    """How near the wrong answers of the neighbours are to the right ones, for whole numbers.

    Chance is 1.
    """
    answers, goal = b.reshape(-1), w.reshape(-1)
    if len(answers) != len(b) or not np.array_equal(answers, np.round(answers)):
        return None
    levels = np.unique(answers)
    if not 2 < len(levels) <= 50:
        return None
    votes = _neighbours(a, (answers[:, None] == levels).astype(np.float64), v)
    predicted = levels[votes.argmax(axis=1)]
    wrong = predicted != goal
    if wrong.sum() < 8:
        return None
    apart = np.abs(goal[wrong][:, None] - levels)
    return float(np.abs(predicted[wrong] - goal[wrong]).mean() / apart.sum(axis=1).mean() * (len(levels) - 1))
