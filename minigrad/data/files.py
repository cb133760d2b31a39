"""Reading files of a known size, gzip or not.

What they claim about themselves is not trusted.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from pathlib import Path
from typing import IO, Protocol, cast

from minigrad.data.errors import DataFileError
from minigrad.text import nearest_file

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
_SMALL, _MOST_TIMES = 64 << 20, 200
"""Bytes that any file may unpack to, and how many times its own size a larger one may."""


class Reader(Protocol):
    """The part of an open file that is used here."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def read_at_most(path: Path, limit: int, what: str) -> bytes:
    """Read the first `limit` bytes of `path`'s content, unpacked when it is gzip.

    gzip is told by its content, not its name.

    Memory grows with what is really there, never with `limit`.

    Raises:
        DataFileError: the file is missing, unreadable, or a damaged gzip stream; says that `what` was expected.
    """
    try:
        with open(path, "rb") as file:
            if file.read(2) != GZIP_MAGIC:
                file.seek(0)
                return _chunks(file, limit)
            file.seek(0)
            import gzip  # costs a millisecond of every import of minigrad, for files few have

            with CountedReader(path, cast("IO[bytes]", gzip.GzipFile(fileobj=file))) as stream:
                return _chunks(io.BufferedReader(stream, CHUNK), limit)
    except FileNotFoundError:
        raise DataFileError(path, "no such file", what, nearest_file(path).lstrip()) from None
    except (EOFError, zlib.error, OSError) as error:
        if not isinstance(error, OSError) or error.errno is None:
            problem = f"truncated or corrupt gzip stream ({error})"
            raise DataFileError(path, problem, what, "Get the file again.") from error
        raise DataFileError(path, f"cannot be read ({error.strerror or error})", what) from error


def no_file_but(path: Path, *, pipes: bool = False) -> str:
    """What is there in the place of a file, in words; empty where a file may be.

    A device such as /dev/zero is read for ever, and a pipe once.

    Args:
        path: that is to be read.
        pipes: whether one will do.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # whoever opens it says why
        return ""
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return "is a device, not a file"
    is_pipe = (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and not pipes
    return "is a pipe, which can be read only once: save it as a file first" if is_pipe else ""


def refuse_bomb(path: Path, unpacked: int, packed: int) -> None:
    """Refuse a file that unpacks to far more than its own size, before memory is asked for.

    Data of people pack 2 to 50 times; what is left to a file of zeros is `_SMALL` bytes.

    Args:
        path: of the file.
        unpacked: bytes of its content, as it claims or as they have come so far.
        packed: bytes of the file.

    Raises:
        DataFileError: it is larger than `_SMALL` and packed more than `_MOST_TIMES` times.
    """
    if unpacked > max(_SMALL, _MOST_TIMES * packed):
        found = f"{packed:,} bytes that unpack to {unpacked:,} or more"
        remedy = "If it is right, unpack it yourself."
        raise DataFileError(path, found, f"at most {_MOST_TIMES} times as many bytes as are packed", remedy)


class CountedReader(io.RawIOBase):
    """A stream that unpacks a file, and raises DataFileError where it unpacks too much."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._packed, self._unpacked = os.path.getsize(path), 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # of the stubs only
        """Read some bytes, and count them."""
        view = memoryview(buffer).cast("B")
        try:
            part = self._stream.read(len(view))
        except (OSError, EOFError, zlib.error):
            raise
        except Exception as error:  # lzma has an error of its own
            raise OSError(f"{type(error).__name__}: {error}") from error
        view[: len(part)] = part
        self._unpacked += len(part)
        refuse_bomb(self._path, self._unpacked, self._packed)
        return len(part)

    def close(self) -> None:
        """Close the stream too."""
        self._stream.close()
        super().close()


def _chunks(stream: Reader, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := stream.read(min(limit, CHUNK))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def listing(folder: Path, what: str) -> list[str]:
    """List the sorted names in `folder`.

    Raises:
        DataFileError: it is no readable folder; says that `what` was expected.
    """
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        raise DataFileError(folder, "no such folder", what) from None
    except NotADirectoryError:
        raise DataFileError(folder, "is a file, not a folder", what) from None
    except OSError as error:
        raise DataFileError(folder, f"cannot be read ({error.strerror or error})", what) from error


def shown(names: list[str], most: int = 8) -> str:
    """ "a, b, ..." for messages."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "nothing"
