"""What a command works on: a model script, a finished run, or data with options."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from minigrad.cli.resuming.options import train_options
from minigrad.text import clip_middle
from minigrad.train import TrainError
from minigrad.train.output.model_file import SCRIPT_FILE, digest_of
from minigrad.train.output.origin import refuse_foreign
from minigrad.train.script.script import Script, load_script
from minigrad.train.setup import Setup, SetupOptions

__all__ = ["subject_of"]


def subject_of(arguments: Namespace) -> Script | Setup:
    """What a command works on, loaded and checked.

    Raises:
        TrainError: a script or run and options besides, or a folder that is no run.
        ScriptError: the script is wrong.
        DataError: the data cannot be loaded.
    """
    own = [name for name in arguments.given if name != "hyperparameters"]
    if arguments.script is None:
        if not own:
            arguments.parser.error("give a script, the folder of a run, or --data with a data set")
        return Setup(SetupOptions.from_mapping(vars(arguments)))
    if own:
        option = f"--{own[0].replace('_', '-')}"
        raise TrainError(f"{arguments.script} says itself what is trained: leave out {option}, or leave out the script")
    path = Path(arguments.script)
    return _of_run(path, arguments.trust) if path.is_dir() else load_script(path)


def _of_run(folder: Path, trust: bool) -> Script | Setup:
    """What a run trained, with its first weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        command, kind = config["command"], config["command"].get("command", "train")
        if kind == "run":
            sealed = (config.get("script") or {}).get("seal")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise TrainError(f"{clip_middle(folder, 150)}: is no run: a run's folder holds config.json") from None
    if kind == "run":
        script = folder / SCRIPT_FILE
        if script.exists():
            refuse_foreign(folder, str(script), sealed, text=digest_of(script), trusted=trust)
        return load_script(script)
    try:
        options = train_options(command)
    except ValueError as error:
        raise TrainError(f"{clip_middle(folder, 80)}: the command in config.json makes no sense: {error}") from None
    return Setup(SetupOptions.from_mapping(options))
