"""The parser of the command line: built-in commands and those of other distributions.

Imports no NumPy.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

import minigrad
from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.command import Command
from minigrad.cli.help_format import WrappedHelp
from minigrad.text import clip_middle, clip_text, list_names

__all__ = ["Parser", "UsageError", "add_command", "build_parser"]

_Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"

_MOST = 230
"""Characters of what is wrong with a command line."""


class UsageError(Exception):
    """The command line is not understood; `text` says why, and where to look."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest valid option or command when one is misspelt."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with a line about what is wrong."""
        told = clip_middle(_explained(message, self), _MOST)
        raise UsageError(f"{self.prog}: error: {told}\n  {self.prog} --help shows what there is")


def build_parser(words: Sequence[str]) -> Parser:
    """The parser for a command line.

    Other distributions are asked for commands only where the answer is needed: to list all of them for `--help`, and
    for a command that is not built in. Looking for them takes 15 ms.

    Args:
        words: the command line, without the program's name.

    Returns:
        A parser for the built-in commands and, if it was asked for, those of other distributions.

    Raises:
        UsageError: the command is none, not installed, kept out by MINIGRAD_PLUGINS, or cannot be imported.
    """
    parser = Parser(
        prog="minigrad",
        allow_abbrev=False,
        description="minigrad: a small autograd framework in which no unverified gradient runs.",
        epilog="'minigrad COMMAND --help' says more about a command.",
        formatter_class=WrappedHelp,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, command in BUILTIN.items():
        add_command(commands, name, command)
    asked = next((word for word in words if not word.startswith("-")), "")
    if asked and asked not in BUILTIN:
        _add_installed(parser, commands, asked)
    elif not asked and {"-h", "--help"} & set(words):
        _list_installed(parser, commands)
    return parser


def add_command(commands: _Subparsers, name: str, command: Command) -> None:
    """Add the parser of a command, complete, to those of a parser."""
    description = command.description or f"{command.help[0].upper()}{command.help[1:]}."
    parser = commands.add_parser(
        name,
        help=command.help.replace("%", "%%"),
        description=description.replace("%", "%%"),
        allow_abbrev=False,
        formatter_class=WrappedHelp,
    )
    parser.set_defaults(parser=parser, work=command.work)
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, on stdout")
    command.add_arguments(parser)


def _add_installed(parser: Parser, commands: _Subparsers, name: str) -> None:
    """Add a command that is not built in.

    Where there is none, add the names of all there are, for the message about this one.
    """
    from minigrad.cli import installed_commands as installed  # built-in commands need not pay for it

    try:
        command = installed.load_command(name)
        if command is not None:
            add_command(commands, name, command)
            return
    except installed.CommandUnavailable as problem:
        parser.error(str(problem))
    except Exception as error:
        parser.error(f"the arguments of the command {name!r} cannot be made: {type(error).__name__}: {error}")
    if name in installed.not_installed():
        parser.error(installed.how_to_get(name))
    for other in installed.command_names():
        commands.add_parser(other)


def _list_installed(parser: Parser, commands: _Subparsers) -> None:
    """Add all commands of other distributions, by name and help only.

    Says which of minigrad's own are missing.
    """
    from minigrad.cli import installed_commands as installed  # 20 ms, which only the list of all commands should pay

    for name in installed.command_names():
        try:
            command = installed.load_command(name)
            text = "" if command is None else command.help
        except installed.CommandUnavailable as problem:
            text = f"({problem})"
        if name not in BUILTIN:
            commands.add_parser(name, help=text.replace("%", "%%"))
    missing = [f"{name} ({owner})" for name, owner in installed.not_installed().items()]
    if missing:
        parser.epilog = f"{parser.epilog}\n\nDistributions of their own, not installed: {', '.join(missing)}"


def _explained(message: str, parser: Parser) -> str:
    """argparse's message, with the nearest valid word."""
    unknown = re.match(r"unrecognized arguments: (\S+)", message)
    if unknown:
        word = unknown[1].split("=")[0]
        options = _options(parser)
        what = "option" if word.startswith("-") else "argument"
        shown, meant = clip_text(word, 60), _nearest(word, options)
        if what == "argument" and "--data" in options and "." in word:
            meant = f" Did you mean --data {shown}?"
        return f"there is no {what} {shown}.{meant} Options: {list_names(sorted(options))}"
    choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if choice:
        options = [o.strip("' ") for o in choice[2].split(",")]
        named = re.match(r"argument (\S+): ", message)
        where = "" if named is None or named[1] == "COMMAND" else f"{named[1]}: "
        word = clip_text(choice[1], 60)
        return f"{where}there is no {word!r}.{_nearest(choice[1], options)} Choose from {list_names(options, 150)}"
    return message


def _options(parser: Parser) -> list[str]:
    return [o for action in parser._actions for o in action.option_strings if o.startswith("--")]


def _nearest(word: str, options: Iterable[str]) -> str:
    # minigrad.core.errors has the same, but importing it loads NumPy.
    nearest_words = get_close_matches(word.lower(), list(options), n=1, cutoff=0.5)
    return f" Did you mean {nearest_words[0]}?" if nearest_words else ""
