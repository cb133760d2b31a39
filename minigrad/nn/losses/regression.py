"""Losses of regression: outputs and targets of one shape, averaged over all entries."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.losses.baseline import OLD_METHODS, Targets, UninformedLoss
from minigrad.nn.validators import positive
from minigrad.ops.arguments import require_array, require_numbers
from minigrad.ops.elementwise.arithmetic import square
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.functions import clip, reshape

__all__ = [
    "Huber",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "paired",
    "reduced",
]


def paired(loss: str, outputs: Tensor, targets: Targets) -> tuple[Tensor, Tensor | Array]:
    """Outputs and targets of one shape and dtype; outputs `(N, 1)` also fit targets `(N,)`.

    Raises:
        ShapeError: other shapes; broadcasting `(N, 1)` against `(N,)` would compare every row with every target.
    """
    require_array(loss, outputs)
    goal = targets.detach() if isinstance(targets, Tensor) else as_array(targets)
    if not isinstance(goal, Tensor):
        require_numbers(loss, goal)
    if goal.shape != outputs.shape:
        if outputs.shape != (*goal.shape, 1):
            raise ShapeError(f"{loss}: outputs have shape {outputs.shape}, targets {goal.shape}")
        outputs = reshape(outputs, goal.shape)
    if not goal.size:
        raise ShapeError(f"{loss} of an empty batch (outputs of shape {outputs.shape}) is not defined")
    return outputs, goal if goal.dtype == outputs.dtype else goal.astype(outputs.dtype)


def reduced(losses: Tensor, reduction: str, shape: Shape) -> Tensor:
    """The mean or sum of losses, or ("none") all of them in this shape.

    Raises:
        ModuleError: there is no such reduction.
    """
    if reduction == "mean":
        return losses.mean()
    if reduction not in ("sum", "none"):
        raise ModuleError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    return losses.sum() if reduction == "sum" else reshape(losses, shape)


def mean_squared_error(outputs: Tensor, targets: Targets, *, reduction: str = "mean") -> Tensor:
    """Mean over all entries of (outputs - targets)^2.

    Targets of shape `(N,)` also fit outputs of shape `(N, 1)`.

    Raises:
        ShapeError: other shapes.
    """
    x, y = paired("mean squared error", outputs, targets)
    return reduced(square(x - y), reduction, x.shape)


def mean_absolute_error(outputs: Tensor, targets: Targets, *, reduction: str = "mean") -> Tensor:
    """Mean over all entries of |outputs - targets|, of gradient 0 where they are equal.

    Shapes as for MSE.
    """
    x, y = paired("mean absolute error", outputs, targets)
    return reduced(absolute(x - y), reduction, x.shape)


def huber(outputs: Tensor, targets: Targets, delta: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Mean of d^2 / 2 for |d| <= delta and of delta (|d| - delta / 2) beyond (Huber 1964).

    d is outputs - targets, with shapes as for `mean_squared_error`.
    """
    x, y = paired("Huber loss", outputs, targets)
    d = x - y
    core = clip(d, -delta, delta)
    return reduced(core * (d - core * 0.5), reduction, x.shape)


def _double(targets: Targets) -> Array:
    return as_array(targets).astype(np.float64)


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class MeanSquaredError:
    """`mean_squared_error` for a training loop."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape -> the loss."""
        return mean_squared_error(outputs, targets)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """Mean of y^2: outputs near 0. That is the variance, 1, for standardised targets."""
        return UninformedLoss(float(np.mean(_double(targets) ** 2)), "mean of y^2")

    def fit_threshold(self, targets: Targets) -> float:
        """A thousandth of the variance of the targets."""
        return 1e-3 * float(np.var(_double(targets)))


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class MeanAbsoluteError:
    """`mean_absolute_error` for a training loop."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape -> the loss."""
        return mean_absolute_error(outputs, targets)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """Mean of |y|: outputs near 0."""
        return UninformedLoss(float(np.mean(np.abs(_double(targets)))), "mean of |y|")

    def fit_threshold(self, targets: Targets) -> float:
        """3 % of the standard deviation of the targets."""
        return 0.03 * float(np.std(_double(targets)))


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class Huber:
    """`huber` with its delta, for a training loop."""

    delta: float = attrs.field(default=1.0, validator=positive)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape -> the loss."""
        return huber(outputs, targets, self.delta)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """The mean loss of y itself: outputs near 0."""
        return UninformedLoss(self._mean(_double(targets)), f"Huber({self.delta:g}) of y")

    def fit_threshold(self, targets: Targets) -> float:
        """The loss at a distance of 3 % of the targets' standard deviation everywhere."""
        return self._mean(np.array([0.03 * np.std(_double(targets))]))

    def _mean(self, d: Array) -> float:
        core = np.clip(d, -self.delta, self.delta)
        return float(np.mean(core * (d - 0.5 * core)))
