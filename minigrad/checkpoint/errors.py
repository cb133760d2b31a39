"""What can go wrong with a checkpoint: one type, so that one `except` is enough."""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = ["CheckpointError"]


class CheckpointError(MinigradError):
    """A checkpoint cannot be written, is damaged, or belongs to something else.

    Names the file, the reason, the remedy.

    Whatever it was to be loaded into is as it was before; a file that was to be replaced is too.
    """
