"""One line on a terminal that says how far a long piece of work has come.

`rich` draws it where it is installed.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Live", "PlainLine", "RichLine", "has_colour", "is_terminal", "live_line"]


def is_terminal(stream: TextIO) -> bool:
    """Whether lines on `stream` can be overwritten."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colour(stream: TextIO) -> bool:
    """Whether `stream` may be coloured: a terminal, and NO_COLOR is not set (no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


class Live(Protocol):
    """A line that can be shown, changed and wiped."""

    def show(self, share: float, text: str) -> None:
        """`share` of the work, in [0, 1], is done."""
        ...

    def clear(self) -> None:
        """Wipe the line, so that others can be printed; `show` brings it back."""
        ...


class PlainLine:
    """A bar of ASCII characters."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._shown = stream, False

    def show(self, share: float, text: str) -> None:
        """Overwrite the line."""
        width = shutil.get_terminal_size().columns
        size = max(5, min(30, width - len(text) - 4))
        bar = "#" * round(size * share)
        self._stream.write(f"\r\x1b[K{f'[{bar:.<{size}}] {text}'[: width - 1]}")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Wipe it, if it is there."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


class RichLine:
    """The bar of `rich`, with the time that is left.

    No thread of its own: it is drawn when it is told to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began = stream, time.perf_counter()
        self._bar: Progress | None = None

    def show(self, share: float, text: str) -> None:
        """Draw it anew."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        if self._bar is None:
            columns = BarColumn(bar_width=30), TextColumn("{task.description}", markup=False)
            console = Console(file=self._stream, highlight=False)
            self._bar = Progress(*columns, console=console, transient=True, auto_refresh=False)
            self._bar.add_task("", total=1.0)
            self._bar.start()
        seconds = time.perf_counter() - self._began
        left = f"  {_minutes(seconds * (1.0 - share) / share)} left" if share > 0.02 else ""
        self._bar.update(self._bar.task_ids[0], completed=share, description=text + left, refresh=True)

    def clear(self) -> None:
        """Wipe it, if it is there."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def live_line(stream: TextIO) -> Live | None:
    """The best line that `stream` can show; None if it is no terminal."""
    if not is_terminal(stream):
        return None
    try:
        import rich.progress  # noqa: F401
    except ImportError:
        return PlainLine(stream)
    return RichLine(stream)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
