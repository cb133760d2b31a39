"""`minigrad run script.py`: train a model script; and `minigrad examples`.

A run includes checks, training, pictures and checkpoints.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import attrs

from minigrad.checkpoint import Checkpoint
from minigrad.cli.output import wrapped, write_json
from minigrad.cli.resuming.options import CHANGEABLE, CHECKPOINT, as_command, restore_options, saved_run
from minigrad.cli.run_command import Job, run_job
from minigrad.examples import Example, examples, find_example
from minigrad.parallel import Communicator
from minigrad.text import table
from minigrad.train import Callback, History, TrainError
from minigrad.train.output.origin import owner_of, refuse_foreign, seal
from minigrad.train.script.script import Script, Settings, load_script

__all__ = ["list_examples", "run_script"]


def run_script(arguments: Namespace) -> int:
    """Run the script (or go on with a run of it), print or hand over what happened.

    Returns the exit code.
    """
    if arguments.example is not None:
        if arguments.script or arguments.resume:
            arguments.parser.error("--example stands in the place of SCRIPT, and begins a run: give one of the three")
        example = find_example(arguments.example)
        if not example.is_script:
            return _run_loop(example, arguments)
        arguments.script = str(example.path)
    saved = saved_run(arguments, "run")
    if saved is not None:
        asked = arguments.script
        arguments = restore_options(arguments, saved)
        if asked is None:
            _announce(saved, arguments)
        arguments.script = asked or arguments.script
    if arguments.script is None:
        arguments.parser.error("a script is needed: minigrad run script.py, or --example NAME, or --resume RUN")
    if saved is None and os.path.isfile(Path(arguments.script) / CHECKPOINT):
        arguments.parser.error(f"{arguments.script} is the folder of a run: go on with it by --resume")
    script = load_script(Path(arguments.script))
    arguments.script = str(script.path.resolve())  # so that the run can be resumed from another folder
    return run_job(_job(script, arguments), arguments, saved)


def _announce(saved: Checkpoint, arguments: Namespace) -> None:
    """Say which script a resumed run executes, unless it may not."""
    script, command = arguments.script, saved.about["command"]
    if script is None or not isinstance(command, dict):
        return
    refuse_foreign(saved.path.parent, script, command.get("sealed"), trusted=arguments.trust)
    stream = sys.stderr if arguments.json else sys.stdout
    print(wrapped(f"{'script':<10} {script} ({owner_of(Path(script))})", stream), file=stream)


def _job(script: Script, arguments: Namespace) -> Job:
    changed: Settings = {}
    if arguments.epochs is not None:
        changed["epochs"] = arguments.epochs
    if arguments.patience is not None:
        changed["patience"] = arguments.patience
    if arguments.hyperparameters:
        own = script.settings.get("hyperparameters", {})
        changed["hyperparameters"] = {**own, **arguments.hyperparameters}

    def run(callbacks: Sequence[Callback], saved: Checkpoint | None, link: Communicator) -> History:
        return script.fit(
            changed,
            callbacks=callbacks,
            checks=not arguments.no_checks,
            resume=saved,
            eager=arguments.eager,
            quiet=True,
            communicator=link,
        )

    headline = f"{script.path}: {script.split.summary}"
    command = {**as_command(arguments), "sealed": seal(arguments.script)}
    return Job("run", script.path.stem, headline, command, run, script=script.path)


def _run_loop(example: Example, arguments: Namespace) -> int:
    """An example that trains by itself.

    It leaves no folder behind, so there is nothing to resume.
    """
    useless = [f"--{name.replace('_', '-')}" for name in arguments.given if name in (*CHANGEABLE, "out")]
    if useless:
        raise TrainError(f"{example.name} has a training loop of its own, in which {', '.join(useless)} means nothing")
    figures = example.main()
    if arguments.json:
        write_json({"command": "run", "example": example.name, "figures": figures})
    return 0


def list_examples(arguments: Namespace) -> int:
    """Print the examples in the package.

    Each with its name, its kind, what it shows and the figure it reaches.
    """
    available = examples()
    if arguments.json:
        rows = [{**attrs.asdict(e), "path": str(e.path)} for e in available]
        write_json({"command": "examples", "examples": rows})
        return 0
    kinds = {True: "model script", False: "own loop"}
    lines = table(("example", "kind", "what it shows"), [(e.name, kinds[e.is_script], e.title) for e in available])
    lines += ["", f"minigrad run --example {available[0].name} runs one; the files are in {available[0].path.parent}"]
    print(wrapped("\n".join(lines)))
    return 0
