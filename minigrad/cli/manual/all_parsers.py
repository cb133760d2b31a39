"""The parser of every command, those of other distributions too. Imports no NumPy."""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser

from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.installed_commands import CommandUnavailable, command_names, load_command
from minigrad.cli.parser import Parser, add_command, build_parser

__all__ = ["all_parsers", "whole_parser"]


def whole_parser() -> Parser:
    """The parser of the command line with all commands, each complete.

    What cannot be loaded is named on stderr.
    """
    parser = build_parser(["train"])
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name in command_names():
        try:
            command = load_command(name)
        except CommandUnavailable as problem:
            print(f"left out: {problem}", file=sys.stderr)
            continue
        if command is not None and name not in BUILTIN:
            add_command(commands, name, command)
    return parser


def all_parsers() -> dict[str, ArgumentParser]:
    """Name -> parser of every command, in the order of `minigrad --help`.

    A command's own commands come after it.
    """
    parsers: dict[str, ArgumentParser] = {}
    _collect(whole_parser(), "", parsers)
    return parsers


def _collect(parser: ArgumentParser, prefix: str, parsers: dict[str, ArgumentParser]) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                parsers[f"{prefix}{name}"] = inner
                _collect(inner, f"{prefix}{name} ", parsers)
