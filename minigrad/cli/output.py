"""Standard output with --json: one document, whatever else is printed.

A user's script, a plugin or a warning may print besides.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TextIO

from minigrad.text import finite_or_none

__all__ = ["own_output", "with_streams", "wrapped", "write_json"]

_STDOUT: ContextVar[TextIO | None] = ContextVar("minigrad_cli_stdout", default=None)


@contextmanager
def own_output(as_json: bool) -> Iterator[None]:
    """Send what is printed inside the block to stderr, if `as_json`.

    stdout is then for `write_json` alone.
    """
    if not as_json:
        yield
        return
    token = _STDOUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _STDOUT.reset(token)


def write_json(document: object) -> None:
    """Print the one document of a command, as JSON.

    JSON has no NaN and no infinity: these become null.
    """
    stream = _STDOUT.get() or sys.stdout
    print(json.dumps(finite_or_none(document), indent=2, allow_nan=False, default=str), file=stream, flush=True)


def with_streams() -> None:
    """Let whatever is printed be printed.

    A process that was started without stdout or stderr (`>&-`) gets ones that lead nowhere; characters that a stream
    cannot encode, such as those of a file's name, are written as `\\xNN` or `\\uNNNN`.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def wrapped(text: str, stream: TextIO | None = None) -> str:
    """Lines that fit the screen, each going on below its last column; in a log as they are.

    Args:
        text: lines, of which the columns are two or more blanks apart, or a name fills the first 11 characters.
        stream: where they are printed; standard output if None.
    """
    out = sys.stdout if stream is None else stream
    if not out.isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = []
    for line in text.splitlines():
        indent = " " * _hanging(line, width)
        parts = textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
        lines += parts if len(line) > width and width > 24 else [line]
    return "\n".join(lines)


def _hanging(line: str, width: int) -> int:
    """Where a line goes on: below its last column that begins in the left half."""
    columns = [gap.end() for gap in re.finditer(r"(?<=\S) {2,}(?=\S)", line) if gap.end() <= width // 2]
    if columns:
        return columns[-1]
    return 11 if len(line) > 11 and line[10] == " " else len(line) - len(line.lstrip()) + 2
