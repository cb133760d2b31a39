"""Tables as people have them: CSV, TSV and Parquet files, data frames, columns."""

from __future__ import annotations

import csv
import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Protocol, TextIO, TypeAlias, runtime_checkable

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.data.errors import DataError, DataFileError

__all__ = ["TABLE_SUFFIXES", "Frame", "Table", "TableSource", "is_missing", "read_table", "table_chunks"]

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "nat", "?"})
_EXPECTED = "a text file with one row a line and a head of column names"


@runtime_checkable
class Frame(Protocol):
    """A data frame of pandas or polars: columns with names."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, in order."""
        ...

    def __getitem__(self, name: str) -> Sequence[object]: ...

    def __len__(self) -> int: ...


TableSource: TypeAlias = "str | os.PathLike[str] | Frame | Mapping[str, Sequence[object]] | Table"


@attrs.frozen(eq=False)
class Table:
    """Named columns of cells: texts, numbers, booleans, dates or nothing.

    Attributes:
        columns: name -> cells, all of one length.
        source: what it is called in errors.
        first_row: number of its first row in the source, from 1.
    """

    columns: Mapping[str, Sequence[object]]
    source: str = "table"
    first_row: int = 1

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
                f"{self.source}: there is no column {name!r}.{nearest(name, self.names)} Columns: {_listed(self.names)}"
            )
        return self.columns[name]

    def take(self, rows: Sequence[int]) -> Table:
        """Some of the rows, by number from 0; they are numbered anew."""
        return Table({n: [cells[i] for i in rows] for n, cells in self.columns.items()}, self.source)

    def place(self, row: int, name: str) -> str:
        """Where a cell is, for errors: file, row (from 1, without the head) and column."""
        return f"{self.source} row {self.first_row + row}, column {name!r}"


def is_missing(cell: object) -> bool:
    """Whether a cell holds no value: None, NaN, an empty text, or a word such as NA."""
    if isinstance(cell, str):
        return cell.strip().lower() in _MISSING
    if isinstance(cell, float | np.floating):
        return math.isnan(cell)
    return cell is None or str(cell) in ("<NA>", "NaT")


def read_table(source: TableSource) -> Table:
    """All rows of a table.

    Args:
        source: path of a `.csv`, `.tsv` or `.parquet` file, a pandas or polars frame, or name -> cells.

    Raises:
        DataFileError: a file that is missing, unreadable or has a row of another length than its head.
        DataError: the columns do not have one length, or two have one name.
    """
    chunks = list(table_chunks(source, rows=1_000_000))
    if len(chunks) == 1:
        return chunks[0]
    columns = {name: list(chain.from_iterable(c.columns[name] for c in chunks)) for name in chunks[0].names}
    return Table(columns, chunks[0].source)


def table_chunks(source: TableSource, rows: int = 4096) -> Iterator[Table]:
    """Read a table in pieces of up to `rows` rows, at least one, so that none is held whole.

    Errors are those of `read_table`, when the piece is reached.
    """
    if isinstance(source, Table):
        yield from _pieces(source, rows)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        yield from _parquet(path, rows) if path.suffix.lower() == ".parquet" else _delimited(path, rows)
    elif isinstance(source, Mapping):
        yield from _pieces(_whole({str(n): _cells(c) for n, c in source.items()}, "table"), rows)
    elif isinstance(source, Frame):
        columns = {str(name): _cells(source[name]) for name in source.columns}
        yield from _pieces(_whole(columns, f"{type(source).__name__}"), rows)
    else:
        raise DataError(
            f"a table is a path, a data frame or name -> cells, got {type(source).__name__}: convert it to one of these"
        )


def _pieces(table: Table, rows: int) -> Iterator[Table]:
    if len(table) <= rows:
        yield table
        return
    for start in range(0, len(table), rows):
        part = {n: cells[start : start + rows] for n, cells in table.columns.items()}
        yield Table(part, table.source, table.first_row + start)


def _cells(column: object) -> Sequence[object]:
    """The cells as Python values, where the column knows how to give them."""
    for name in ("tolist", "to_list", "to_pylist"):
        method = getattr(column, name, None)
        if method is not None:
            values: Sequence[object] = method()
            return values
    if not isinstance(column, Iterable):
        raise DataError(f"a column is a sequence of cells, got {type(column).__name__}")
    return list(column)


def _whole(columns: dict[str, Sequence[object]], source: str) -> Table:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{source}: columns have different lengths: {lengths}. Give one cell for each row")
    if not columns:
        raise DataError(f"{source}: there are no columns")
    return Table(columns, source)


def _delimited(path: Path, rows: int) -> Iterator[Table]:
    """The pieces of a CSV or TSV file, gzip or not, read by the standard library's parser."""
    try:
        with _opened(path) as file:
            head = file.readline()
            file.seek(0)
            delimiter = _delimiter(head, path)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = _head(next(reader, []), path)
            number = 1
            while chunk := list(islice(reader, rows)):
                lines = [row for row in chunk if row]
                for k, row in enumerate(lines):
                    if len(row) != len(names):
                        found = f"row {number + k} has {len(row)} cells and the head {len(names)}"
                        raise DataFileError(path, found, "as many in every row", "Quote cells that hold the separator.")
                if lines:
                    columns = [_points(c) if delimiter == ";" else c for c in _columns(lines, len(names))]
                    yield Table(dict(zip(names, columns, strict=True)), path.name, number)
                number += len(lines)
            if number == 1:
                yield Table(dict.fromkeys(names, ()), path.name)
    except FileNotFoundError:
        raise DataFileError(path, "no such file", _EXPECTED) from None
    except UnicodeDecodeError as error:
        remedy = "Save it as UTF-8, or turn it into that: iconv -f cp1252 -t utf-8 OLD > NEW."
        raise DataFileError(path, f"byte {error.start} is no UTF-8", _EXPECTED, remedy) from None
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataFileError(path, f"cannot be read ({error})", _EXPECTED) from error


def _opened(path: Path) -> TextIO:
    """The text of a file, in UTF-8 or, where it says so at its beginning, UTF-16."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        import gzip

        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    with open(path, "rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    return open(path, newline="", encoding="utf-16" if wide else "utf-8-sig")


_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


def _points(cells: Sequence[str]) -> Sequence[str]:
    """Numbers with a decimal comma, as they stand between semicolons, with a point."""
    return [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]


def _columns(lines: Sequence[Sequence[str]], count: int) -> list[Sequence[str]]:
    return list(zip(*lines, strict=True)) if lines else [()] * count


def _delimiter(head: str, path: Path) -> str:
    """Find what separates the names: the mark that comes most often in the head."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max((",", "\t", ";", "|"), key=head.count)


def _head(names: Sequence[str], path: Path) -> tuple[str, ...]:
    stripped = tuple(name.strip() for name in names)
    if stripped and stripped[0] == "" and all(stripped[1:]):
        stripped = ("row", *stripped[1:])  # as pandas writes the index of a frame
    twice = sorted({name for name in stripped if stripped.count(name) > 1})
    numbers = [name for name in stripped if _NUMBER.fullmatch(name)]
    if len(numbers) > 1 and 2 * len(numbers) >= len(stripped) and (twice or any("." in name for name in numbers)):
        found = f"numbers where names of columns should be ({', '.join(stripped[:4])}, ...)"
        raise DataFileError(path, found, _EXPECTED, "Put a line with names in front.")
    if not stripped or not all(stripped) or twice:
        what = f"two columns called {twice[0]!r}" if twice and twice[0] else "a head with a column without a name"
        raise DataFileError(path, what if stripped else "no head", _EXPECTED)
    return stripped


_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def _parquet(path: Path, rows: int) -> Iterator[Table]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataFileError(path, "a Parquet file", "pyarrow to read it with", "pip install pyarrow") from None
    try:
        file = parquet.ParquetFile(path)
        number = 1
        for batch in file.iter_batches(batch_size=min(rows, 65_536)):
            part = {str(name): batch.column(k).to_pylist() for k, name in enumerate(batch.schema.names)}
            yield Table(part, path.name, number)
            number += len(next(iter(part.values()), ()))
    except (OSError, ValueError) as error:
        raise DataFileError(path, f"cannot be read ({error})", "a Parquet file") from error


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
