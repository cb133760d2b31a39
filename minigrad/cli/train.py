"""`minigrad train`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import minigrad
from minigrad import data, nn
from minigrad.core.errors import MinigradError
from minigrad.data import Dataset
from minigrad.nn import Module
from minigrad.optim import optimizer as make_optimizer
from minigrad.train import Callback, Console, History, Interrupted, RunFolder, TrainError, fit, new_folder

__all__ = ["train"]


def train(arguments: Namespace) -> int:
    """Train as asked, print (or, with --json, hand over) what happened, and save it. Returns the exit code."""
    given = data.load(arguments.data, seed=arguments.seed)
    ready = _ready(given, arguments.loss)
    model = nn.mlp(ready.features, arguments.hidden, ready.classes or 1, rng=arguments.seed)
    term = nn.L2(arguments.l2) if arguments.l2 else None
    _try_optimizer(arguments)
    folder = RunFolder(new_folder(Path(arguments.out), given.name), {"command": _command(arguments)})
    console = [] if arguments.json else [Console()]
    if not arguments.json:
        print(f"minigrad {minigrad.__version__}: {given.summary()}")
    code = 0
    try:
        history = _fit(model, ready, arguments, term, [folder, *console])
    except Interrupted as stop:
        history, code = stop.history, 130
    except MinigradError:
        _say(folder, arguments.json)
        raise
    if arguments.json:
        document = {"command": "train", "run": str(folder.path), "files": folder.files, **history.as_dict()}
        print(json.dumps(document, indent=2, allow_nan=False))
    _say(folder, arguments.json)
    return code


def _fit(
    model: Module, ready: Dataset, arguments: Namespace, term: nn.L2 | None, callbacks: Sequence[Callback]
) -> History:
    return fit(
        model,
        ready,
        loss=arguments.loss or ("softmax" if ready.classes else "mse"),
        optimizer=arguments.optimizer,
        lr=arguments.lr,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        regularization=term,
        callbacks=callbacks,
        checks=not arguments.no_checks,
        quiet=True,
    )


def _ready(given: Dataset, loss: str | None) -> Dataset:
    """Rows of floats for a multi-layer perceptron: pixels in [0, 1], columns of tables standardised."""
    if given.kind == "text":
        raise TrainError(f"{given.name} is text, and 'minigrad train' fits a network to images and tables")
    if (loss == "mse") != (given.task == "regression") and loss is not None:
        fits = "mse" if given.task == "regression" else "softmax or svm"
        raise TrainError(f"--loss {loss} does not fit {given.name}, which is {given.task}: choose {fits}")
    return given.scaled(normalize="unit" if given.kind == "image" else "standard")


def _try_optimizer(arguments: Namespace) -> None:
    """Find mistakes in --optimizer and --lr before a folder is made for the run."""
    probe = nn.parameter(np.zeros(1))
    if arguments.lr is None:
        make_optimizer(arguments.optimizer, [probe])
    else:
        make_optimizer(arguments.optimizer, [probe], lr=arguments.lr)


def _command(arguments: Namespace) -> dict[str, object]:
    return {key: value for key, value in vars(arguments).items() if key != "parser"}


def _say(folder: RunFolder, on_stderr: bool) -> None:
    """Where the run was saved, and what is missing from it."""
    stream = sys.stderr if on_stderr else sys.stdout
    for note in folder.notes:
        print(f"{'note':<10} {note}", file=stream)
    print(f"{'saved':<10} {folder.path}/  {'  '.join(sorted(folder.files))}", file=stream)
