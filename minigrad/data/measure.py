"""Figures of inputs that tell whether they were prepared well.

Scale of columns, drift between splits, equal rows.

`minigrad.data.find_issues` and the rules of `minigrad.diagnosis` read the same figures, so that they cannot disagree.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.data.arrays import row_keys

__all__ = [
    "HUGE",
    "LARGE",
    "OFFSET",
    "RATIO",
    "SHIFT",
    "SMALL",
    "WIDE",
    "Drift",
    "Scale",
    "drift_of",
    "repeated_rows",
    "scale_of",
]

SMALL, LARGE, WIDE, HUGE, OFFSET = 0.02, 8.0, 30.0, 8.0, 8.0
RATIO, SHIFT = math.log(1.6), 0.8
_FAINT = 0.2
"""Euclidean norm of a typical row below which small numbers are too small.

Rows of word weights have a norm of 1.
"""


@attrs.frozen
class Scale:
    """The scale of inputs, by typical columns.

    One rare or one-hot column says nothing about the others.

    Attributes:
        std: standard deviation of all numbers.
        largest: largest magnitude.
        typical: median standard deviation of the columns that are not constant.
        widest: largest root mean square of a column.
        column: number of that column.
        offset: median over the columns of |mean|.
        norm: median Euclidean norm of a row.
    """

    std: float
    largest: float
    typical: float
    widest: float
    column: int
    offset: float
    norm: float

    def problem(
        self,
        *,
        low: float = SMALL,
        high: float = LARGE,
        wide: float = WIDE,
        huge: float = HUGE,
        offset: float = OFFSET,
    ) -> str:
        """What is wrong with the scale, a sentence; empty if nothing is.

        Args:
            low: typical standard deviation below which inputs are faint, unless rows have a norm of about 1.
            high: typical standard deviation above which inputs are large.
            wide: a column's root mean square over the typical standard deviation, above which it drowns the others.
            huge: root mean square that such a column must also have.
            offset: typical |mean| above which inputs are far from 0.
        """
        if self.typical == 0.0:
            return "all rows are the same, so there is nothing to learn from"
        if self.typical > high or (self.typical < low and self.norm < _FAINT):
            return "columns should have a standard deviation of about 1"
        if self.offset > max(offset, offset * self.typical):
            return "inputs are far from 0 compared with their spread: subtract the mean"
        if self.widest > max(huge, wide * self.typical):
            return f"column {self.column} is far larger than the others and drowns them"
        return ""


def scale_of(x: Array) -> Scale:
    """The scale of inputs of shape `(rows, ...)`."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    each, size = flat.std(axis=0), np.sqrt((flat**2).mean(axis=0))
    varying = each > 1e-9 * max(float(np.abs(flat).max(initial=0.0)), 1e-300)
    return Scale(
        std=float(flat.std()),
        largest=float(np.abs(flat).max(initial=0.0)),
        typical=float(np.median(each[varying])) if varying.any() else 0.0,
        widest=float(size.max(initial=0.0)),
        column=int(size.argmax()) if size.size else 0,
        offset=float(np.median(np.abs(flat.mean(axis=0)[varying]))) if varying.any() else 0.0,
        norm=float(np.median(np.sqrt((flat**2).sum(axis=1)))),
    )


@attrs.frozen
class Drift:
    """How validation inputs differ from training inputs.

    Attributes:
        ratio: standard deviation over that of the training inputs.
        shift: difference of means, in training standard deviations.
        within: the same difference between the first and the last third of the training rows, as they are stored.
        targets: difference of the means of quantities to predict, in training standard deviations; 0 for classes.
    """

    ratio: float
    shift: float
    within: float
    targets: float

    def is_wrong_scaling(self, *, ratio: float, shift: float) -> bool:
        """Whether only another preparation explains it.

        Rows that drift also drift within the training rows.
        """
        return self.is_apart(ratio=ratio, shift=shift) and not self.is_drift

    def is_apart(self, *, ratio: float, shift: float) -> bool:
        """Whether the splits differ: |log| of the ratio above `ratio`, or |shift| above `shift`."""
        return self.ratio > 0.0 and (abs(math.log(self.ratio)) > ratio or abs(self.shift) > shift)

    @property
    def is_drift(self) -> bool:
        """Whether training rows move on their own, or the targets move along with the inputs."""
        return abs(self.within) > 0.3 * abs(self.shift) + 0.2 or abs(self.targets) > 0.5


def drift_of(x: Array, x_val: Array, y: Array | None = None, y_val: Array | None = None) -> Drift:
    """Compare the splits; rows in the order in which they are stored, targets of any shape."""
    train, val = (a.reshape(len(a), -1).astype(np.float64) for a in (x, x_val))
    spread = float(train.std()) or 1.0
    third = max(1, len(train) // 3)
    moved = 0.0
    if y is not None and y_val is not None and y.dtype.kind == "f":
        goal, goal_val = (a.reshape(len(a), -1).astype(np.float64) for a in (y, y_val))
        moved = float(np.max(np.abs(goal_val.mean(axis=0) - goal.mean(axis=0)) / np.maximum(goal.std(axis=0), 1e-12)))
    return Drift(
        ratio=float(val.std()) / spread,
        shift=float(val.mean() - train.mean()) / spread,
        within=float(train[-third:].mean() - train[:third].mean()) / spread,
        targets=moved,
    )


def repeated_rows(x: Array) -> float:
    """Share of the rows that have an equal among the others.

    Rows of a few yes/no columns repeat by chance; then equal rows in training and validation say nothing.
    """
    keys = row_keys(x)
    counts: dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return sum(counts[key] > 1 for key in keys) / max(len(keys), 1)
