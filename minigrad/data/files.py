"""Reading files of a known size, gzip or not.

What they claim about themselves is not trusted.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Protocol

from minigrad.data.errors import DataFileError

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


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

            with gzip.GzipFile(fileobj=file) as stream:
                return _chunks(stream, limit)
    except FileNotFoundError:
        raise DataFileError(path, "no such file", what) from None
    except (EOFError, zlib.error, OSError) as error:
        if not isinstance(error, OSError) or error.errno is None:
            problem = f"truncated or corrupt gzip stream ({error})"
            raise DataFileError(path, problem, what, "Get the file again.") from error
        raise DataFileError(path, f"cannot be read ({error.strerror or error})", what) from error


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
