"""`minigrad completion SHELL`: a script for the shell, by shtab."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from importlib import import_module
from importlib.util import find_spec

from minigrad.cli.manual.all_parsers import whole_parser
from minigrad.cli.output import write_json
from minigrad.core.errors import MinigradError
from minigrad.examples import examples
from minigrad.optim import available

__all__ = ["CompletionUnavailable", "completion"]

_FILES = {"SCRIPT", "FILE", "RUN", "FOLDER", "PATH", "CSV"}
"""What a value is called that is a file or a folder."""


class CompletionUnavailable(MinigradError):
    """The extra that writes completion scripts is not installed."""


def completion(arguments: Namespace) -> int:
    """Print the completion script of a shell."""
    if find_spec("shtab") is None:
        raise CompletionUnavailable(
            "completion scripts are written by shtab, which this Python lacks. In a checkout of minigrad: "
            "pip install '.[shell]'"
        )
    shtab = import_module("shtab")
    parser = whole_parser()
    _add_values(parser, shtab.FILE)
    script = str(shtab.complete(parser, shell=arguments.shell))
    if arguments.shell == "zsh":  # shtab's registers itself when it is evaluated, but not when it is sourced
        script = script.replace("$zsh_eval_context[-1] == eval ", "$zsh_eval_context[-1] == (eval|file) ")
    if arguments.json:
        write_json({"command": "completion", "shell": arguments.shell, "script": script})
    else:
        print(script)
    return 0


def _add_values(parser: ArgumentParser, files: object) -> None:
    """Say which options take a file, an optimizer or an example, in all commands."""
    values = {"--optimizer": sorted(available()), "--example": [e.name for e in examples()]}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _add_values(inner, files)
        elif {"--optimizer", "--example"} & set(action.option_strings) and action.choices is None:
            option = next(iter({"--optimizer", "--example"} & set(action.option_strings)))
            action.choices = values[option]
        elif isinstance(action.metavar, str) and action.metavar in _FILES and action.choices is None:
            action.complete = files  # type: ignore[attr-defined]  # where shtab looks for it
