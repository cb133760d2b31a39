"""Losses: one number to make small, from the outputs of a model and the targets, averaged over rows.

Each is a function, and an attrs class of the same formula for a training loop, which also wants to know what a model
that knows nothing would score (`chance`) and from where on targets count as learnt by heart (`solved_below`).
This file holds what they share, and the losses of classifiers: scores `(N, C)` and labels `(N,)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.nn.errors import LabelError
from minigrad.nn.validators import positive, probability
from minigrad.ops import reduce
from minigrad.ops.arithmetic import where
from minigrad.ops.elementwise import relu
from minigrad.ops.functions import reshape
from minigrad.ops.index import all_below
from minigrad.runtime.effects import runtime_check

__all__ = [
    "Calibrated",
    "Chance",
    "CrammerSinger",
    "Loss",
    "SoftmaxCrossEntropy",
    "Targets",
    "WestonWatkins",
    "crammer_singer",
    "softmax_cross_entropy",
    "weston_watkins",
]


Targets: TypeAlias = NDArray[np.generic] | Tensor
Loss: TypeAlias = Callable[[Tensor, Targets], Tensor]


@attrs.frozen
class Chance:
    """The loss of a model that knows nothing, and the formula it comes from."""

    value: float
    formula: str


@runtime_checkable
class Calibrated(Protocol):
    """A loss that knows its own scale. Any callable is a loss; checks say more about one of this kind."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """The loss of a batch, a one-element Tensor."""
        ...

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """The loss when all `outputs` scores of a row are equal (0 for regression), whatever the input."""
        ...

    def solved_below(self, targets: Targets) -> float:
        """A loss below which these targets count as learnt by heart."""
        ...


def softmax_cross_entropy(scores: Tensor, labels: Targets, smoothing: float = 0.0) -> Tensor:
    """Mean of -log softmax(scores)[label], from scores (logits), without overflow (course notes, softmax classifier).

    Args:
        scores: `(N, C)`, or `(..., C)` with labels of the leading shape.
        labels: integers in [0, C), shape `(N,)`.
        smoothing: share of each target that is spread evenly over all C classes (Szegedy et al. 2016), in [0, 1).

    Raises:
        LabelError: a label is out of range (the message names the row), or not an integer.
        ShapeError: labels do not have the leading shape of the scores.
    """
    from minigrad.ops import loss  # registers on first use

    flat, index = _aligned("softmax cross-entropy", scores, labels)
    mean = reduce.mean(loss.softmax_cross_entropy(flat, index))
    if smoothing == 0.0:
        return mean
    return mean * (1.0 - smoothing) - reduce.log_softmax(flat, axis=-1).mean() * smoothing


def weston_watkins(scores: Tensor, labels: Targets, margin: float = 1.0) -> Tensor:
    """Mean over rows of sum_{j != y} max(0, s_j - s_y + margin): the multi-class SVM loss of the course notes.

    Source: Weston & Watkins 1999. Arguments and errors as for `softmax_cross_entropy`.
    """
    from minigrad.ops.gather import pick
    from minigrad.ops.loss import indicator

    flat, index = _aligned("Weston-Watkins loss", scores, labels)
    correct = pick(flat, index.reshape(len(index), 1), axis=-1)
    return (relu(flat - correct + margin) * (1.0 - indicator(index, flat))).sum() / float(len(index))


def crammer_singer(scores: Tensor, labels: Targets, margin: float = 1.0) -> Tensor:
    """Mean over rows of max(0, max_{j != y} s_j - s_y + margin): only the worst rival counts.

    Source: Crammer & Singer 2001. Arguments and errors as for `softmax_cross_entropy`. Equal rivals share the gradient.
    """
    from minigrad.ops.gather import pick
    from minigrad.ops.loss import indicator

    flat, index = _aligned("Crammer-Singer loss", scores, labels)
    correct = pick(flat, index.reshape(len(index), 1), axis=-1)
    rival = reduce.max(where(indicator(index, flat), -np.inf, flat), axis=-1, keepdims=True)
    return relu(rival - correct + margin).mean()


def _aligned(loss: str, scores: Tensor, labels: Targets) -> tuple[Tensor, Tensor | Array]:
    """Scores as `(N, C)` and labels as `(N,)`, after checking that they belong together."""
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
    runtime_check(labels, partial(_in_range, loss, classes))
    given = labels if isinstance(labels, Tensor) else index  # an array goes to the op as it is, which then owns a copy
    if scores.ndim == 2:
        return scores, given
    return reshape(scores, (index.size, classes)), given.reshape(index.size)


def _in_range(loss: str, classes: int, labels: Array) -> None:
    """Raise LabelError unless all labels are in [0, classes)."""
    if all_below(labels, classes):
        return
    flat = labels.reshape(-1)
    row = int(np.argmax((flat < 0) | (flat >= classes)))
    raise LabelError(
        f"{loss}: label {flat[row]} in row {row} is out of range; {classes} scores allow 0 to {classes - 1}"
    )


@attrs.frozen
class SoftmaxCrossEntropy:
    """`softmax_cross_entropy` with its label smoothing, for a training loop."""

    smoothing: float = attrs.field(default=0.0, validator=probability)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return softmax_cross_entropy(outputs, targets, self.smoothing)

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """-ln(1/C) = ln C: every class is equally likely, whatever the smoothing."""
        return Chance(math.log(outputs), f"ln {outputs}")

    def solved_below(self, targets: Targets) -> float:
        """0.01: the right class has a probability of 99 %. Smoothed targets have an entropy that no model can beat."""
        if not self.smoothing:
            return 0.01
        classes = max(int(np.max(as_array(targets), initial=0)) + 1, 2)
        spread = self.smoothing / classes
        right = 1.0 - self.smoothing + spread
        floor = -right * math.log(right) - (classes - 1) * spread * math.log(spread)
        return 0.01 + 1.02 * floor


@attrs.frozen
class WestonWatkins:
    """`weston_watkins` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return weston_watkins(outputs, targets, self.margin)

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """(C - 1) x margin: with equal scores every wrong class misses its margin by all of it."""
        return Chance((outputs - 1) * self.margin, f"({outputs} - 1) x margin {self.margin:g}")

    def solved_below(self, targets: Targets) -> float:
        """A hundredth of the margin; the loss reaches 0 itself once every margin is kept."""
        return 0.01 * self.margin


@attrs.frozen
class CrammerSinger:
    """`crammer_singer` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return crammer_singer(outputs, targets, self.margin)

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """The margin: with equal scores the worst rival misses it by all of it (0 for a single class)."""
        return Chance(self.margin if outputs > 1 else 0.0, f"margin {self.margin:g}")

    def solved_below(self, targets: Targets) -> float:
        """A hundredth of the margin; the loss reaches 0 itself once every margin is kept."""
        return 0.01 * self.margin
