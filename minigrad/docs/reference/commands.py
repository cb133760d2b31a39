"""A section for every command: what its `--help` says."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping

from minigrad.docs.markdown import anchor, escape, fence
from minigrad.docs.reference.page import Page

__all__ = ["command_page"]

_EXITS = (
    "Exit codes of all commands: 0 done, 1 an error, which one line on stderr tells, 2 misuse, 3 a check that was "
    "asked for failed, 130 Ctrl-C. With `--json`, stdout holds one JSON document and nothing else, also after an "
    'error: `{"error": {"type": ..., "message": ...}}`. `NO_COLOR` turns colours off, `COLUMNS` sets the width.'
)


def command_page(parsers: Mapping[str, ArgumentParser]) -> Page:
    """All commands.

    Args:
        parsers: name of each command -> its parser.
    """
    sections = [
        f"({anchor('command', name)})=\n## minigrad {escape(name)}\n\n{fence(parser.format_help())}"
        for name, parser in parsers.items()
    ]
    return Page("reference/commands", f"# Commands\n\n{_EXITS}\n\n" + "\n".join(sections))
