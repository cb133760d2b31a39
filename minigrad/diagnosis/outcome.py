"""How far predictions go from chance to perfect, on one scale for all kinds of targets.

The score is balanced: each class counts alike, so that a model that names the largest class for every row has gained
nothing, however large that class is.
"""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.types import Array

__all__ = ["Gain", "balanced_gain", "gain_of"]


@attrs.frozen
class Gain:
    """Share of the way from chance (0) to perfect (1).

    Attributes:
        value: balanced accuracy as (b - 1/k) / (1 - 1/k) over the k classes that occur; R^2 for quantities.
        noise: standard error of a model that knows nothing, from the number of rows of each class.
    """

    value: float
    noise: float


def balanced_gain(right: Array, labels: Array) -> Gain | None:
    """The gain of predictions of classes; None where fewer than two classes occur.

    Args:
        right: whether each row is predicted rightly, shape `(rows,)`.
        labels: class of each row, shape `(rows,)`.
    """
    classes, rows = np.unique(labels, return_counts=True)
    k = len(classes)
    if k < 2:
        return None
    recall = float(np.mean([right[labels == c].mean() for c in classes]))
    variance = float(np.sum((1.0 / k) * (1.0 - 1.0 / k) / rows)) / k**2
    return Gain((recall - 1.0 / k) / (1.0 - 1.0 / k), float(np.sqrt(variance)) / (1.0 - 1.0 / k))


def gain_of(outputs: Array, y: Array, middle: Array | None = None, *, linked: bool = False) -> Gain | None:
    """The gain of a model's outputs.

    None where outputs and targets say nothing about each other.

    Scores of classes are judged twice, as they are and with the logarithm of the class shares taken off (what a network
    that was trained on a rare class knows of it, whether or not it ever dares to say so), and the better counts.

    Args:
        outputs: scores of classes, with one axis more than `y`; or quantities (or scores of yes/no), as many as `y`.
        y: integers are classes; floats are quantities, or answers if all are 0 or 1.
        middle: what a model that knows nothing predicts for quantities, one for each column; the mean of `y` if None.
        linked: whether outputs may stand for quantities in units of their own, as the logarithm of a rate does; then
            the best rising line through them is judged, where it is better.
    """
    if not np.isfinite(outputs).all():
        return None
    if y.dtype.kind in "iu" and outputs.ndim == y.ndim + 1:
        scores, labels = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64), y.reshape(-1)
        scores, labels = scores[labels >= 0], labels[labels >= 0]  # what a loss ignores is below 0
        shares = np.bincount(labels.astype(np.intp), minlength=outputs.shape[-1])[: outputs.shape[-1]] / len(labels)
        even = scores - np.log(np.maximum(shares, 1.0 / (2.0 * len(labels))))
        gains = [balanced_gain(s.argmax(axis=1) == labels, labels) for s in (scores, even)]
        return max((g for g in gains if g is not None), key=lambda g: g.value, default=None)
    if outputs.size != y.size or not y.size:
        return None
    goal, predicted = (a.reshape(len(y), -1).astype(np.float64) for a in (y, outputs))
    if np.isin(goal, (0.0, 1.0)).all():
        cut = 0.5 if predicted.min() >= 0.0 and predicted.max() <= 1.0 else 0.0
        columns = [balanced_gain((g > cut) == (t > 0.5), t) for g, t in zip(predicted.T, goal.T, strict=True)]
        known = [g for g in columns if g is not None]
        if not known:
            return None
        noise = float(np.sqrt(np.mean([g.noise**2 for g in known]) / len(known)))
        return Gain(float(np.mean([g.value for g in known])), noise)
    total = float(((goal - (goal.mean(axis=0) if middle is None else middle)) ** 2).sum())
    if total <= 0.0:
        return None
    value = 1.0 - float(((goal - predicted) ** 2).sum()) / total
    return Gain(max(value, _on_a_line(predicted, goal)) if linked else value, 1.5 / len(goal) ** 0.5)


def _on_a_line(predicted: Array, goal: Array) -> float:
    """R^2 of the best line through predictions, of each column; 0 for one that falls."""
    a, b = predicted - predicted.mean(axis=0), goal - goal.mean(axis=0)
    slope = np.maximum((a * b).sum(axis=0), 0.0) / np.maximum((a * a).sum(axis=0), 1e-300)
    return 1.0 - float(((b - slope * a) ** 2).sum()) / max(float((b**2).sum()), 1e-300)
