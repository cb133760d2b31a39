"""CSV and TSV files, in pieces, read by the standard library's parser."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, cast

from minigrad.data.errors import DataFileError
from minigrad.data.files import CountedReader, no_file_but
from minigrad.data.prepare.encodings import encoding_of, undecodable
from minigrad.data.prepare.table import Table, no_file

__all__ = ["delimited_chunks"]

_EXPECTED = "a text file with one row a line and a head of column names"
_MARKS = (",", "\t", ";", "|")
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(.)"?\s*')
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_LARGEST_CELL = 1 << 24
_KINDS = {
    b"PK\x03\x04": ("a zip archive, such as an Excel workbook", "Unpack it, or save the sheet as CSV."),
    b"PAR1": ("a Parquet file", "Call it .parquet."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV."),
    b"SQLite format 3": ("a database", "Save the table as CSV."),
    b"%PDF": ("a PDF", ""),
}


def delimited_chunks(path: Path, rows: int) -> Iterator[Table]:
    """The pieces of a text file with one row a line, at least one.

    It may be packed by gzip, bzip2 or xz. Separators are commas, tabs, semicolons or bars; empty lines, an Excel line
    such as `sep=;`, and nameless columns without cells at the end are passed over. With semicolons, numbers may have a
    decimal comma.

    Raises:
        DataFileError: it is missing, no such text, or a row has another length than the head; names the row.
    """
    if found := no_file_but(path):
        raise DataFileError(path, found, _EXPECTED)
    encoding = "utf-8"
    try:
        with _unpacked(path) as binary:
            encoding = _encoding(path, binary.read(4096))
        with _unpacked(path) as binary, TextIOWrapper(binary, encoding=encoding, newline="") as file:
            yield from _chunks(path, file, rows)
    except FileNotFoundError:
        raise no_file(path, _EXPECTED) from None
    except IsADirectoryError:
        raise DataFileError(path, "is a folder", _EXPECTED) from None
    except UnicodeDecodeError:
        with _unpacked(path) as binary:
            raise undecodable(path, binary, encoding, _EXPECTED) from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"cannot be read ({error})", _EXPECTED) from error


def _chunks(path: Path, file: Iterable[str], rows: int) -> Iterator[Table]:
    """The pieces of an open file."""
    lines = iter(file)
    first = next((line for line in lines if line.strip()), "")
    separator = _SEPARATOR_LINE.fullmatch(first)
    mark = separator[1] if separator else ""
    if separator:
        first = next((line for line in lines if line.strip()), "")
    mark = mark or _delimiter(first, path)
    reader = csv.reader(_again(first, lines), delimiter=mark, strict=True, skipinitialspace=True)
    records = _records(path, reader)
    names, count = _head(next(records, []), path)
    number = 1
    while chunk := [_fitted(row, len(names), count, path, number + k) for k, row in enumerate(islice(records, rows))]:
        yield Table(dict(zip(names, zip(*chunk, strict=True), strict=True)), path.name, number, mark == ";")
        number += len(chunk)
    if number == 1:
        yield Table(dict.fromkeys(names, ()), path.name)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _records(path: Path, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows of cells, without empty ones."""
    count = 0
    previous = csv.field_size_limit(_LARGEST_CELL)
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield row
                count += 1
    except csv.Error as error:
        text = str(error)
        problem = "a quote is opened and not closed" if "unexpected end" in text else text
        remedy = 'Write a quote within quotes twice: "".' if "expected after" in text else ""
        where = "the head" if count == 0 else f"row {count}"
        raise DataFileError(path, f"{where} cannot be read ({problem})", _EXPECTED, remedy) from None
    finally:
        csv.field_size_limit(previous)


def _fitted(row: list[str], names: int, count: int, path: Path, number: int) -> Sequence[str]:
    """The cells that have names; those besides must be empty.

    Args:
        row: of the file.
        names: columns with a name.
        count: columns of the head.
        path: of the file, for errors.
        number: of the row, from 1.
    """
    if len(row) == names:
        return row
    if len(row) < names or any(cell.strip() for cell in row[names:]):
        head = f"the head {names}" if count == names else f"the head {names} with a name"
        problem = f"row {number} has {len(row)} cells and {head}"
        raise DataFileError(path, problem, "as many in every row", "Quote cells that hold the separator.")
    return row[:names]


def _head(names: Sequence[str], path: Path) -> tuple[tuple[str, ...], int]:
    """Names of the columns, and how many columns there are.

    Those at the end may have no name; then they must be empty.
    """
    stripped = tuple(" ".join(name.split()) for name in names)
    count = len(stripped)
    while len(stripped) > 1 and not stripped[-1]:
        stripped = stripped[:-1]
    if stripped and stripped[0] == "" and all(stripped[1:]):
        stripped = ("row", *stripped[1:])  # as pandas writes the index of a frame
    twice = sorted({name for name in stripped if stripped.count(name) > 1})
    numbers = [name for name in stripped if _NUMBER.fullmatch(name)]
    if len(numbers) > 1 and 2 * len(numbers) >= len(stripped) and (twice or any("." in name for name in numbers)):
        found = f"numbers where names of columns should be ({', '.join(stripped[:4]):.60}, ...)"
        raise DataFileError(path, found, _EXPECTED, "Put a line with names in front.")
    if stripped and stripped[0].startswith(("<!", "<html", "<?xml")):
        raise DataFileError(path, "a page in HTML or XML", _EXPECTED)
    if not stripped:
        raise DataFileError(path, "no head", _EXPECTED)
    if not all(stripped) or twice:
        what = f"two columns called {twice[0]!r:.40}" if twice and twice[0] else "a head with a column without a name"
        raise DataFileError(path, what, _EXPECTED)
    return stripped, count


def _delimiter(head: str, path: Path) -> str:
    """What separates the names: the mark that comes most often in the head, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", head)
    usual = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz", ".tab")) else ","
    return max((usual, *_MARKS), key=bare.count)


# -- bytes -------------------------------------------------------------------------------------------------------------
def _unpacked(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its first ones say that it is packed."""
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic[:2] == b"\x1f\x8b":
        import gzip  # a module that few files need

        return _counted(path, cast(IO[bytes], gzip.open(path, "rb")))
    if magic[:3] == b"BZh":
        import bz2

        return _counted(path, cast(IO[bytes], bz2.open(path, "rb")))
    if magic == b"\xfd7zXZ\0":
        import lzma

        return _counted(path, cast(IO[bytes], lzma.open(path, "rb")))
    return open(path, "rb")


def _counted(path: Path, stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], BufferedReader(CountedReader(path, stream)))


def _encoding(path: Path, start: bytes) -> str:
    """The encoding of a text by its first bytes, which may be those of another kind of file."""
    for magic, (what, remedy) in _KINDS.items():
        if start.startswith(magic):
            raise DataFileError(path, f"is {what}", _EXPECTED, remedy)
    return encoding_of(path, start, _EXPECTED)
