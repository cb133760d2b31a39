"""Help that keeps to the width of the terminal. Imports no NumPy."""

from __future__ import annotations

import re
import textwrap
from argparse import Action, HelpFormatter
from collections.abc import Iterator
from itertools import groupby

__all__ = ["WrappedHelp", "blocks_of", "fold_examples"]

_MOST_CHOICES = 24
"""Characters of choices that may stand in the place of a value.

Longer ones are named in the help of the option.
"""
_CONTINUED = " " * 6


class WrappedHelp(HelpFormatter):
    """Wraps paragraphs of a description, and examples where they are too wide.

    Indented lines of a description are examples: a command and, three spaces or more apart, what it does.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks: list[str] = []
        for kind, lines in blocks_of(text):
            if kind == "example":
                blocks += fold_examples(lines, width)
            elif kind == "paragraph":
                blocks += textwrap.wrap(" ".join(lines), width)
            else:
                blocks.append("")
        return "\n".join(f"{indent}{line}".rstrip() for line in blocks)

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        return action.dest.upper()

    def _metavar_formatter(self, action: Action, default_metavar: str):  # type: ignore[no-untyped-def]
        if _choices_in_help(action):
            return lambda size: (default_metavar,) * size
        return super()._metavar_formatter(action, default_metavar)

    def _expand_help(self, action: Action) -> str:
        text = super()._expand_help(action)
        return f"{text}; one of {', '.join(map(str, action.choices or ()))}" if _choices_in_help(action) else text


def _choices_in_help(action: Action) -> bool:
    """Whether an option's choices are too many to stand in the place of its value."""
    if action.choices is None or action.metavar is not None or not action.option_strings:
        return False
    return len(",".join(map(str, action.choices))) > _MOST_CHOICES


def blocks_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Kind ("paragraph", "example" or "gap") and lines of each block of a description."""
    return ((kind, list(group)) for kind, group in groupby(text.splitlines(), _kind_of))


def _kind_of(line: str) -> str:
    if not line.strip():
        return "gap"
    return "example" if line.startswith(" ") else "paragraph"


def fold_examples(lines: list[str], width: int) -> list[str]:
    """Examples as they are, or each under its command where one is too wide.

    A command that is continued ends in a backslash, so that it can be pasted into a shell.
    """
    if all(len(line) <= width for line in lines):
        return lines
    wrapped: list[str] = []
    for line in lines:
        command, _, note = re.sub(r"(?<=\S) {3,}(?=\S)", "\0", line.strip(), count=1).partition("\0")
        paired = re.sub(r"(--[\w-]+) (?!-)", "\\1\0", command)  # an option stays on one line with its value
        parts = textwrap.wrap(paired, width - 4, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        parts = [part.replace("\0", " ") for part in parts]
        wrapped += [f"  {part} \\" for part in parts[:-1]] + [f"  {parts[-1]}"]
        wrapped += textwrap.wrap(note, width, initial_indent=_CONTINUED, subsequent_indent=_CONTINUED)
    return wrapped
