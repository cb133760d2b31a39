"""Figures as columns: a row at a time goes in, arrays come out.

They are ready for JSON, CSV and npz.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array
from minigrad.train.errors import TrainError

__all__ = ["ColumnTable"]

PLACES = frozenset({"step", "epoch"})
"""Columns that say where a row was taken: one number a row, also in a table with entries."""


class ColumnTable:
    """Named columns of float64, which grow by a row at a time.

    A figure that a row does not have is NaN.

    Attributes:
        entries: what the figures of one row are of (parameters, layers): a column is `(rows, len(entries))`, but `step`
            and `epoch` are `(rows,)`. Empty where a row has one number in each column: then a column is `(rows,)`.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self.entries = tuple(entries)
        self._columns: dict[str, array[float]] = {}
        self._rows = 0
        self._writing = False

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    @property
    def names(self) -> tuple[str, ...]:
        """The columns there are."""
        return tuple(self._columns)

    def __getitem__(self, name: str) -> Array:
        """A column, as a copy. Raises TrainError for one that no row has had, with the nearest."""
        if name not in self._columns:
            names = ", ".join(self._columns) or "none yet"
            raise TrainError(f"there is no column {name!r}.{nearest(name, self._columns)} There are: {names}")
        # Ctrl-C may have come in the middle of a row: only whole ones count.
        column: Array = np.array(self._columns[name], dtype=np.float64)[: self._rows * self._width(name)]
        return column.reshape(self._rows, len(self.entries)) if self._is_wide(name) else column

    def of(self, entry: str) -> dict[str, Array]:
        """The columns of one entry, each `(rows,)`.

        Raises:
            TrainError: there is no such entry.
        """
        if entry not in self.entries:
            raise TrainError(f"there is no entry {entry!r}.{nearest(entry, self.entries)}")
        k = self.entries.index(entry)
        return {name: self[name][:, k] if self._is_wide(name) else self[name] for name in self._columns}

    def last(self, name: str) -> float:
        """The latest number of a column of single numbers; NaN where there is none."""
        column = self._columns.get(name)
        return column[self._rows - 1] if column and self._rows else math.nan

    def append(self, values: Mapping[str, float | Sequence[float]]) -> None:
        """Add a row: for each column a float, or a number for each entry."""
        columns = self._columns
        self._begin()
        for name, value in values.items():
            if name not in columns:
                columns[name] = array("d", [math.nan] * (self._width(name) * self._rows))
            if isinstance(value, float):
                columns[name].append(value)
            else:
                columns[name].extend(value)
        if len(values) < len(self._columns):
            for name, column in self._columns.items():
                if name not in values:
                    column.extend([math.nan] * self._width(name))
        self._rows += 1
        self._writing = False

    def extend(self, columns: Mapping[str, Array]) -> None:
        """Add as many rows as the columns are long, to a table without entries."""
        rows = max((len(c) for c in columns.values()), default=0)
        self._begin()
        for name in {**self._columns, **columns}:
            column = self._columns.setdefault(name, array("d", [math.nan] * self._rows))
            column.extend(columns[name] if name in columns else [math.nan] * rows)
        self._rows += rows
        self._writing = False

    def _begin(self) -> None:
        """Take away what an interrupted row has left."""
        if self._writing:
            for name, column in self._columns.items():
                del column[self._rows * self._width(name) :]
        self._writing = True

    def arrays(self) -> dict[str, Array]:
        """All columns, for `np.savez` and for checkpoints."""
        return {name: self[name] for name in self._columns}

    def restore(self, columns: Mapping[str, Array]) -> None:
        """Replace all rows by those that `arrays` gave.

        Raises:
            ValueError: the columns do not fit together.
        """
        rows = {len(c) for c in columns.values()}
        narrow = [name for name, c in columns.items() if c.size != len(c) * self._width(name)]
        if len(rows) > 1 or narrow:
            raise ValueError(
                f"columns of {sorted(rows)} rows, {narrow} not of {len(self.entries)} entries, make no table"
            )
        self._columns = {name: array("d", np.ravel(c).tolist()) for name, c in columns.items()}
        self._rows = max(rows, default=0)

    def _is_wide(self, name: str) -> bool:
        return bool(self.entries) and name not in PLACES

    def _width(self, name: str) -> int:
        return len(self.entries) if self._is_wide(name) else 1
