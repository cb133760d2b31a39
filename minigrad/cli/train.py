"""`minigrad train`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import minigrad
from minigrad import checkpoint, data, nn
from minigrad.checkpoint import Checkpoint, CheckpointError, Json
from minigrad.core.errors import MinigradError
from minigrad.data import Dataset
from minigrad.nn import Module
from minigrad.optim import ClipNorm
from minigrad.optim import optimizer as make_optimizer
from minigrad.train import (
    Callback,
    Checkpoints,
    Console,
    History,
    Interrupted,
    RunFolder,
    TrainError,
    fit,
    named_schedule,
    new_folder,
)
from minigrad.train.rates import default_rate

__all__ = ["train"]


CHECKPOINT = "checkpoint.safetensors"
CHANGEABLE = ("resume", "epochs", "patience", "save_every")


def train(arguments: Namespace) -> int:
    """Train as asked, print (or, with --json, hand over) what happened, and save it. Returns the exit code."""
    saved = None
    if arguments.resume is not None:
        saved = checkpoint.load(Path(arguments.resume) / CHECKPOINT)
        arguments = _as_before(arguments, saved)
    given = data.load(arguments.data, seed=arguments.seed)
    ready = _ready(given, arguments.loss)
    model = nn.mlp(ready.features, arguments.hidden, ready.classes or 1, rng=arguments.seed)
    term = nn.L2(arguments.l2) if arguments.l2 else None
    _try_optimizer(arguments, len(ready.x_train))
    path = new_folder(Path(arguments.out), given.name) if saved is None else saved.path.parent
    folder = RunFolder(path, {"command": _command(arguments)})
    saver = Checkpoints(path / CHECKPOINT, arguments.save_every, about={"command": _command(arguments)})
    if not arguments.json:
        print(f"minigrad {minigrad.__version__}: {given.summary()}")
        _say_resumed(saved)
    console = [] if arguments.json else [Console()]
    code = 0
    try:
        history = _fit(model, ready, arguments, term, saved, [folder, saver, *console])
    except Interrupted as stop:
        history, code = stop.history, 130
    except MinigradError:
        if folder.files:
            _say(folder, saver, arguments.json)
        raise
    if arguments.json:
        document = {"command": "train", "run": str(folder.path), "files": folder.files, **history.as_dict()}
        print(json.dumps(document, indent=2, allow_nan=False))
    _say(folder, saver, arguments.json, interrupted=code != 0)
    return code


def _fit(
    model: Module,
    ready: Dataset,
    arguments: Namespace,
    term: nn.L2 | None,
    saved: Checkpoint | None,
    callbacks: Sequence[Callback],
) -> History:
    return fit(
        model,
        ready,
        loss=arguments.loss or ("softmax" if ready.classes else "mse"),
        optimizer=arguments.optimizer,
        lr=arguments.lr,
        schedule=arguments.schedule,
        warmup=arguments.warmup,
        clip=arguments.clip,
        accumulate=arguments.accumulate,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        regularization=term,
        callbacks=callbacks,
        checks=not arguments.no_checks,
        patience=arguments.patience,
        resume=saved,
        quiet=True,
    )


def _as_before(arguments: Namespace, saved: Checkpoint) -> Namespace:
    """The options of the run that `saved` is of, with those that may change as they are given now."""
    fixed = [f"--{name.replace('_', '-')}" for name in arguments.given if name not in CHANGEABLE]
    if fixed:
        raise TrainError(f"--resume goes on as the run began: leave out {', '.join(fixed)}, or start a new run")
    command = saved.about.get("command")
    if not isinstance(command, dict):
        raise CheckpointError(f"{saved.path}: is not of a run of 'minigrad train'")
    values = {k: v for k, v in command.items() if k in vars(arguments) and k not in arguments.given}
    hidden = command.get("hidden")
    if isinstance(hidden, list):
        values["hidden"] = tuple(hidden)  # type: ignore[assignment]
    return Namespace(**{**vars(arguments), **values})


def _ready(given: Dataset, loss: str | None) -> Dataset:
    """Rows of floats for a multi-layer perceptron: pixels in [0, 1], columns of tables standardised."""
    if given.kind == "text":
        raise TrainError(f"{given.name} is text, and 'minigrad train' fits a network to images and tables")
    if (loss == "mse") != (given.task == "regression") and loss is not None:
        fits = "mse" if given.task == "regression" else "softmax or svm"
        raise TrainError(f"--loss {loss} does not fit {given.name}, which is {given.task}: choose {fits}")
    return given.scaled(normalize="unit" if given.kind == "image" else "standard")


def _try_optimizer(arguments: Namespace, rows: int) -> None:
    """Find mistakes in the options about the optimizer before a folder is made for the run."""
    hyper = {} if arguments.lr is None else {"lr": arguments.lr}
    clip = None if arguments.clip is None else ClipNorm(arguments.clip)
    make_optimizer(arguments.optimizer, [nn.parameter(np.zeros(1))], clip=clip, **hyper)
    if arguments.schedule or arguments.warmup:
        lr = default_rate(arguments.optimizer) if arguments.lr is None else arguments.lr
        updates = arguments.epochs * -(-rows // arguments.batch_size) // arguments.accumulate
        named_schedule(arguments.schedule or "constant", lr, max(1, updates), arguments.warmup)


def _command(arguments: Namespace) -> dict[str, Json]:
    command = {k: v for k, v in vars(arguments).items() if k not in ("parser", "given", "resume", "json")}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in command.items()}


def _say_resumed(saved: Checkpoint | None) -> None:
    if saved is not None:
        print(f"{'resumed':<10} from {saved.path}")
        if saved.other_versions:
            print(f"{'note':<10} saved with {saved.other_versions}: the last bits may differ")


def _say(folder: RunFolder, saver: Checkpoints, on_stderr: bool, *, interrupted: bool = False) -> None:
    """Where the run was saved, what is missing from it, and how to go on."""
    stream = sys.stderr if on_stderr else sys.stdout
    for note in folder.notes:
        print(f"{'note':<10} {note}", file=stream)
    files = [*folder.files, *([CHECKPOINT] if saver.path.exists() else [])]
    print(f"{'saved':<10} {folder.path}/  {'  '.join(sorted(files))}", file=stream)
    if interrupted and saver.path.exists():
        print(f"{'go on':<10} minigrad train --resume {folder.path}", file=stream)
