"""Figures of inputs that tell whether they were prepared well.

Scale of columns, drift between splits, equal rows.

`minigrad.data.find_issues` and the rules of `minigrad.diagnosis` read the same figures, so that they cannot disagree.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.data.arrays import flat_rows, row_keys

__all__ = [
    "HUGE",
    "LARGE",
    "OFFSET",
    "RATIO",
    "SHIFT",
    "SMALL",
    "WIDE",
    "Drift",
    "Moments",
    "Scale",
    "drift_of",
    "moments_of",
    "repeated_rows",
    "scale_of",
]

SMALL, LARGE, WIDE, HUGE, OFFSET = 0.02, 8.0, 30.0, 8.0, 8.0
RATIO, SHIFT = math.log(1.6), 0.8
_FAINT = 0.2
"""Euclidean norm of a typical row below which small numbers are too small.

Rows of word weights have a norm of 1.
"""


_BLOCK = 1 << 16  # numbers that are worked on at once: those of a block stay in the cache


@attrs.frozen(eq=False)
class Moments:
    """Means and spreads of the columns and rows of inputs, from one reading of them.

    Attributes:
        means: of the columns, shape `(columns,)`.
        deviations: standard deviations of the columns, shape `(columns,)`; exactly 0 for a constant column.
        row_means: shape `(rows,)`, in the order of the rows.
        row_norms: Euclidean norms, shape `(rows,)`.
        largest: largest magnitude.
    """

    means: Array
    deviations: Array
    row_means: Array
    row_norms: Array
    largest: float

    @property
    def mean(self) -> float:
        """Mean of all numbers."""
        return float(self.row_means.mean())

    @property
    def varying(self) -> NDArray[np.bool_]:
        """Columns that are not constant, shape `(columns,)`."""
        varying: NDArray[np.bool_] = self.deviations > 1e-9 * max(self.largest, 1e-300)
        return varying

    @property
    def std(self) -> float:
        """Standard deviation of all numbers."""
        return math.sqrt(float((self.deviations**2).mean() + self.means.var()))


def moments_of(x: Array, rows: NDArray[np.intp] | None = None) -> Moments:
    """Means and spreads of inputs of shape `(rows, ...)`, in double precision.

    Squares are those of the distances from the first row, which as one of the rows bounds what cancels.

    Args:
        x: inputs, at least one row.
        rows: numbers of the rows to read; all of them if None.
    """
    flat = flat_rows(x)
    count, columns = len(flat) if rows is None else len(rows), flat.shape[1]
    origin = flat[0 if rows is None else rows[0]].astype(np.float64)
    sums, squares, largest = np.zeros(columns), np.zeros(columns), 0.0
    row_sums, row_squares = np.empty(count), np.empty(count)
    step = max(1, _BLOCK // max(columns, 1))
    ones = np.ones(max(columns, step))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        block = (flat[part] if rows is None else flat[rows[part]]).astype(np.float64)
        row_sums[part] = block @ ones[:columns]
        row_squares[part] = np.einsum("ij,ij->i", block, block)
        largest = max(largest, float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        block -= origin
        sums += ones[: len(block)] @ block
        np.square(block, out=block)
        squares += ones[: len(block)] @ block
    sums, squares = sums / count, squares / count
    return Moments(
        means=origin + sums,
        deviations=np.sqrt(np.maximum(squares - sums**2, 0.0)),
        row_means=row_sums / max(columns, 1),
        row_norms=np.sqrt(row_squares),
        largest=largest,
    )


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


def scale_of(inputs: Moments) -> Scale:
    """The scale of inputs."""
    each, size = inputs.deviations, np.sqrt(inputs.deviations**2 + inputs.means**2)
    varying = inputs.varying
    return Scale(
        std=inputs.std,
        largest=inputs.largest,
        typical=float(np.median(each[varying])) if varying.any() else 0.0,
        widest=float(size.max(initial=0.0)),
        column=int(size.argmax()) if size.size else 0,
        offset=float(np.median(np.abs(inputs.means[varying]))) if varying.any() else 0.0,
        norm=float(np.median(inputs.row_norms)),
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


def drift_of(train: Moments, val: Moments, y: Array | None = None, y_val: Array | None = None) -> Drift:
    """Compare the splits; rows in the order in which they are stored, targets of any shape."""
    spread = train.std or 1.0
    third = max(1, len(train.row_means) // 3)
    moved = 0.0
    if y is not None and y_val is not None and y.dtype.kind == "f":
        goal, goal_val = (flat_rows(a).astype(np.float64) for a in (y, y_val))
        moved = float(np.max(np.abs(goal_val.mean(axis=0) - goal.mean(axis=0)) / np.maximum(goal.std(axis=0), 1e-12)))
    return Drift(
        ratio=val.std / spread,
        shift=(val.mean - train.mean) / spread,
        within=float(train.row_means[-third:].mean() - train.row_means[:third].mean()) / spread,
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
