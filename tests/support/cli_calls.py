"""The command line, called in this process."""

from __future__ import annotations

from minigrad.cli import main


def code_of(*arguments: str) -> int:
    """The exit code, whether it is returned or raised."""
    try:
        return main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
