"""Figures of a model by name: accuracy and AUC of classes, RMSE and R2 of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import attrs
import numpy as np

from minigrad.core.types import Array, BoolArray

__all__ = ["METRICS", "BuiltInMetric", "Mode", "area_under_curve", "log_probabilities"]

Mode = Literal["min", "max"]


@attrs.frozen
class BuiltInMetric:
    """A figure that needs no function of the user's.

    Attributes:
        function: outputs and targets -> the figure. Numbers of regression come in their own units.
        mode: whether a small or a large figure is better.
        kinds: what targets it is for: "classes" `(N,)`, "labels" (several yes or no, `(N, L)`), "numbers".
    """

    function: Callable[[Array, Array], float]
    mode: Mode
    kinds: tuple[str, ...]


def log_probabilities(scores: Array) -> Array:
    """The logarithm of the softmax of scores `(..., C)`, in float64."""
    wide = scores.astype(np.float64)
    raised = wide - wide.max(axis=-1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=-1, keepdims=True)))


def area_under_curve(scores: Array, positive: BoolArray) -> float:
    """The chance that a positive row has a higher score than a negative one.

    Ties count half (Mann and Whitney 1947).

    Args:
        scores: `(N,)`.
        positive: booleans `(N,)`.

    Returns:
        A share in [0, 1], NaN where all rows are of one kind.
    """
    count = int(positive.sum())
    if count in (0, len(scores)):
        return math.nan
    _, inverse, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks = (ends - 0.5 * (sizes - 1.0))[inverse.reshape(-1)]
    wins = float(ranks[positive].sum()) - count * (count + 1) / 2.0
    return wins / (count * (len(scores) - count))


def _decided(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """What is predicted, a class or yes where a score is above 0, beside the targets."""
    if targets.dtype.kind in "iu":
        return outputs.argmax(axis=-1).reshape(-1), targets.reshape(-1)
    return np.asarray(outputs > 0.0).astype(np.int64), (targets > 0.5).astype(np.int64)


def _accuracy(outputs: Array, targets: Array) -> float:
    predicted, true = _decided(outputs, targets)
    return float(np.mean(predicted == true))


def _exact(outputs: Array, targets: Array) -> float:
    predicted, true = _decided(outputs, targets)
    return float(np.mean((predicted == true).all(axis=1)))


def _recalls_and_f1(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Recall of each class that occurs, and F1 of each that occurs or is predicted."""
    predicted, true = _decided(outputs, targets)
    if true.ndim == 2:
        right, real, told = ((predicted * true).sum(axis=0), true.sum(axis=0), predicted.sum(axis=0))
    else:
        size = max(outputs.shape[-1], int(true.max(initial=0)) + 1)
        right, real, told = (np.bincount(a, minlength=size) for a in (true[predicted == true], true, predicted))
    f1 = 2.0 * right / np.maximum(real + told, 1)
    return right[real > 0] / real[real > 0], f1[(real > 0) | (told > 0)]


def _balanced_accuracy(outputs: Array, targets: Array) -> float:
    return float(np.mean(_recalls_and_f1(outputs, targets)[0]))


def _f1(outputs: Array, targets: Array) -> float:
    each = _recalls_and_f1(outputs, targets)[1]
    return float(np.mean(each)) if each.size else 0.0


def _auc(outputs: Array, targets: Array) -> float:
    if targets.dtype.kind not in "iu":
        each = [area_under_curve(outputs[:, k], targets[:, k] > 0.5) for k in range(targets.shape[1])]
    else:
        shares, flat = log_probabilities(outputs).reshape(-1, outputs.shape[-1]), targets.reshape(-1)
        wanted = [1] if outputs.shape[-1] == 2 else range(outputs.shape[-1])
        each = [area_under_curve(shares[:, k], flat == k) for k in wanted]
    some = [value for value in each if math.isfinite(value)]
    return float(np.mean(some)) if some else math.nan


def _log_loss(outputs: Array, targets: Array) -> float:
    if targets.dtype.kind not in "iu":
        wide = outputs.astype(np.float64)
        return float(np.mean(np.maximum(wide, 0.0) - wide * targets + np.log1p(np.exp(-np.abs(wide)))))
    return float(-np.take_along_axis(log_probabilities(outputs), targets[..., None].astype(np.intp), axis=-1).mean())


def _perplexity(outputs: Array, targets: Array) -> float:
    return float(np.exp(_log_loss(outputs, targets)))


def _rmse(outputs: Array, targets: Array) -> float:
    return float(np.mean(np.sqrt(np.mean(np.square(_error(outputs, targets)), axis=0))))


def _mae(outputs: Array, targets: Array) -> float:
    return float(np.mean(np.abs(_error(outputs, targets))))


def _r2(outputs: Array, targets: Array) -> float:
    true = targets.reshape(len(targets), -1).astype(np.float64)
    spread = np.sum(np.square(true - true.mean(axis=0)), axis=0)
    left = np.sum(np.square(_error(outputs, targets)), axis=0)
    return float(np.mean(1.0 - left / np.where(spread > 0.0, spread, np.nan)))


def _error(outputs: Array, targets: Array) -> Array:
    predicted, true = (a.reshape(len(a), -1).astype(np.float64) for a in (outputs, targets))
    return predicted - true


_SCORED = ("classes", "labels")
METRICS: Mapping[str, BuiltInMetric] = MappingProxyType(
    {
        "accuracy": BuiltInMetric(_accuracy, "max", _SCORED),
        "balanced_accuracy": BuiltInMetric(_balanced_accuracy, "max", ("classes",)),
        "exact_match": BuiltInMetric(_exact, "max", ("labels",)),
        "f1": BuiltInMetric(_f1, "max", _SCORED),
        "auc": BuiltInMetric(_auc, "max", _SCORED),
        "log_loss": BuiltInMetric(_log_loss, "min", _SCORED),
        "perplexity": BuiltInMetric(_perplexity, "min", ("classes",)),
        "rmse": BuiltInMetric(_rmse, "min", ("numbers",)),
        "mae": BuiltInMetric(_mae, "min", ("numbers",)),
        "r2": BuiltInMetric(_r2, "max", ("numbers",)),
    }
)
"""Every built-in metric by name.

F1 and recalls are means over classes; AUC of more than two classes is the mean of one against the rest.
"""
