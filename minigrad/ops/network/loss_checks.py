"""What losses refuse: shapes that would broadcast, labels that name no class."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigrad.core.errors import MinigradError, ShapeError
from minigrad.core.types import Array, IndexArray, Shape
from minigrad.runtime.effects import runtime_check
from minigrad.typing import V

__all__ = ["LabelError", "require_labels", "require_pairs"]


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
    runtime_check(labels, partial(_check_labels, loss, shape[-1], ignore_index))


def _check_labels(loss: str, classes: int, ignore_index: int | None, labels: Array) -> None:
    if labels.dtype.kind not in "iu":
        raise LabelError(f"{loss} needs integer labels, one class number a row; got dtype {labels.dtype}")
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index if ignore_index is not None else True)
    if wrong.any():
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise LabelError(
            f"{loss}: label {labels[at]} at {list(at)} is out of range; {classes} scores allow 0 to {classes - 1}"
        )
