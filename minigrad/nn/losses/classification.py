"""Losses of classifiers: from scores `(N, C)` and labels `(N,)`, averaged over rows.

Each is a function, and an attrs class of the same formula for a training loop, which also wants to know what a model
that knows nothing would score (`uninformed_loss`) and from where on targets count as learnt by heart (`fit_threshold`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.nn.errors import LabelError
from minigrad.nn.losses.baseline import OLD_METHODS, Targets, UninformedLoss
from minigrad.nn.losses.regression import reduced
from minigrad.nn.validators import positive, probability
from minigrad.ops import reduce
from minigrad.ops.arguments import require_array
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.ops.functions import reshape
from minigrad.ops.index import all_below
from minigrad.runtime.effects import IntegersWithin, runtime_check

__all__ = [
    "CrammerSinger",
    "SoftmaxCrossEntropy",
    "WestonWatkins",
    "crammer_singer",
    "cross_entropy",
    "weston_watkins",
]


def cross_entropy(
    scores: Tensor,
    labels: Targets,
    label_smoothing: float = 0.0,
    *,
    weight: Tensor | Array | Sequence[float] | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean of -log softmax(scores)[label], from scores (logits), without overflow.

    The loss of the course notes' softmax classifier.

    Labels are checked; all else is `mg.cross_entropy`.

    Args:
        scores: `(N, C)`, or `(..., C)` with labels of the leading shape.
        labels: integers in [0, C), shape `(N,)`; or probabilities, of the shape of the scores.
        label_smoothing: share of each target that is spread evenly over all C classes (Szegedy et al. 2016).
        weight: `(C,)`, of each class; the mean divides by the total weight.
        ignore_index: a label that counts for nothing, also one outside [0, C).
        reduction: "mean", "sum" or "none" (one number for each label).

    Raises:
        LabelError: a label is out of range (the message names the row), or not an integer; a row of probabilities does
            not add up to 1.
        ShapeError: labels do not have the leading shape of the scores.
    """
    require_array("cross_entropy", scores)
    if as_array(labels).shape == scores.shape and scores.ndim:
        return _cross_entropy_of_logits()(scores, labels, -1, reduction, _tensor(weight), None, label_smoothing)
    flat, index = _aligned("softmax cross-entropy", scores, labels, ignore_index)
    if weight is None and ignore_index is None and label_smoothing == 0.0 and reduction == "mean":
        softmax_cross_entropy: Callable[..., Tensor] = lazy.load("minigrad.ops.network.loss", "softmax_cross_entropy")
        return softmax_cross_entropy(flat, index).mean()  # the labels have been looked at
    losses = _cross_entropy_of_logits()(flat, index, -1, reduction, _tensor(weight), ignore_index, label_smoothing)
    return losses.reshape(scores.shape[:-1]) if reduction == "none" else losses


def _cross_entropy_of_logits() -> Callable[..., Tensor]:
    function: Callable[..., Tensor] = lazy.load("minigrad.ops.network.loss", "cross_entropy")
    return function


def _tensor(weight: Tensor | Array | Sequence[float] | None) -> Tensor | None:
    return weight if weight is None or isinstance(weight, Tensor) else Tensor(weight)


def _score_of(flat: Tensor, index: Tensor | Array) -> Tensor:
    pick: Callable[..., Tensor] = lazy.load("minigrad.ops.arrangement.gather", "pick")
    return pick(flat, index.reshape(len(index), 1), axis=-1)


def _one_hot(flat: Tensor, index: Tensor | Array) -> Array:
    one_hot_like: Callable[..., Array] = lazy.load("minigrad.ops.network.loss", "one_hot_like")
    return one_hot_like(index, flat)


def weston_watkins(scores: Tensor, labels: Targets, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Mean over rows of sum_{j != y} max(0, s_j - s_y + margin).

    The multi-class SVM loss of the course notes. Source: Weston & Watkins 1999.
    Arguments and errors as for `cross_entropy`.
    """
    flat, index = _aligned("Weston-Watkins loss", scores, labels)
    correct = _score_of(flat, index)
    misses = relu(flat - correct + margin) * (1.0 - _one_hot(flat, index))
    if reduction == "mean":
        return misses.sum() / float(len(index))
    return reduced(misses.sum(axis=-1), reduction, scores.shape[:-1])


def crammer_singer(scores: Tensor, labels: Targets, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Mean over rows of max(0, max_{j != y} s_j - s_y + margin): only the worst rival counts.

    Source: Crammer & Singer 2001. Arguments and errors as for `cross_entropy`. Equal rivals share the gradient.
    """
    flat, index = _aligned("Crammer-Singer loss", scores, labels)
    correct = _score_of(flat, index)
    rival = reduce.max(where(_one_hot(flat, index), -np.inf, flat), axis=-1, keepdims=True)
    return reduced(relu(rival - correct + margin), reduction, scores.shape[:-1])


def _aligned(
    loss: str, scores: Tensor, labels: Targets, ignore_index: int | None = None
) -> tuple[Tensor, Tensor | Array]:
    """Scores as `(N, C)` and labels as `(N,)`, after checking that they belong together."""
    require_array(loss, scores)
    index = as_array(labels)
    if index.dtype.kind not in "iu":
        raise LabelError(f"{loss} needs integer labels, one class number a row; got dtype {index.dtype}")
    if scores.ndim < 1 or index.shape != scores.shape[:-1]:
        raise ShapeError(
            f"{loss}: scores of shape {scores.shape} need labels of shape {scores.shape[:-1]}, got {index.shape}"
        )
    classes = scores.shape[-1]
    if not index.size:
        raise ShapeError(f"{loss} of an empty batch (scores of shape {scores.shape}) is not defined")
    check = partial(_in_range, loss, classes, ignore_index)
    runtime_check(labels, IntegersWithin(check, classes, ignore_index))
    targets = (
        labels if isinstance(labels, Tensor) else index
    )  # an array goes to the op as it is, which then owns a copy
    if scores.ndim == 2:
        return scores, targets
    return reshape(scores, (index.size, classes)), targets.reshape(index.size)


def _in_range(loss: str, classes: int, ignore_index: int | None, labels: Array) -> None:
    """Raise LabelError unless all labels are in [0, classes) or the one to ignore."""
    if all_below(labels, classes):
        return
    flat = labels.reshape(-1)
    wrong = ((flat < 0) | (flat >= classes)) & (flat != ignore_index if ignore_index is not None else True)
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    raise LabelError(
        f"{loss}: label {flat[row]} in row {row} is out of range; {classes} scores allow 0 to {classes - 1}"
    )


@lazy.renamed_fields(smoothing="label_smoothing", **OLD_METHODS)
@attrs.frozen
class SoftmaxCrossEntropy:
    """`cross_entropy` with its options, for a training loop.

    Attributes:
        label_smoothing: share of each target that is spread evenly over all classes.
        ignore_index: a label that counts for nothing.
        weight: of each class, `(C,)`.
    """

    label_smoothing: float = attrs.field(default=0.0, validator=probability)
    ignore_index: int | None = None
    weight: Tensor | Array | Sequence[float] | None = attrs.field(default=None, kw_only=True, eq=False)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` or probabilities `(N, C)` -> the loss."""
        options = {"weight": self.weight, "ignore_index": self.ignore_index}
        return cross_entropy(outputs, targets, self.label_smoothing, **options)  # type: ignore[arg-type]

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """-ln(1/C) = ln C: every class is equally likely, whatever the smoothing."""
        return UninformedLoss(math.log(outputs), f"ln {outputs}")

    def fit_threshold(self, targets: Targets) -> float:
        """0.01: the right class has a probability of 99 %.

        Smoothed targets have an entropy that no model can beat.
        """
        if not self.label_smoothing:
            return 0.01
        classes = max(int(np.max(as_array(targets), initial=0)) + 1, 2)
        spread = self.label_smoothing / classes
        right = 1.0 - self.label_smoothing + spread
        floor = -right * math.log(right) - (classes - 1) * spread * math.log(spread)
        return 0.01 + 1.02 * floor


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class WestonWatkins:
    """`weston_watkins` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return weston_watkins(outputs, targets, self.margin)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """(C - 1) x margin: with equal scores every wrong class misses its margin by all of it."""
        return UninformedLoss((outputs - 1) * self.margin, f"({outputs} - 1) x margin {self.margin:g}")

    def fit_threshold(self, targets: Targets) -> float:
        """A hundredth of the margin; the loss reaches 0 itself once every margin is kept."""
        return 0.01 * self.margin


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class CrammerSinger:
    """`crammer_singer` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return crammer_singer(outputs, targets, self.margin)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """The margin: with equal scores the worst rival misses it by all of it."""
        return UninformedLoss(self.margin if outputs > 1 else 0.0, f"margin {self.margin:g}")

    def fit_threshold(self, targets: Targets) -> float:
        """A hundredth of the margin; the loss reaches 0 itself once every margin is kept."""
        return 0.01 * self.margin
