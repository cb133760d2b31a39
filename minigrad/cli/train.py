"""`minigrad train`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from math import prod

import numpy as np

from minigrad import data, nn
from minigrad.checkpoint import Checkpoint, Json
from minigrad.cli.run_command import Job, as_command, restore_options, run_job, saved_run
from minigrad.data import Dataset
from minigrad.optim import ClipNorm
from minigrad.optim import optimizer as make_optimizer
from minigrad.parallel import Communicator
from minigrad.train import Callback, History, TrainError, fit, named_schedule
from minigrad.train.lr_schedules import default_rate

__all__ = ["train"]


def train(arguments: Namespace) -> int:
    """Train as asked, print (or, with --json, hand over) what happened, and save it.

    Returns the exit code.
    """
    saved = saved_run(arguments, "train")
    if saved is not None:
        arguments = restore_options(arguments, saved)
        arguments.hidden = tuple(arguments.hidden)
    target = tuple(arguments.target.split(",")) if arguments.target else None
    loaded = data.load(arguments.data, seed=arguments.seed, target=target, task=arguments.task)
    ready = _ready(loaded, arguments.loss)
    outputs = ready.classes or prod(ready.y_train.shape[1:])
    model = nn.mlp(ready.features, arguments.hidden, outputs, rng=arguments.seed)
    recipe: dict[str, Json] = {
        "kind": "mlp",
        "features": ready.features,
        "hidden": list(arguments.hidden),
        "outputs": outputs,
    }
    term = nn.L2(arguments.l2) if arguments.l2 else None
    _try_optimizer(arguments, len(ready.x_train))

    def run(callbacks: Sequence[Callback], saved: Checkpoint | None, link: Communicator) -> History:
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
            eager=arguments.eager,
            patience=arguments.patience,
            resume=saved,
            quiet=True,
            communicator=link,
        )

    return run_job(
        Job("train", loaded.name, _headline(loaded), as_command(arguments), run, model=recipe), arguments, saved
    )


def _headline(loaded: Dataset) -> str:
    """The data, and of a table what happens to each column."""
    if loaded.preparation is None:
        return loaded.summary()
    lines = loaded.preparation.describe()
    return "\n".join([loaded.summary(), *(f"{'columns' if k == 0 else '':<10} {x}" for k, x in enumerate(lines))])


def _ready(loaded: Dataset, loss: str | None) -> Dataset:
    """Turn a data set into rows of floats for a multi-layer perceptron.

    Pixels lie in [0, 1], columns of tables are standardised.
    """
    if loaded.kind == "text":
        raise TrainError(f"{loaded.name} is text, and 'minigrad train' fits a network to images and tables")
    if (loss == "mse") != (loaded.task == "regression") and loss is not None:
        fits = "mse" if loaded.task == "regression" else "softmax or svm"
        raise TrainError(f"--loss {loss} does not fit {loaded.name}, which is {loaded.task}: choose {fits}")
    return loaded.scaled(normalize="unit" if loaded.kind == "image" else "standard")


def _try_optimizer(arguments: Namespace, rows: int) -> None:
    """Find mistakes in the options about the optimizer before a folder is made for the run."""
    hyper = {} if arguments.lr is None else {"lr": arguments.lr}
    clip = None if arguments.clip is None else ClipNorm(arguments.clip)
    make_optimizer(arguments.optimizer, [nn.parameter(np.zeros(1))], clip=clip, **hyper)
    if arguments.schedule or arguments.warmup:
        lr = default_rate(arguments.optimizer) if arguments.lr is None else arguments.lr
        updates = arguments.epochs * -(-rows // arguments.batch_size) // arguments.accumulate
        named_schedule(arguments.schedule or "constant", lr, max(1, updates), arguments.warmup)
