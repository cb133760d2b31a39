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
from minigrad.diagnosis.neighbours import nearest, squared_distances, standardised
from minigrad.diagnosis.outcome import Gain, balanced_gain, gain_of

__all__ = ["SimpleRules", "simple_rules"]

_ROWS, _MOST = 400, 2_000


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


def simple_rules(x: Array, y: Array, x_val: Array, y_val: Array, *, classes: bool, seed: int = 0) -> SimpleRules | None:
    """Try both rules; None for too few rows, or where the targets of a split are all alike.

    All inner products of the rows are taken once, in single precision, and every rule reads them.

    Args:
        x: training inputs, shape `(rows, features)`.
        y: their targets, shape `(rows,)` for classes and `(rows, columns)` for quantities.
        x_val: validation inputs.
        y_val: their targets.
        classes: whether targets are numbers of classes.
        seed: of the choice of rows.
    """
    rng = np.random.default_rng([seed, 23])
    rows, held = (_even(t, rng, classes) for t in (y, y_val))
    if len(rows) < 20 or len(held) < 5:
        return None
    a, v = standardised(x[rows], x_val[held])
    b, w = (t if classes else t.astype(np.float64) for t in (y[rows], y_val[held]))
    own = _Pairs(a @ a.T, np.einsum("ij,ij->i", a, a))
    order = rng.permutation(len(a))
    one, two = order[: len(a) // 2], order[len(a) // 2 :]
    inner = own.part(one), own.part(two, one)
    val = _reached(own, _Pairs(v @ a.T, np.einsum("ij,ij->i", v, v)), b, w, classes)
    train = _reached(*inner, b[one], b[two], classes)
    if val is None or train is None:
        return None
    return SimpleRules(
        val=val.value,
        train=train.value,
        noise=val.noise,
        train_noise=train.noise,
        rows=len(w),
        ordinal=_ordinal(*inner, b[one], b[two]),
    )


@attrs.frozen(eq=False)
class _Pairs:
    """Some rows, by their inner products with the rows that are known.

    Attributes:
        products: shape `(rows, known)`.
        squares: of the norms of the rows, shape `(rows,)`.
    """

    products: Array
    squares: Array

    def part(self, rows: NDArray[np.intp], known: NDArray[np.intp] | None = None) -> _Pairs:
        """Some of the rows, with the known ones among them, which are the same if `known` is None."""
        return _Pairs(self.products[np.ix_(rows, rows if known is None else known)], self.squares[rows])

    def near(self, known: _Pairs) -> NDArray[np.intp]:
        """The five nearest of the known rows."""
        return nearest(squared_distances(self.products, self.squares, known.squares), 5)


def _even(y: Array, rng: np.random.Generator, classes: bool) -> NDArray[np.intp]:
    """Some rows, of each class as many where there are enough."""
    order = rng.permutation(len(y))[:_MOST]
    if not classes:
        return order[:_ROWS]
    labels, counts = np.unique(y[order], return_counts=True)
    most = max(_ROWS // max(len(labels), 1), 5)
    while most < counts.max() and np.minimum(counts, most + 5).sum() <= _ROWS and most < 3 * max(counts.min(), 5):
        most += 5
    return np.concatenate([order[y[order] == c][:most] for c in labels])


def _reached(known: _Pairs, asked: _Pairs, b: Array, w: Array, classes: bool) -> Gain | None:
    """The better of the two rules.

    Args:
        known: rows with their targets `b`.
        asked: rows that are predicted; their targets are `w`.
        b: shape `(known,)` for classes and `(known, columns)` for quantities.
        w: the same for `asked`.
        classes: whether targets are numbers of classes.
    """
    targets = np.eye(int(max(b.max(), w.max())) + 1)[b.astype(np.intp)] if classes else b
    answers = (targets[asked.near(known)].mean(axis=1), _ridge(known, asked, targets))
    if classes:
        gains = [balanced_gain(p.argmax(axis=1) == w, w) for p in answers]
    else:
        yes_no = bool(np.isin(b, (0.0, 1.0)).all())
        gains = [gain_of(np.clip(p, 0.0, 1.0) if yes_no else p, w, b.mean(axis=0)) for p in answers]
    return max((g for g in gains if g is not None), key=lambda g: g.value, default=None)


def _ridge(known: _Pairs, asked: _Pairs, targets: Array) -> Array:
    """Ridge regression with a strength of a tenth of the rows, in its dual form: rows x rows."""
    mean, kernel = targets.mean(axis=0), known.products.astype(np.float64)
    strength = 0.1 * float(np.trace(kernel)) / len(kernel) + 1e-9
    kernel[np.diag_indices_from(kernel)] += strength
    predicted: Array = asked.products @ np.linalg.solve(kernel, targets - mean) + mean
    return predicted


def _ordinal(known: _Pairs, asked: _Pairs, b: Array, w: Array) -> float | None:
    """How near the wrong answers of the neighbours are to the right ones, for whole numbers.

    Chance is 1.
    """
    answers, goal = b.reshape(-1), w.reshape(-1)
    if len(answers) != len(b) or not np.array_equal(answers, np.round(answers)):
        return None
    levels = np.unique(answers)
    if not 2 < len(levels) <= 50:
        return None
    votes = (answers[:, None] == levels).astype(np.float64)[asked.near(known)].mean(axis=1)
    predicted = levels[votes.argmax(axis=1)]
    wrong = predicted != goal
    if wrong.sum() < 8:
        return None
    apart = np.abs(goal[wrong][:, None] - levels)
    return float(np.abs(predicted[wrong] - goal[wrong]).mean() / apart.sum(axis=1).mean() * (len(levels) - 1))
