"""What can go wrong with a checkpoint: one type, so that one `except` is enough."""

from __future__ import annotations

from pathlib import Path

from minigrad.core.errors import MinigradError
from minigrad.text import clip_text

__all__ = ["CheckpointError"]

_MOST = 299
_MOST_PATH = 110


class CheckpointError(MinigradError):
    """A checkpoint cannot be written, is damaged, or belongs to something else.

    Names the file, the reason, the remedy.

    Whatever it was to be loaded into is as it was before; a file that was to be replaced is too.
    """

    @classmethod
    def of(cls, path: Path, what: str, remedy: str = "") -> CheckpointError:
        """The error about a file, in less than 300 characters whatever the file holds."""
        where, end = str(path), f". {remedy}" if remedy else ""
        what = clip_text(what, _MOST - len(end) - 2 - min(len(where), _MOST_PATH))
        room = _MOST - len(end) - 2 - len(what)
        shown = where if len(where) <= room else f"...{where[len(where) - room + 3 :]}"
        return cls(f"{shown}: {what}{end}")
