"""Tables as people have them: files, data frames, columns, rows by column."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from minigrad.data.errors import DataError, DataFileError
from minigrad.data.prepare.delimited import delimited_chunks
from minigrad.data.prepare.table import Table, no_file

__all__ = ["Frame", "TableSource", "is_table_path", "read_table", "table_chunks", "table_stem"]

_SUFFIXES = (".csv", ".tsv", ".tab", ".psv", ".parquet")
_PACKED = (".gz", ".bz2", ".xz")


@runtime_checkable
class Frame(Protocol):
    """A data frame of pandas or polars: columns with names."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, in order."""
        ...

    def __getitem__(self, name: str) -> Sequence[object]: ...

    def __len__(self) -> int: ...


TableSource: TypeAlias = (
    "str | os.PathLike[str] | Frame | Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]] | Table"
)


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
    return attrs.evolve(chunks[0], columns=columns)


def table_chunks(source: TableSource, rows: int = 4096) -> Iterator[Table]:
    """Read a table in pieces of up to `rows` rows, at least one, so that none is held whole.

    Errors are those of `read_table`, when the piece is reached.
    """
    if isinstance(source, Table):
        yield from _pieces(source, rows)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        yield from _parquet(path, rows) if path.suffix.lower() == ".parquet" else delimited_chunks(path, rows)
    else:
        yield from _pieces(_whole(_columns_of(source), "table" if _is_plain(source) else type(source).__name__), rows)


def _is_plain(source: object) -> bool:
    return isinstance(source, Mapping | Sequence)


def _columns_of(source: object) -> dict[str, Sequence[object]]:
    """Name -> cells of a data frame, a mapping of columns, or a sequence of rows by column.

    Raises:
        DataError: it is none of these, or two columns have one name.
    """
    if hasattr(source, "to_pydict"):  # pyarrow
        source = source.to_pydict()
    if isinstance(source, Mapping):
        return {str(n): _cells(c, str(n)) for n, c in source.items()}
    if isinstance(source, Sequence) and source and all(isinstance(row, Mapping) for row in source):
        keys = dict.fromkeys(name for row in source for name in row)
        return {str(name): [row.get(name) for row in source] for name in keys}
    if hasattr(source, "collect") and hasattr(source, "lazy"):
        raise DataError(f"a {type(source).__name__} is not computed yet: give its .collect()")
    if isinstance(source, Frame):
        names = [str(name) for name in source.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"{type(source).__name__}: two columns called {twice[0]!r:.40}. Give each a name of its own"
            )
        return {**_index_of(source, names), **{str(n): _cells(source[n], str(n)) for n in source.columns}}
    raise DataError(
        f"a table is a path, a data frame or name -> cells, got {type(source).__name__}: convert it to one of these, "
        "or give arrays to fit(model, (x, y))"
    )


def _index_of(frame: Frame, names: Sequence[str]) -> dict[str, Sequence[object]]:
    """Levels of the index of a pandas frame that have names.

    They are columns, as in the files that pandas writes.
    """
    index = getattr(frame, "index", None)
    levels = [level for level in getattr(index, "names", ()) if level is not None and str(level) not in names]
    return {str(level): index.get_level_values(level).tolist() for level in levels} if index is not None else {}


def _pieces(table: Table, rows: int) -> Iterator[Table]:
    if len(table) <= rows:
        yield table
        return
    for start in range(0, len(table), rows):
        part = {n: cells[start : start + rows] for n, cells in table.columns.items()}
        yield attrs.evolve(table, columns=part, first_row=table.first_row + start)


def _cells(column: object, name: str) -> Sequence[object]:
    """The cells as Python values, where the column knows how to give them."""
    for attribute in ("tolist", "to_list", "to_pylist"):
        method = getattr(column, attribute, None)
        if method is not None:
            values: Sequence[object] = method()
            return values
    if not isinstance(column, Iterable) or isinstance(column, str | bytes):
        raise DataError(f"column {name!r:.40} is a sequence of cells, got {type(column).__name__}")
    return list(column)


def _whole(columns: dict[str, Sequence[object]], source: str) -> Table:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{source}: columns have different lengths: {lengths!s:.120}. Give one cell for each row")
    if not columns:
        raise DataError(f"{source}: there are no columns")
    return Table(columns, source)


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
        if number == 1:
            yield Table({str(name): () for name in file.schema_arrow.names}, path.name)
    except FileNotFoundError:
        raise no_file(path, "a Parquet file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataFileError(path, f"cannot be read ({error!s:.120})", "a Parquet file") from error


def is_table_path(path: Path) -> bool:
    """Whether a file is a table by its name, such as `.csv` or `.csv.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _SUFFIXES


def table_stem(path: Path) -> str:
    """The name of a file without `.csv`, `.csv.gz` and the like."""
    unpacked = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return unpacked.stem
