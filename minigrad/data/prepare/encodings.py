"""The encoding of a text file, told by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from minigrad.data.errors import DataFileError

__all__ = ["encoding_of", "undecodable"]

_BOMS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def encoding_of(path: Path, start: bytes, expected: str) -> str:
    """UTF-8, or UTF-16 or UTF-32 where the first bytes say so.

    They do by a mark, or by zeros in every other place.

    Args:
        path: of the file, for errors.
        start: its first bytes.
        expected: what the file should be, for errors.

    Raises:
        DataFileError: a byte is zero in another way, as in no text.
    """
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    for offset, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        if len(start) >= 8 and not any(start[offset:64:2]) and all(start[1 - offset : 64 : 2]):
            return encoding
    if b"\0" in start:
        raise DataFileError(path, f"byte {start.index(0)} is zero, so that it is no text", expected)
    return "utf-8-sig"


def undecodable(path: Path, stream: IO[bytes], encoding: str, expected: str) -> DataFileError:
    """An error that names the first line that is not in the encoding.

    It says what that line seems to be in.

    Args:
        path: of the file.
        stream: its bytes from the beginning; the decoder itself only counts those of its last piece.
        encoding: that it was taken to be in.
        expected: what the file should be.
    """
    if encoding != "utf-8-sig":
        return DataFileError(path, f"no {encoding.upper()} throughout, as it begins", expected, "Save it as UTF-8.")
    number, line = next(((k, line) for k, line in enumerate(stream, 1) if not _decodes(line, "utf-8")), (1, b""))
    guess = "cp1252" if _decodes(line, "cp1252") else "latin-1"
    remedy = f"Save it as UTF-8 (Excel: 'CSV UTF-8'), or: iconv -f {guess} -t utf-8 OLD > NEW."
    return DataFileError(path, f"line {number} is no UTF-8 but {guess}, it seems", expected, remedy)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
