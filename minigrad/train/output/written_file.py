"""Files that a command leaves behind: whole, or as they were.

The error names the file, the reason and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minigrad.checkpoint.files import Bytes, replace
from minigrad.train.errors import name_unwritable

__all__ = ["write_file"]


def write_file(path: Path, content: str | Iterable[Bytes]) -> None:
    """Replace a file in one go.

    Args:
        path: of the file; its folder exists.
        content: a text, or bytes in parts.

    Raises:
        TrainError: it cannot be written; what was there is unchanged.
    """
    parts = [content.encode()] if isinstance(content, str) else content
    with name_unwritable(path):
        replace(path, parts, durable=False)
