"""`minigrad man`: a manual page from the parsers of the commands."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

import minigrad
from minigrad.cli.help_format import blocks_of, fold_examples
from minigrad.cli.manual.all_parsers import all_parsers, whole_parser
from minigrad.cli.manual.pager import show_text
from minigrad.cli.output import write_json

__all__ = ["man", "manual_page"]

_WIDTH = 70
"""Characters of an example beside the margin, for terminals of 80."""
_EXITS = (
    ("0", "All went well."),
    ("1", "An error, which one line on standard error tells."),
    ("2", "A command line that makes no sense."),
    ("3", "A check that was asked for has failed."),
    ("130", "Ctrl-C."),
)
_VARIABLES = (
    ("NO_COLOR", "No colours."),
    ("COLUMNS", "Characters of a line."),
    ("PAGER", "The program that shows long text a screen at a time."),
    ("MINIGRAD_PLUGINS", "Which distributions may offer optimizers, ops, rules and commands."),
    ("MINIGRAD_ENGINE", "Who runs programs: numpy, cc."),
    ("MINIGRAD_TRACEBACK", "Errors are raised as they are."),
)


def man(arguments: Namespace) -> int:
    """Show the page, or print its source where stdout is no terminal."""
    page = manual_page()
    if arguments.json:
        write_json({"command": "man", "troff": page})
    elif sys.stdout.isatty() and shutil.which("man"):
        subprocess.run(["man", "-l", "-"], input=page, text=True, check=False)
    elif sys.stdout.isatty():
        show_text("\n\n".join(parser.format_help() for parser in all_parsers().values()))
    else:
        print(page, end="")
    return 0


def manual_page() -> str:
    """The page in troff. SOURCE_DATE_EPOCH sets its date, as for other builds."""
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    day = (datetime.fromtimestamp(int(moment), UTC) if moment else datetime.now(UTC)).date()
    whole = whole_parser()
    lines = [
        f'.TH MINIGRAD 1 "{day}" "minigrad {minigrad.__version__}" "User Commands"',
        ".SH NAME",
        "minigrad \\- a small autograd framework in which no unverified gradient runs",
        ".SH SYNOPSIS",
        ".B minigrad",
        "COMMAND ...",
        ".SH COMMANDS",
    ]
    for name, parser in all_parsers().items():
        lines += _command(name, parser)
    lines += [".SH OPTIONS", *(line for a in whole._actions for line in _option(a))]
    lines += [".SH EXIT STATUS", *_listed(_EXITS), ".SH ENVIRONMENT", *_listed(_VARIABLES)]
    return "\n".join(lines) + "\n"


def _command(name: str, parser: ArgumentParser) -> list[str]:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    text = [line for kind, lines in blocks_of((parser.description or "").strip()) for line in _block(kind, lines)]
    shown = [part for action in parser._actions for part in _option(action)]
    return [f'.SS "{_plain(name)}"', f".B {_plain(usage)}", *text, *shown]


def _block(kind: str, lines: list[str]) -> list[str]:
    """A paragraph, which troff fills, or examples, which stay as they are."""
    if kind == "paragraph":
        return [".PP", *map(_plain, lines)]
    return [".PP", ".nf", *map(_plain, fold_examples(lines, _WIDTH)), ".fi"] if kind == "example" else []


def _option(action: argparse.Action) -> list[str]:
    """An argument with what it is, nothing for commands of a command and what is hidden."""
    if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
        return []
    value = action.metavar if isinstance(action.metavar, str) else (action.dest.upper() if action.nargs != 0 else "")
    names = [f"{name} {value}".rstrip() for name in action.option_strings] or [value]
    return [".TP", f".B {_plain(', '.join(names))}", _plain((action.help or "").replace("%%", "%"))]


def _listed(entries: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for name, text in entries for line in (".TP", f".B {name}", text)]


def _plain(text: str) -> str:
    """Text that troff takes as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
