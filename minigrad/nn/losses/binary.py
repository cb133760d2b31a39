"""Losses of two-way decisions, one score for each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, BoolArray
from minigrad.nn.errors import LabelError
from minigrad.nn.losses.baseline import OLD_METHODS, Targets, UninformedLoss
from minigrad.nn.losses.regression import paired, reduced
from minigrad.nn.validators import positive
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.runtime.effects import runtime_check

__all__ = ["BinaryCrossEntropy", "Hinge", "binary_cross_entropy", "hinge"]


def _shares(targets: Array) -> None:
    _refuse("binary cross-entropy", "in [0, 1]", ~((targets >= 0.0) & (targets <= 1.0)), targets)


def _signs(targets: Array) -> None:
    _refuse("hinge loss", "of -1 or +1", np.abs(targets) != 1.0, targets)


def _refuse(loss: str, wanted: str, wrong: BoolArray, targets: Array) -> None:
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise LabelError(f"{loss} needs targets {wanted}; the one at {[int(i) for i in at]} is {targets[at]}")


def binary_cross_entropy(
    scores: Tensor,
    targets: Targets,
    *,
    pos_weight: Tensor | Array | Sequence[float] | float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Mean of -(t log p + (1 - t) log(1 - p)) with p = sigmoid(score), without overflow.

    Written as (1 - t) log(1 + exp(s)) + t log(1 + exp(-s)), in which nothing cancels.

    Args:
        scores: any shape; not probabilities.
        targets: 0 or 1 (or probabilities between), of the same shape; `(N,)` also fits scores `(N, 1)`.
        pos_weight: factor of the part of t; one for all, or one for each class, on the last axis.
        reduction: "mean", "sum" or "none".

    Raises:
        LabelError: a target is not in [0, 1].
        ShapeError: the shapes differ.
    """
    x, y = paired("binary cross-entropy", scores, targets)
    runtime_check(y, _shares)
    factor = pos_weight if isinstance(pos_weight, Tensor | float) else np.asarray(pos_weight, dtype=x.dtype)
    if np.broadcast_shapes(np.shape(factor), x.shape) != x.shape:
        raise ShapeError(f"binary cross-entropy: a pos_weight of {np.shape(factor)} does not fit scores of {x.shape}")
    losses: Tensor = lazy.load("minigrad.ops.network.logistic_loss", "logistic_loss")(x, y, factor)
    return reduced(losses, reduction, x.shape)


def hinge(scores: Tensor, targets: Targets, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Mean of max(0, margin - t s): the binary SVM of the course notes.

    Args:
        scores: any shape.
        targets: -1 or +1, of the same shape; `(N,)` also fits scores `(N, 1)`.
        margin: distance at which a right score costs nothing.

    Raises:
        LabelError: a target is neither -1 nor +1.
        ShapeError: the shapes differ.
    """
    x, y = paired("hinge loss", scores, targets)
    runtime_check(y, _signs)
    return reduced(relu(margin - x * y), reduction, x.shape)


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class BinaryCrossEntropy:
    """`binary_cross_entropy` for a training loop.

    Attributes:
        pos_weight: factor of the part of the positive answers; one for all, or one for each class.
    """

    pos_weight: Tensor | Array | Sequence[float] | float = attrs.field(default=1.0, kw_only=True, eq=False)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and targets of one shape -> the loss."""
        return binary_cross_entropy(outputs, targets, pos_weight=self.pos_weight)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """ln 2: both answers are equally likely."""
        return UninformedLoss(math.log(2.0), "ln 2")

    def fit_threshold(self, targets: Targets) -> float:
        """0.01 above the entropy of the targets, which is 0 for targets of 0 and 1."""
        t = as_array(targets).astype(np.float64)
        inside = t[(t > 0.0) & (t < 1.0)]
        entropy = -np.sum(inside * np.log(inside) + (1.0 - inside) * np.log1p(-inside)) / max(t.size, 1)
        return 0.01 + 1.02 * float(entropy)


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class Hinge:
    """`hinge` with its margin, for a training loop."""

    margin: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and targets (-1 or +1) of one shape -> the loss."""
        return hinge(outputs, targets, self.margin)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """The margin: a score of 0 misses it by all of it."""
        return UninformedLoss(self.margin, f"margin {self.margin:g}")

    def fit_threshold(self, targets: Targets) -> float:
        """A hundredth of the margin; the loss reaches 0 itself once every margin is kept."""
        return 0.01 * self.margin
