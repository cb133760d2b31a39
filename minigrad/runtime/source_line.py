"""Which line of the user's an op was called from."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import FrameType

__all__ = ["user_frame_location", "with_source_text"]

_PACKAGE = str(Path(__file__).parents[1])


def user_frame_location() -> str:
    """File and line of the innermost frame outside minigrad and NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) and "/numpy/" not in name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown line"


def with_source_text(line: str) -> str:
    """`file:line` with the text of the line."""
    name, _, number = line.rpartition(":")
    text = linecache.getline(name, int(number)).strip() if number.isdigit() else ""
    return f"{line}: {text}" if text else line
