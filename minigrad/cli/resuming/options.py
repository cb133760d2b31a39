"""The options of a saved run, looked at like those of a command line.

A file may say anything.
"""

from __future__ import annotations

import argparse
import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from minigrad import checkpoint
from minigrad.checkpoint import Checkpoint, CheckpointError, Json
from minigrad.cli.arguments_training import TRAIN
from minigrad.text import clip_text
from minigrad.train import TrainError

__all__ = ["CHANGEABLE", "CHECKPOINT", "as_command", "options_of", "restore_options", "saved_run", "train_options"]

CHECKPOINT = "checkpoint.safetensors"
CHANGEABLE = ("resume", "epochs", "patience", "save_every")
_NOT_OF_THE_RUN = frozenset(
    (
        "parser",
        "work",
        "given",
        "resume",
        "json",
        "communicator",
        "strict",
        "without",
        "set",
        "no_diagnosis",
        "trust",
        "log",
    )
)


def as_command(arguments: Namespace) -> dict[str, Json]:
    """All options as JSON values, without those that do not decide the run."""
    command = {k: v for k, v in vars(arguments).items() if k not in _NOT_OF_THE_RUN}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in command.items()}


def saved_run(arguments: Namespace, kind: str) -> Checkpoint | None:
    """The checkpoint to go on from, None without --resume.

    Raises:
        CheckpointError: the checkpoint is of another command.
    """
    if arguments.resume is None:
        return None
    path = Path(arguments.resume)
    saved = checkpoint.load(path if path.name == CHECKPOINT and os.path.isfile(path) else path / CHECKPOINT)
    command = saved.about.get("command")
    if not isinstance(command, dict):
        raise CheckpointError.of(saved.path, f"is not of a run of 'minigrad {kind}'")
    own = command.get("command", kind)
    if own != kind:
        other = clip_text(own, 20)
        raise CheckpointError.of(
            saved.path, f"go on with 'minigrad {other} --resume {clip_text(arguments.resume, 80)}'"
        )
    return saved


def restore_options(arguments: Namespace, saved: Checkpoint) -> Namespace:
    """Return the options of a saved run.

    Those that may change are as they are given now.

    Raises:
        TrainError: an option is given that may not change.
        CheckpointError: a saved option could not have been given.
    """
    typed = {"hyperparameters": "set"}
    fixed = [f"--{typed.get(name, name).replace('_', '-')}" for name in arguments.given if name not in CHANGEABLE]
    if fixed:
        raise TrainError(f"--resume goes on as the run began: leave out {', '.join(fixed)}, or start a new run")
    command = saved.about["command"]
    assert isinstance(command, dict)
    try:
        values = options_of(arguments.parser, command)
    except ValueError as error:
        raise CheckpointError.of(saved.path, f"the saved command makes no sense: {error}") from None
    return Namespace(**{**vars(arguments), **{k: v for k, v in values.items() if k not in arguments.given}})


def options_of(parser: argparse.ArgumentParser, command: Mapping[str, object]) -> dict[str, object]:
    """The values of a saved command, each as the parser would have read it.

    Args:
        parser: of the command.
        command: options by name, as JSON has them; what is no option is left out.

    Raises:
        ValueError: a value is none that the option could have; names the option.
    """
    values: dict[str, object] = {}
    for action in parser._actions:
        name = action.dest
        if name in command and name not in _NOT_OF_THE_RUN and name != "help":
            try:
                values[name] = _value(action, command[name])
            except (TypeError, ValueError, argparse.ArgumentTypeError) as error:
                shown = clip_text(repr(command[name]), 40)
                raise ValueError(f"{name} is {shown} ({clip_text(error, 80)})") from None
    if "hyperparameters" in command:
        values["hyperparameters"] = _hyperparameters(command["hyperparameters"])
    return values


def train_options(command: Mapping[str, object]) -> dict[str, object]:
    """The options of `minigrad train` in a saved command or search; see `options_of`.

    Raises:
        ValueError: a value is none that the option could have; names the option.
    """
    parser = argparse.ArgumentParser(add_help=False)
    TRAIN.add_arguments(parser)
    target = command.get("target")
    if isinstance(target, list | tuple) and all(isinstance(name, str) for name in target):  # as `SetupOptions` has it
        return {**options_of(parser, {**command, "target": None}), "target": tuple(target)}
    return options_of(parser, command)


def _value(action: argparse.Action, value: object) -> object:
    if isinstance(action.default, bool) or action.nargs == 0:
        return _demand(value, bool, "true or false")
    if value is None and action.default is None:
        return None
    if isinstance(value, list) and not value and callable(action.type):
        return action.type("")
    text = str(_demand(value, str, "a text")) if action.type is None else _text(value)
    read = action.type(text) if callable(action.type) else text
    if action.choices is not None and read not in action.choices:
        raise ValueError(f"choose from {', '.join(map(str, action.choices))}")
    if isinstance(value, str) and not isinstance(read, str):
        raise TypeError("a text where it should be none")
    return read


def _text(value: object) -> str:
    """A number, or a list of them or of texts, as it is typed."""
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"a {type(value).__name__} where it should be none")
    return str(value)


def _hyperparameters(value: object) -> object:
    if not isinstance(value, dict) or not all(isinstance(v, bool | int | float | str) for v in value.values()):
        raise ValueError(f"hyperparameters are {clip_text(repr(value), 40)} (an object of numbers and words is due)")
    return value


def _demand(value: object, kind: type, what: str) -> object:
    if type(value) is not kind:
        raise TypeError(f"{what} is due")
    return value
