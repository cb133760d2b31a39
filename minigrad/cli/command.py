"""What a command of the program is.

One definition for built-in commands and those of the entry-point group `minigrad.commands`.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Command", "no_arguments"]


def no_arguments(parser: ArgumentParser) -> None:
    """Add nothing: the command has no arguments of its own."""


class Command(NamedTuple):  # no attrs class: `minigrad --help` would pay 15 ms for the import
    """A command: how it is described, which arguments it has, and what does its work.

    A plugin offers one as an entry point of the group `minigrad.commands`, named as users type it:
    `sweep = "minigrad_sweep.arguments:COMMAND"`. The module is imported for `minigrad --help` too, so it should load
    neither NumPy nor anything else that is slow.

    Attributes:
        help: what it does, in a few words, for the list of commands.
        work: `module:function`, imported when the command runs. The function takes the parsed arguments (an
            `argparse.Namespace`) and returns the exit code: 0 if all went well, 3 if a check that was asked for failed.
        description: what `minigrad COMMAND --help` says, with its line breaks; `help` with a full stop if it is empty.
        add_arguments: adds the arguments to its parser, which has `--json` already.
    """

    help: str
    work: str
    description: str = ""
    add_arguments: Callable[[ArgumentParser], None] = no_arguments
