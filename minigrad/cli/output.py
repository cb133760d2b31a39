"""Standard output with --json: one document, whatever else is printed.

A user's script, a plugin or a warning may print besides.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TextIO

from minigrad.text import finite_or_none

__all__ = ["own_output", "with_streams", "write_json"]

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
    """Give a process that was started without stdout or stderr (`>&-`) ones that lead nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
