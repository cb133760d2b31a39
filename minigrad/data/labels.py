"""What targets in arrays mean: classes by number or name, labels, or numbers."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.data.arrays import AnyDtypeArray
from minigrad.data.errors import DataError
from minigrad.data.prepare.fit_targets import FEW

__all__ = ["ReadTargets", "read_targets"]


@attrs.frozen(eq=False)
class ReadTargets:
    """Targets of training and validation rows, and what they are.

    Attributes:
        task: "classification", "multilabel" or "regression".
        train: class numbers `(N,)` int64, answers `(N, L)` float32, or numbers in float.
        val: the same of the validation rows.
        class_names: of classification.
    """

    task: str
    train: AnyDtypeArray
    val: AnyDtypeArray
    class_names: tuple[str, ...] = ()


def read_targets(
    train: AnyDtypeArray, val: AnyDtypeArray, names: Sequence[str] = (), task: str | None = None
) -> ReadTargets:
    """What targets mean, by their dtype, shape and values.

    Texts, booleans and whole numbers are classes; rows of 0 and 1 are labels, or one class where each row has a single
    1; other floating-point numbers are to be predicted as such.

    Args:
        train: `(N, ...)`.
        val: of the same kind.
        names: of classes, for numbers from 0.
        task: settles what the values leave open.

    Raises:
        DataError: values that are no classes, or do not fit the task; says what would.
    """
    train, val = (y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y for y in (train, val))
    if train.dtype.kind not in "iufbUS":
        raise DataError(f"targets are of dtype {train.dtype}: give numbers, booleans or texts")
    both = np.concatenate([train, val])
    if not len(train):
        raise DataError("there are no rows: targets are empty")
    if task == "regression":
        if train.dtype.kind in "US":
            raise DataError(
                f"targets are texts such as {_word(train.reshape(-1)[0])!r:.30}, and regression needs numbers"
            )
        return ReadTargets("regression", train.astype(np.float64), val.astype(np.float64))
    if train.ndim == 2 and train.shape[1] > 1 and both.dtype.kind in "iufb" and np.isin(both, (0, 1)).all():
        if task != "multilabel" and (both.sum(axis=1) == 1).all():
            numbered = names or [str(k) for k in range(train.shape[1])]
            return ReadTargets("classification", train.argmax(axis=1), val.argmax(axis=1), tuple(numbered))
        return ReadTargets("multilabel", train.astype(np.float32), val.astype(np.float32))
    if task == "multilabel":
        raise DataError(f"targets of shape {train.shape} are no labels: give 0 or 1 for each label of each row")
    if train.dtype.kind == "f" and task is None:
        return ReadTargets("regression", train, val)
    return _classes(train, val, both, names)


def _classes(train: AnyDtypeArray, val: AnyDtypeArray, both: AnyDtypeArray, names: Sequence[str]) -> ReadTargets:
    kind, values = both.dtype.kind, np.unique(both)
    if kind in "iu":
        low, high = int(values[0]), int(values[-1])
        if names or (low >= 0 and high < max(len(both), 2)):
            named = tuple(names) or tuple(str(k) for k in range(high + 1))
            return ReadTargets("classification", train.astype(np.int64), val.astype(np.int64), named)
        if len(values) > max(2, min(FEW, len(both) // 10)):
            raise DataError(
                f"labels run from {low} to {high} in {len(both)} rows, and whole numbers mean classes 0, 1, 2, ...: "
                "for amounts such as prices give task='regression' (--task regression)"
            )
    elif kind == "f" and len(values) > max(2, len(both) // 2):
        raise DataError(f"{len(values)} different numbers in {len(both)} rows are no classes")
    elif kind in "US" and len(values) > max(2, len(both) // 2):
        raise DataError(f"{len(values)} different texts in {len(both)} rows are no classes")
    words = tuple(str(bool(v)).lower() if kind == "b" else _word(v) for v in values)
    train, val = (np.searchsorted(values, y).astype(np.int64) for y in (train, val))
    return ReadTargets("classification", train, val, words)


def _word(value: np.generic) -> str:
    item = value.item()
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    return str(int(item)) if isinstance(item, float) and item == int(item) else str(item)
