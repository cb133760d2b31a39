"""A table: named columns of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from minigrad.core.errors import nearest
from minigrad.data.errors import DataError, DataFileError
from minigrad.text import nearest_file

__all__ = ["Table", "listed", "no_file"]


@attrs.frozen(eq=False)
class Table:
    """Named columns of cells: texts, numbers, booleans, dates or nothing.

    Attributes:
        columns: name -> cells, all of one length.
        source: what it is called in errors.
        first_row: number of its first row in the source, from 1.
        decimal_comma: whether a comma is the decimal point where a number leaves that open.
    """

    columns: Mapping[str, Sequence[object]]
    source: str = "table"
    first_row: int = 1
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.columns)

    def column(self, name: str) -> Sequence[object]:
        """The cells of a column.

        Raises:
            DataError: there is none of this name; names the nearest one and lists all.
        """
        if name not in self.columns:
            raise DataError(
                f"{self.source}: there is no column {name!r:.40}.{nearest(name, self.names)} "
                f"Columns: {listed(self.names)}"
            )
        return self.columns[name]

    def take(self, rows: Sequence[int]) -> Table:
        """Some of the rows, by number from 0; they are numbered anew."""
        columns = {n: [cells[i] for i in rows] for n, cells in self.columns.items()}
        return attrs.evolve(self, columns=columns, first_row=1)

    def place(self, row: int, name: str) -> str:
        """Where a cell is, for errors: file, row (from 1, without the head) and column."""
        column = f", column {name!r:.60}" if name else ""
        return f"{self.source} row {self.first_row + row}{column}"


def no_file(path: Path, expected: str) -> DataFileError:
    """The error of a file that is not there; names the nearest one in its folder."""
    return DataFileError(path, "no such file", expected, nearest_file(path).lstrip())


def listed(names: Sequence[str]) -> str:
    """Up to twelve names, each shortened, for messages."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f"{name:.24}" for name in names[:12])[:150] + more
