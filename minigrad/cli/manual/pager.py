"""Long text on a terminal, a screen at a time. Imports no NumPy."""

from __future__ import annotations

import pydoc
import shutil
import sys

from minigrad.cli.output import wrapped

__all__ = ["show_text"]


def show_text(text: str) -> None:
    """Print text, through the pager (PAGER, or what there is) if the terminal is too short.

    Where stdout or stdin is no terminal, it is printed as it is.
    """
    text = wrapped(text)
    fits = len(text.splitlines()) < shutil.get_terminal_size().lines
    if fits or not sys.stdout.isatty() or not sys.stdin.isatty():
        print(text)
    else:
        pydoc.pager(f"{text}\n")
