"""Losses: one number to make small, from the outputs of a model and the targets, averaged over rows.

Each is a function, and an attrs class of the same formula for a training loop, which also wants to know what a model
that knows nothing would score (`chance`) and from where on targets count as learnt by heart (`solved_below`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.errors import ShapeError, nearest
from minigrad.core.tensor import Tensor, plain
from minigrad.nn.errors import LabelError, ModuleError, UnknownLoss
from minigrad.ops import reduce
from minigrad.ops.elementwise import relu, square
from minigrad.ops.functions import reshape

__all__ = [
    "LOSSES",
    "Calibrated",
    "Chance",
    "Loss",
    "MeanSquaredError",
    "SoftmaxCrossEntropy",
    "Targets",
    "WestonWatkins",
    "find_loss",
    "mean_squared_error",
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


def softmax_cross_entropy(scores: Tensor, labels: Targets) -> Tensor:
    """Mean of -log softmax(scores)[label], from scores (logits), without overflow (course notes, softmax classifier).

    Args:
        scores: `(N, C)`, or `(..., C)` with labels of the leading shape.
        labels: integers in [0, C), shape `(N,)`.

    Raises:
        LabelError: a label is out of range (the message names the row), or not an integer.
        ShapeError: labels do not have the leading shape of the scores.
    """
    flat, index = _aligned("softmax cross-entropy", scores, labels)
    chosen = reduce.log_softmax(flat, axis=-1)[np.arange(len(index)), index]
    return -chosen.mean()


def weston_watkins(scores: Tensor, labels: Targets, margin: float = 1.0) -> Tensor:
    """Mean over rows of sum_{j != y} max(0, s_j - s_y + margin): the multi-class SVM loss of the course notes.

    Source: Weston & Watkins 1999. Arguments and errors as for `softmax_cross_entropy`.
    """
    flat, index = _aligned("Weston-Watkins loss", scores, labels)
    rows = np.arange(len(index))
    others = np.ones(flat.shape, dtype=flat.dtype)
    others[rows, index] = 0.0
    correct = reshape(flat[rows, index], (len(index), 1))
    return (relu(flat - correct + margin) * others).sum() / float(len(index))


def mean_squared_error(outputs: Tensor, targets: Targets) -> Tensor:
    """Mean over all entries of (outputs - targets)^2.

    Targets of shape `(N,)` also fit outputs of shape `(N, 1)`. Raises ShapeError for other shapes: broadcasting
    `(N, 1)` against `(N,)` would compare every row with every target.
    """
    goal = plain(targets)
    if goal.shape != outputs.shape:
        if outputs.shape != (*goal.shape, 1):
            raise ShapeError(f"mean squared error: outputs have shape {outputs.shape}, targets {goal.shape}")
        outputs = reshape(outputs, goal.shape)
    return square(outputs - goal.astype(outputs.dtype, copy=False)).mean()


def _aligned(loss: str, scores: Tensor, labels: Targets) -> tuple[Tensor, NDArray[np.intp]]:
    """Scores as `(N, C)` and labels as `(N,)`, after checking that they belong together."""
    index = plain(labels)
    if index.dtype.kind not in "iu":
        raise LabelError(f"{loss} needs integer labels, one class number a row; got dtype {index.dtype}")
    if scores.ndim < 1 or index.shape != scores.shape[:-1]:
        raise ShapeError(
            f"{loss}: scores of shape {scores.shape} need labels of shape {scores.shape[:-1]}, got {index.shape}"
        )
    classes = scores.shape[-1]
    flat = index.reshape(-1).astype(np.intp, copy=False)
    if not flat.size:
        raise ShapeError(f"{loss} of an empty batch (scores of shape {scores.shape}) is not defined")
    if flat.min() < 0 or flat.max() >= classes:
        row = int(np.argmax((flat < 0) | (flat >= classes)))
        raise LabelError(
            f"{loss}: label {flat[row]} in row {row} is out of range; {classes} scores allow 0 to {classes - 1}"
        )
    return (scores if scores.ndim == 2 else reshape(scores, (len(flat), classes))), flat


@attrs.frozen
class SoftmaxCrossEntropy:
    """`softmax_cross_entropy` for a training loop."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)` -> the loss."""
        return softmax_cross_entropy(outputs, targets)

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """-ln(1/C) = ln C: every class is equally likely."""
        return Chance(math.log(outputs), f"ln {outputs}")

    def solved_below(self, targets: Targets) -> float:
        """0.01: the right class has a probability of 99 %."""
        return 0.01


def _positive(owner: object, field: attrs.Attribute[float], value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ModuleError(f"{type(owner).__name__}.{field.name} must be a finite number > 0, got {value!r}")


@attrs.frozen
class WestonWatkins:
    """`weston_watkins` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=_positive)

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
class MeanSquaredError:
    """`mean_squared_error` for a training loop."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape -> the loss."""
        return mean_squared_error(outputs, targets)

    def chance(self, outputs: int, targets: Targets) -> Chance:
        """Mean of y^2: outputs near 0. That is the variance, 1, for standardised targets."""
        return Chance(float(np.mean(np.square(plain(targets), dtype=np.float64))), "mean of y^2")

    def solved_below(self, targets: Targets) -> float:
        """A thousandth of the variance of the targets."""
        return 1e-3 * float(np.var(plain(targets), dtype=np.float64))


LOSSES: Mapping[str, Callable[[], Loss]] = MappingProxyType(
    {"softmax": SoftmaxCrossEntropy, "svm": WestonWatkins, "mse": MeanSquaredError}
)


def find_loss(choice: str | Loss) -> Loss:
    """The loss of that name (`softmax`, `svm`, `mse`), or the callable itself. Raises UnknownLoss, with the nearest."""
    if not isinstance(choice, str):
        return choice
    if choice not in LOSSES:
        raise UnknownLoss(f"there is no loss {choice!r}.{nearest(choice, LOSSES)} Known: {', '.join(LOSSES)}")
    return LOSSES[choice]()
