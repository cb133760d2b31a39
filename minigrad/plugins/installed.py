"""The distributions on a path: a folder of metadata for each.

`importlib.metadata` says the same and takes 15 ms to import, so it is asked only where there is more than folders to
look into: archives, eggs, finders of their own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import PathFinder
from typing import Protocol

__all__ = ["Metadata", "installed"]


class Metadata(Protocol):
    """What is known of a distribution without importing it."""

    def read_text(self, filename: str) -> str | None:
        """The text of a file of metadata; None if there is none."""


class _Folder:
    """A folder of metadata."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read_text(self, filename: str) -> str | None:
        try:
            with open(os.path.join(self._path, filename), encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return None


def installed(path: Sequence[str]) -> Iterable[Metadata]:
    """All distributions on `path`, in its order.

    Copies of one that lie in one folder come together.
    """
    if all(map(_is_plain, path)) and not any(map(_has_own_distributions, sys.meta_path)):
        return _folders(path)
    from importlib.metadata import distributions

    return distributions(path=list(path))


def _folders(path: Sequence[str]) -> Iterator[Metadata]:
    for place in path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        copies: dict[str, list[_Folder]] = {}
        for name in names:
            stem, dot, kind = name.rpartition(".")
            if dot and kind.lower() in ("dist-info", "egg-info"):
                copies.setdefault(stem.partition("-")[0].lower(), []).append(_Folder(os.path.join(place, name)))
        for folders in copies.values():
            yield from folders


def _is_plain(place: str) -> bool:
    """Whether all that lies there are folders of metadata beside modules."""
    return not place.lower().endswith(".egg") and not os.path.isfile(place)


def _has_own_distributions(finder: object) -> bool:
    """Whether a finder of modules may know of distributions that lie nowhere on the path."""
    return finder is not PathFinder and hasattr(finder, "find_distributions")
