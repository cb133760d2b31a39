"""Errors of the data room.

Each says what was wrong, in which file, field or row, and what was expected there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from minigrad.core.errors import MinigradError, nearest
from minigrad.text import clip_middle, clip_text, list_names

MOST = 299
"""Characters of a message, whatever a file holds or is called."""


class DataError(MinigradError, ValueError):
    """Base of all errors about data.

    A damaged file, a bad argument, an unknown name, a bad value in a row.
    """

    def __init__(self, message: str) -> None:
        super().__init__(clip_middle(message, MOST))


class DataFileError(DataError):
    """A file is missing, unreadable, truncated, corrupt or of another kind than expected.

    `path` is the file or folder, `found` what is there, `expected` what should have been.
    """

    def __init__(self, path: Path, found: str, expected: str, remedy: str = "") -> None:
        self.path, self.found, self.expected = path, found, expected
        whole = _sentences(str(path), found, expected, remedy)
        if len(whole) > MOST:
            end = str(path)[-70:]
            where = str(path) if len(str(path)) <= 73 else f"...{end}"
            whole = _sentences(where, clip_middle(found, 85), clip_middle(expected, 75), clip_text(remedy, 45))
        super().__init__(whole)


def _sentences(path: str, found: str, expected: str, remedy: str) -> str:
    return f"{path}: {found}. Expected {expected}." + (f" {remedy}" if remedy else "")


class UnknownDataError(DataError):
    """No data set of this name; the message names the nearest one and lists all.

    `name` and `options` are kept.
    """

    def __init__(self, name: str, options: Iterable[str]) -> None:
        self.name, self.options = name, tuple(options)
        super().__init__(
            f"unknown data set {name!r:.40}.{nearest(name, self.options)} Available: {list_names(self.options, 90)}; "
            "or give the path of a folder with IDX (MNIST family) or CIFAR-10 binary files, or of an .npz file."
        )


class DataValueError(DataError):
    """A value in the data is unusable.

    `where` is the array ("x_train"), `row` the first offending row, from 0.
    """

    def __init__(self, where: str, row: int, problem: str, remedy: str) -> None:
        self.where, self.row = where, row
        super().__init__(f"{clip_middle(where, 60)} row {row}: {clip_middle(problem, 110)}. {clip_middle(remedy, 100)}")
