"""Looking at the values of a data set.

`check` raises for what cannot be trained on, `inspect` reports what looks doubtful.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
import numpy as np

from minigrad.data.arrays import AnyDtypeArray, flat_rows, row_keys
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataValueError
from minigrad.data.measure import RATIO, SHIFT, drift_of, moments_of, repeated_rows, scale_of

Level = Literal["FAULT", "NOTE"]


@attrs.frozen
class Finding:
    """Something about the data worth knowing.

    It has a stable `code`, FAULT or NOTE, and a sentence with the evidence.
    """

    code: str
    level: Level
    message: str


def check(data: Dataset) -> None:
    """Refuse NaN or Inf in `x` or `y`, and labels out of range.

    Raises:
        DataValueError: there is such a row; names the first (from 0).
    """
    for split in ("train", "val"):
        x, y = (data.x_train, data.y_train) if split == "train" else (data.x_val, data.y_val)
        check_finite(x, f"{data.name}: x_{split}", data.feature_names)
        check_finite(y, f"{data.name}: y_{split}")
        if data.task == "classification":
            check_labels(y, data.classes, f"{data.name}: y_{split}")


def check_finite(array: AnyDtypeArray, where: str = "x", columns: tuple[str, ...] = ()) -> None:
    """Refuse the first NaN or infinity in `array`.

    Raises:
        DataValueError: there is one; names `where`, the row and the column.
    """
    if array.dtype.kind != "f" or not array.size:
        return
    bad = ~np.isfinite(flat_rows(array))
    if not bad.any():
        return
    rows = np.flatnonzero(bad.any(axis=1))
    row, column = int(rows[0]), int(np.argmax(bad[rows[0]]))
    value = flat_rows(array)[row, column]
    place = f"column {column}" + (f" ({columns[column]})" if column < len(columns) else "")
    more = f", and {len(rows) - 1} more rows have such values" if len(rows) > 1 else ""
    raise DataValueError(where, row, f"{place} is {value}{more}", "Remove or fill in such rows before training.")


def check_labels(y: AnyDtypeArray, classes: int, where: str = "y", ignored: int | None = None) -> None:
    """Refuse the first row of `y` that is neither in [0, `classes`) nor `ignored`.

    Raises:
        DataValueError: there is one; names the row.
    """
    if y.dtype.kind not in "iu":
        raise DataValueError(where, 0, f"labels have dtype {y.dtype}", "Class numbers must be integers from 0.")
    flat = flat_rows(y)
    wrong = (flat < 0) | (flat >= classes)
    bad = np.flatnonzero((wrong if ignored is None else wrong & (flat != ignored)).any(axis=1))
    if len(bad):
        row = int(bad[0])
        worst = next(v for v in flat[row].tolist() if not 0 <= v < classes and v != ignored)
        more = f", and {len(bad) - 1} more rows are out of range" if len(bad) > 1 else ""
        remedy = f"With {classes} classes, labels run from 0 to {classes - 1}."
        if worst < 0:
            remedy += f" If {worst} is to count for nothing, say so by loss=nn.CrossEntropyLoss(ignore_index={worst})."
        raise DataValueError(where, row, f"label {worst}{more}", remedy)


def find_issues(data: Dataset, *, unshuffled: int = 0) -> tuple[Finding, ...]:
    """List what is doubtful about `data`, faults first.

    Codes: LEAK, INPUT_SCALE, VAL_SHIFT, UNSHUFFLED, CONFLICT, MISSING_CLASS, IMBALANCE, CONSTANT. Call `check` first:
    values are taken to be finite. `unshuffled` is the batch size when batches are taken in the stored order, 0 when
    they are shuffled.

    Thresholds: leak above 1 % of the validation rows (10 % for at most 10 features) and half more than training rows
    repeat; the scale of columns as in `minigrad.data.measure.Scale.problem`; validation mean off by 0.8 standard
    deviations or spread by a factor of 1.6; one class above 0.6 (0.8 of two); distinct labels in a batch (of 8 or more)
    below half of C (1 - (1 - 1/C)^B).
    """
    issues: list[Finding] = list(_order(data, unshuffled))
    for rule in (_leak, _scale, _shift, _conflict, _classes, _constant):
        issues.extend(rule(data))
    return tuple(sorted(issues, key=lambda finding: finding.level != "FAULT"))


def _leak(data: Dataset) -> Iterator[Finding]:
    if data.kind == "text" or not len(data.x_val):
        return
    train = set(row_keys(data.x_train))
    shared = sum(key in train for key in row_keys(data.x_val))
    share = shared / len(data.x_val)
    if share > (0.1 if data.features <= 10 else 0.01) and share > 1.5 * repeated_rows(data.x_train):
        message = f"{shared} of {len(data.x_val)} validation rows ({share:.1%}) are also training rows; use resplit"
        yield Finding("LEAK", "FAULT", message)


def _scale(data: Dataset) -> Iterator[Finding]:
    if data.x_train.dtype.kind != "f" or not data.x_train.size:
        return
    scale = scale_of(moments_of(data.x_train))
    problem = scale.problem()
    if problem:
        message = (
            f"inputs reach {scale.largest:.3g} with standard deviation {scale.std:.3g}: {problem}; use data.scaled()"
        )
        yield Finding("INPUT_SCALE", "FAULT", message)


def _shift(data: Dataset) -> Iterator[Finding]:
    if data.kind == "text" or len(data.x_val) < 50 or not data.x_train.size:
        return
    drift = drift_of(moments_of(data.x_train), moments_of(data.x_val), data.y_train, data.y_val)
    if not drift.is_apart(ratio=RATIO, shift=SHIFT):
        return
    apart = (
        f"validation inputs have {drift.ratio:.2f} times the spread of the training inputs, means {drift.shift:+.2f}"
    )
    if drift.is_drift:
        message = f"{apart} apart (in training standard deviations): the data drift from row to row"
        yield Finding("VAL_SHIFT", "NOTE", message)
    else:
        yield Finding("VAL_SHIFT", "FAULT", f"{apart} apart (in training standard deviations): scale both alike")


def _conflict(data: Dataset) -> Iterator[Finding]:
    if data.task != "classification" or data.kind == "text":
        return
    label: dict[bytes, int] = {}
    clashes = 0
    for key, y in zip(row_keys(data.x_train), data.y_train.tolist(), strict=True):
        clashes += label.setdefault(key, y) != y
    if clashes:
        message = f"{clashes} training rows repeat an earlier row with another label; no network can fit both"
        yield Finding("CONFLICT", "NOTE", message)


def _classes(data: Dataset) -> Iterator[Finding]:
    if data.task != "classification" or data.kind == "text":
        return
    counts = np.bincount(data.y_train.reshape(-1).astype(np.int64), minlength=data.classes)
    absent = [data.class_names[i] for i in np.flatnonzero(counts == 0).tolist()]
    if absent:
        yield Finding("MISSING_CLASS", "NOTE", f"no training row of class {', '.join(absent)}")
    share = counts.max() / counts.sum()
    if share > (0.8 if data.classes <= 2 else 0.6):
        name = data.class_names[int(counts.argmax())]
        yield Finding("IMBALANCE", "NOTE", f"{share:.0%} of the training rows are {name}: accuracy says little here")


def _order(data: Dataset, batch_size: int) -> Iterator[Finding]:
    if data.task != "classification" or data.kind == "text" or not 8 <= batch_size <= len(data.y_train):
        return
    full = data.y_train[: len(data.y_train) // batch_size * batch_size].reshape(-1, batch_size)
    distinct = float(np.mean([len(set(batch)) for batch in full.tolist()]))
    present = len(set(data.y_train.tolist()))
    expected = present * (1 - (1 - 1 / present) ** batch_size)
    if distinct < 0.5 * expected:
        message = f"batches of {batch_size} hold {distinct:.1f} classes each, shuffled ones {expected:.1f}; shuffle"
        yield Finding("UNSHUFFLED", "FAULT", message)


def _constant(data: Dataset) -> Iterator[Finding]:
    if data.kind != "table" or data.x_train.ndim != 2:
        return
    same = np.flatnonzero(np.ptp(data.x_train.astype(np.float64), axis=0) == 0.0).tolist()
    if same and len(same) < data.features:
        names = [data.feature_names[i] if i < len(data.feature_names) else str(i) for i in same[:5]]
        more = "" if len(same) <= 5 else f" and {len(same) - 5} more"
        yield Finding("CONSTANT", "NOTE", f"the same value in every training row: column {', '.join(names)}{more}")
