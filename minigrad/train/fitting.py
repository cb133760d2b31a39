"""`fit`: one call that checks, trains, evaluates and keeps the best weights.

It continues an earlier run if told to.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from minigrad import checkpoint
from minigrad.checkpoint import Checkpoint
from minigrad.core.types import Array
from minigrad.nn import Loss, Module, find_loss
from minigrad.nn.regularization import Regularization
from minigrad.optim import Clip, ClipNorm, Schedule, StatefulOptimizer
from minigrad.optim import optimizer as make_optimizer
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError
from minigrad.train.history import History
from minigrad.train.label_weights import check_labels_of, ignored_label
from minigrad.train.lr_schedules import default_rate, named_schedule
from minigrad.train.metrics import MetricChoice, choose_criterion, choose_metrics
from minigrad.train.monitor.monitor import Monitor
from minigrad.train.output.notebook import usual_view
from minigrad.train.output.resume import fingerprint, restore_run
from minigrad.train.process_group import connect_group, process_group
from minigrad.train.splits import Source, as_split, without_ignored
from minigrad.train.trainer import CallbackList, Trainer
from minigrad.train.weighting import ClassWeight, row_weights, weighted

if TYPE_CHECKING:
    from minigrad.parallel import Communicator

__all__ = ["fit"]


def fit(
    model: Module,
    data: Source,
    *,
    loss: str | Loss | None = None,
    optimizer: str | StatefulOptimizer = "minigrad:adam",
    hyperparameters: Mapping[str, object] | None = None,
    lr: float | Schedule | None = None,
    schedule: str | None = None,
    warmup: int = 0,
    clip: float | Clip | Sequence[Clip] | None = None,
    accumulate: int = 1,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    regularization: Regularization | None = None,
    callbacks: Sequence[Callback] = (),
    checks: bool = True,
    patience: int | None = None,
    class_weight: ClassWeight | None = None,
    sample_weight: Sequence[float] | Array | None = None,
    metrics: MetricChoice = (),
    monitor: str | None = None,
    mode: str | None = None,
    restore_best: bool = True,
    resume: str | os.PathLike[str] | Checkpoint | None = None,
    eager: bool = False,
    quiet: bool = False,
    communicator: str | Communicator | None = None,
) -> History:
    """Train `model`, and return what happened.

    Args:
        model: trained in place. After the run it holds the weights of the best epoch (see `History.best`), or those of
            the last one with `restore_best=False`.
        data: a Dataset (`data.load("fashion").scaled()`), arrays `(x, y)` or `(x_train, y_train, x_val, y_val)`, a
            `data.Loader` (alone or as `(loader, x_val, y_val)`), whose batch size and seed hold, or a Split.
        loss: "softmax", "svm", "mse", or a function of outputs and targets; by default softmax for integer targets and
            mse for others. Rows of which it ignores every label (`ignore_index`) are left out.
        optimizer: the name of an installed one, or a driver made by `mg.optimizer`, with options of its own.
        hyperparameters: of the named optimizer besides `lr`: `{"momentum": 0.95}`.
        lr: learning rate or schedule over steps; the optimizer's own default if None.
        schedule: how the learning rate, `lr` at its highest, changes over the run, by name: see
            `minigrad.train.lr_schedules.SCHEDULES`.
        warmup: updates in which the learning rate climbs to `lr` first.
        clip: bound on the norm of the whole gradient, a Clip of another kind, or several in turn.
        accumulate: number of batches whose mean gradient makes one update; at the end of an epoch those that are left.
        epochs: passes over the training rows.
        batch_size: rows in a step.
        seed: of the order of the rows and of the checks. Same seed, same machine: the same run to the last bit.
        regularization: a term to add to the data loss, such as `nn.L2(1e-4)`.
        callbacks: told what happens, see `Callback`.
        checks: run the sanity checks first (a second or two). They report and never stop a run.
        patience: stop after this many epochs without a better one (see `History.best`); None for never.
        class_weight: what rows of each class count in training: "balanced" for one over its share, or a number for
            each class, in order or by name. Figures of epochs are those of rows that count alike.
        sample_weight: what each training row counts, `(N,)`. Weights are scaled to a mean of 1, so that the loss does
            not depend on the batch size.
        metrics: more figures after each epoch, on validation rows if there are some: names such as "f1", "auc", "rmse"
            (see `minigrad.train.METRICS`; those of numbers are in the units of the targets), or functions by name (see
            `minigrad.train.Metric`).
        monitor: the figure that chooses the best epoch and stops the run: "loss", "val_accuracy" or a metric. By
            default accuracy, of equal ones the loss.
        mode: "max" or "min", where the name of the figure does not say which is better.
        resume: a checkpoint written by `Checkpoints`, from which the run goes on as if it had never stopped: its last
            weights and figures are those of a run in one piece, to the last bit (same machine, same libraries). All
            arguments must be as they were, but `epochs` and `patience`. No checks are run.
        eager: run every step op by op. By default steps are a program (`minigrad.define`), which gives the same numbers
            up to the order in which some sums are rounded; where none can be made, a note says why and steps run
            eagerly.
        quiet: print nothing. Else a console gets lines, and a notebook one output that is drawn anew.
        communicator: in a program of several processes, how they talk: see `minigrad.parallel.connect` ("auto" for the
            installed one under mpiexec). Each computes its part of every batch, so that the run is that of one process
            but for the order of sums; callbacks are told in rank 0 alone. None for a run in one process.

    Raises:
        DataValueError: NaN, infinity or a label out of range in the data; names the row. Nothing has been trained.
        TrainError: an argument is wrong.
        NonFiniteError: a loss or gradient is not finite; says where. The weights are those before that step.
        Interrupted: Ctrl-C; carries the history.
        UnknownOptimizer: there is no optimizer of that name.
        HyperparameterError: its learning rate is wrong.
        CheckpointError: `resume` is missing, damaged, or of a run that was set up differently; says what differs.
        ParallelError: the communicator cannot be used, or the processes are not set up alike; see `parallel.join`.
    """
    if not isinstance(callbacks, Sequence) or not all(isinstance(callback, Callback) for callback in callbacks):
        raise TrainError("callbacks is a list of minigrad.train.Callback")
    link = connect_group(communicator)
    _require_count("epochs", epochs)
    _require_count("batch_size", batch_size)
    if patience is not None:
        _require_count("patience", patience)
    split = as_split(data, _dtype(model))
    chosen = find_loss(loss if loss is not None else "softmax" if split.train.has_labels else "mse")
    terms = check_labels_of(model, split, chosen)
    given = len(split.train)
    ignored = terms.ignored if terms.ignored is not None else ignored_label(model, split, chosen)
    split, counted = without_ignored(split, ignored)
    _require_count("accumulate", accumulate)
    loader = split.batches(batch_size, seed)
    batch_size, batches = loader.batch_size, len(loader)
    optimizer_args = _OptimizerArgs(lr, schedule, warmup, clip, accumulate, dict(hyperparameters or {}))
    driver = optimizer if isinstance(optimizer, StatefulOptimizer) else None
    if driver is None:
        driver = optimizer_args.build(str(optimizer), model, max(1, epochs * -(-batches // accumulate)))
    elif optimizer_args != _OptimizerArgs():
        raise TrainError(
            "lr belongs to the optimizer, and so do hyperparameters, schedule, warmup, clip and accumulate: give them "
            "to mg.optimizer(..., lr=...), not to fit"
        )
    if sample_weight is None and split.dataset is not None:
        sample_weight = split.dataset.sample_weight
    elif sample_weight is not None and len(sample_weight) == given:
        sample_weight = np.asarray(sample_weight)[counted]
    weights = row_weights(split, class_weight, sample_weight)
    if weights is not None:
        weighted(chosen)  # refused now, not in the midst of the run
    chosen_metrics = choose_metrics(metrics, split, chosen)
    if mode is not None and monitor is None:
        raise TrainError("mode says which way the figure of monitor is better: give monitor, too")
    criterion = None if monitor is None else choose_criterion(monitor, mode, chosen_metrics, split)
    history = History(
        chosen_by=criterion,
        config={
            "loss": loss if isinstance(loss, str) else repr(chosen),
            **_describe(driver),
            "epochs": epochs,
            "batch_size": batch_size,
            "seed": seed,
            "regularization": None if regularization is None else repr(regularization),
            "data": split.summary,
            "model": repr(model),
            "parameters": model.parameter_count,
            **({} if link is None else {"processes": link.size}),
            **({} if counted.all() else {"rows left out": f"{given - len(split.train)}, of label {ignored}"}),
            **({} if weights is None else {"weights": _weights_in_words(class_weight, weights)}),
            **({"metrics": list(chosen_metrics.functions)} if chosen_metrics.functions else {}),
            **({"chosen by": f"{criterion.mode} {criterion.name}"} if criterion is not None else {}),
        },
        steps_per_epoch=batches,
    )
    history.monitor = Monitor(model, driver, probe=split.train.x, steps_per_epoch=batches)
    history.monitor.ignored = split.ignored
    run = Run(model, driver, chosen, split, history, epochs, batch_size, seed, history.monitor)
    if resume is not None:
        restore_run(run, resume if isinstance(resume, Checkpoint) else checkpoint.load(resume))
    hooks = CallbackList((*callbacks, *(() if quiet else (usual_view(),))) if link is None or link.rank == 0 else ())
    with process_group(model, driver, link, seed=seed, about={} if link is None else _shared_config(run)) as group:
        group.step = len(history.batch_losses)
        trainer = Trainer(
            run, hooks, regularization, patience, eager, group=group, metrics=chosen_metrics, weights=weights
        )
        trainer.run_all(optimizer if isinstance(optimizer, str) else "sgd", checks, restore_best)
    return history


def _shared_config(run: Run) -> dict[str, object]:
    """What the processes of a run must have in common besides the optimizer."""
    so_far = run.history.batch_losses
    return {**run.history.config, "values of the data": fingerprint(run.split), "batches so far": len(so_far)}


@attrs.frozen
class _OptimizerArgs:
    """What `fit` was told about the updates."""

    lr: float | Schedule | None = None
    schedule: str | None = None
    warmup: int = 0
    clip: float | Clip | Sequence[Clip] | None = None
    accumulate: int = 1
    hyperparameters: Mapping[str, object] = attrs.field(factory=dict)

    def build(self, name: str, model: Module, updates: int) -> StatefulOptimizer:
        """The named optimizer with these, over a run of `updates` updates."""
        lr = self.lr
        if self.schedule is not None or self.warmup:
            if isinstance(lr, Schedule):
                raise TrainError("lr is a schedule already: leave out schedule and warmup, or give lr as a number")
            peak = default_rate(name) if lr is None else lr
            lr = named_schedule(self.schedule or "constant", peak, updates, self.warmup)
        clip = ClipNorm(float(self.clip)) if isinstance(self.clip, int | float) else self.clip
        named, accumulate = model.named_parameters(), self.accumulate
        hyper = dict(self.hyperparameters)
        if lr is not None:
            if "lr" in hyper:
                raise TrainError("the learning rate is given twice: as lr, and among the hyperparameters")
            hyper["lr"] = lr
        options: Mapping[str, Any] = hyper  # which names and types there are depends on the optimizer, which checks
        return make_optimizer(name, named, nonfinite="raise", clip=clip, accumulate=accumulate, **options)


def _describe(driver: StatefulOptimizer) -> dict[str, object]:
    """What decides the updates, as values for JSON."""
    return {
        "optimizer": driver.name,
        "hyperparameters": [_json_values(h) for h in driver.hyperparameters],
        "schedules": [{name: repr(s) for name, s in schedules.items()} for schedules in driver.schedules],
        "options": _json_values(driver.options),
    }


def _weights_in_words(class_weight: ClassWeight | None, weights: Array) -> str:
    """What weighs the rows, with a sum over their weights by which another choice is told."""
    own = f"{class_weight} by class, " if isinstance(class_weight, str) else ""
    return f"{own}from {weights.min():.3g} to {weights.max():.3g}, {zlib.crc32(weights.tobytes()):08x}"


def _dtype(model: Module) -> np.dtype[np.float64]:
    if not isinstance(model, Module):
        raise TrainError(f"a model is a minigrad.nn.Module, not a {type(model).__name__}")
    parameters = model.parameters()
    if not parameters:
        raise TrainError(
            f"{type(model).__name__} has no parameters to train: fields must hold Tensors made by nn.parameter"
        )
    return parameters[0].dtype


def _json_values(values: Mapping[str, object]) -> dict[str, object]:
    """Numbers, words and None as they are, others as their repr."""
    plain = (int, float, str, type(None))
    return {name: value if isinstance(value, plain) else repr(value) for name, value in values.items()}


def _require_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TrainError(f"{name} must be an integer >= 1, got {value!r}")
