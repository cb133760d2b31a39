"""Targets that are given beside rows, not in them: one for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.errors import DataError
from minigrad.data.prepare.table import Table
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target
from minigrad.text import clip_text
from minigrad.train.errors import TrainError

__all__ = ["as_answers", "as_labels", "as_numbers", "as_targets"]


def as_targets(target: Target, given: Sequence[object] | NDArray[np.generic]) -> NDArray[np.generic]:
    """The targets as one array.

    Its shape is `(N,)` of classes and of a single number, else `(N, outputs)`.

    Raises:
        TrainError: they have another shape, or none.
    """
    try:
        array = np.asarray(given)
    except ValueError:
        raise TrainError("targets are lists of different lengths: give one target for each row") from None
    width = 1 if isinstance(target, ClassTarget) else target.outputs
    if array.ndim == 1 and not array.size:
        return array if width == 1 else array.reshape(0, width)
    if width == 1 and (array.ndim == 1 or array.shape[1:] == (1,)):
        return array.reshape(len(array), *([1] if isinstance(target, LabelTarget) else []))
    if array.ndim == 2 and array.shape[1] == width and not isinstance(target, ClassTarget):
        return array
    expected = "(N,)" if width == 1 else f"(N, {width})"
    raise TrainError(
        f"targets of shape {array.shape}: what the model predicts, {target.describe():.120}, is {expected}"
    )


def as_labels(target: ClassTarget, given: NDArray[np.generic] | None, table: Table | None) -> NDArray[np.int64]:
    """Class numbers `(N,)` of numbers or names of classes, or of those in the table.

    Raises:
        TrainError: a number is that of no class.
        DataError: a name is that of no class.
    """
    if given is not None and given.dtype.kind not in "iu":
        table, given = Table({target.name: given.tolist()}, "targets"), None
    if given is None:
        assert table is not None
        return target.encode(table)
    labels = given.astype(np.int64)
    if labels.size and (labels.min() < 0 or labels.max() >= len(target.classes)):
        raise TrainError(f"class numbers run from 0 to {len(target.classes) - 1}, got {labels.min()} to {labels.max()}")
    return labels


def as_answers(target: LabelTarget, given: NDArray[np.generic] | None, table: Table | None) -> Array:
    """Answers of yes and no `(N, labels)` as 1 and 0, given or in the table.

    Raises:
        DataError: one is neither 0 nor 1.
    """
    if given is None:
        assert table is not None
        return target.encode(table)
    return _real(given, lambda values: (values == 0.0) | (values == 1.0), "neither 0 nor 1")


def as_numbers(target: NumberTarget, given: NDArray[np.generic] | None, table: Table | None) -> Array:
    """Numbers in their own units as float64, given or in the table.

    Raises:
        DataError: one is no finite number.
    """
    if given is None:
        assert table is not None
        return target.read(table)
    return _real(given, np.isfinite, "no finite number")


def _real(given: NDArray[np.generic], fits: Callable[[Array], NDArray[np.bool_]], problem: str) -> Array:
    """The targets as float64, where all of them fit."""
    try:
        values = given.astype(np.float64) if given.dtype.kind in "biufOUS" else None
    except (TypeError, ValueError):
        values = None
    if values is None:
        raise DataError(f"targets such as {clip_text(str(given.flat[0]), 40)!r} are {problem}")
    wrong = ~fits(values)
    if wrong.any():
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise DataError(f"targets row {place[0] + 1}: {clip_text(str(given[place]), 40)!r} is {problem}")
    return np.asarray(values)
