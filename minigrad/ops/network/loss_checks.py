"""What losses refuse, such as shapes that would broadcast; and how they are reduced."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigrad.core.errors import MinigradError, ShapeError
from minigrad.core.types import Array, IndexArray, Shape
from minigrad.ops.functions import mean, sum
from minigrad.runtime.effects import IntegersWithin, runtime_check
from minigrad.typing import V

__all__ = [
    "LabelError",
    "apply_reduction",
    "require_between",
    "require_class_weight",
    "require_labels",
    "require_pairs",
    "require_shares",
    "require_signs",
]


class LabelError(MinigradError, ValueError):
    """Targets that the loss cannot use: a label out of range, a wrong shape or dtype."""


def require_pairs(loss: str, x: V, target: V) -> None:
    """Raise ShapeError unless x and target have one shape, or one of them is a single number.

    (N, 1) beside (N,) would be broadcast to (N, N): every row compared with every target.
    """
    shapes = np.shape(x), np.shape(target)
    if shapes[0] != shapes[1] and () not in shapes:
        raise ShapeError(
            f"{loss}: {shapes[0]} beside {shapes[1]}; one shape is needed (reshape, or broadcast_to first)"
        )


def require_labels(loss: str, labels: IndexArray, shape: Shape, ignore_index: int | None = None) -> None:
    """Raise LabelError unless labels are in [0, classes), or `ignore_index`.

    ShapeError unless there is one a row.

    Args:
        loss: its name, for the message.
        labels: integers; under a tracer they are looked at in every run.
        shape: of the scores, classes last.
        ignore_index: another label that is allowed.
    """
    if np.shape(labels) != shape[:-1]:
        raise ShapeError(f"{loss}: scores of shape {shape} need labels of shape {shape[:-1]}, not {np.shape(labels)}")
    check = partial(_check_labels, loss, shape[-1], ignore_index)
    runtime_check(labels, IntegersWithin(check, shape[-1], ignore_index))


def _check_labels(loss: str, classes: int, ignore_index: int | None, labels: Array) -> None:
    if labels.dtype.kind not in "iu":
        raise LabelError(f"{loss} needs integer labels, one class number a row; got dtype {labels.dtype}")
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index if ignore_index is not None else True)
    if wrong.any():
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise LabelError(
            f"{loss}: label {labels[at]} at {list(at)} is out of range; {classes} scores allow 0 to {classes - 1}"
        )


def require_signs(loss: str, y: V) -> None:
    """Raise LabelError unless all entries of y are 1 or -1."""
    runtime_check(y, partial(_check_signs, loss))


def _check_signs(loss: str, y: Array) -> None:
    wrong = np.abs(y) != 1
    if wrong.any():
        raise LabelError(f"{loss} needs a y of 1 and -1, got {np.asarray(y)[wrong].flat[0]:.6g}")


def require_between(loss: str, name: str, values: V, low: float, high: float) -> None:
    """Raise LabelError where a number is below `low` or above `high`; NaN passes."""
    runtime_check(values, partial(_check_between, loss, name, low, high))


def _check_between(loss: str, name: str, low: float, high: float, values: Array) -> None:
    wrong = (values < low) | (values > high)
    if wrong.any():
        bounds = f"in [{low:g}, {high:g}]" if high < np.inf else f"at least {low:g}"
        raise LabelError(f"{loss}: {name} must be {bounds}, got {np.asarray(values)[wrong].flat[0]:.6g}")


def require_class_weight(loss: str, weight: V | None, classes: int) -> None:
    """Raise ShapeError unless there is one weight a class.

    And LabelError where one is negative or NaN.
    """
    if weight is None:
        return
    if np.shape(weight) != (classes,):
        raise ShapeError(f"{loss}: {classes} classes need a weight of shape ({classes},), not {np.shape(weight)}")
    runtime_check(weight, partial(_check_class_weight, loss))


def _check_class_weight(loss: str, weight: Array) -> None:
    if not (weight >= 0.0).all():
        raise LabelError(f"{loss}: weights of classes must not be negative or NaN, got {weight.tolist()!s:.80}")


def require_shares(loss: str, targets: V, shape: Shape) -> None:
    """Raise LabelError unless each row of `targets` is a distribution (to 1e-3).

    ShapeError unless they have the shape of the scores, classes last.
    """
    if np.shape(targets) != shape:
        raise ShapeError(f"{loss}: scores of shape {shape} need probabilities of that shape, not {np.shape(targets)}")
    runtime_check(targets, partial(_check_shares, loss))


def _check_shares(loss: str, targets: Array) -> None:
    wrong = (targets.min(axis=-1, initial=0.0) < 0.0) | ~(np.abs(targets.sum(axis=-1) - 1.0) <= 1e-3)
    if targets.dtype.kind != "f" or wrong.any():
        row = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise LabelError(f"{loss}: row {list(row)} of the targets is no distribution: {targets[row].tolist()}")


def apply_reduction(losses: V, reduction: str) -> V:
    """`losses` as they are, added up, or their mean."""
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return losses if reduction == "none" else sum(losses) if reduction == "sum" else mean(losses)
