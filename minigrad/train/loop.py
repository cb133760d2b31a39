"""`fit`: the training loop. Checks, epochs of batches, evaluation, best weights, an orderly end whatever happens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import NoReturn

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import adopt
from minigrad.core.types import Array
from minigrad.data import Loader, check_labels
from minigrad.nn import Loss, Module, find_loss
from minigrad.optim import Driver, Need, NonFiniteGradient, Schedule
from minigrad.optim import optimizer as make_optimizer
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.console import Console
from minigrad.train.errors import Interrupted, NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.evaluate import evaluate, evaluating
from minigrad.train.guard import origin
from minigrad.train.history import Epoch, History
from minigrad.train.rows import Rows, Source, Split, as_split
from minigrad.train.sanity import Regularization, sanity_checks

__all__ = ["fit"]

MEASURED = 10_000
"""Training loss and accuracy of an epoch are measured on at most this many rows, always the same."""


def fit(
    model: Module,
    data: Source,
    *,
    loss: str | Loss | None = None,
    optimizer: str | Driver = "adam",
    lr: float | Schedule | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    regularization: Regularization | None = None,
    callbacks: Sequence[Callback] = (),
    checks: bool = True,
    restore_best: bool = True,
    quiet: bool = False,
) -> History:
    """Train `model`, and return what happened.

    Args:
        model: trained in place. After the run it holds the weights of the best epoch (see `History.best`), or those of
            the last one with `restore_best=False`.
        data: a Dataset (`data.load("fashion").scaled()`), or arrays `(x, y)` or `(x_train, y_train, x_val, y_val)`.
        loss: "softmax", "svm", "mse", or a function of outputs and targets; by default softmax for integer targets and
            mse for others.
        optimizer: the name of an installed one, or a driver made by `mg.optimizer`, with options of its own.
        lr: learning rate or schedule over steps; the optimizer's own default if None.
        epochs, batch_size: passes over the training rows, and rows in a step.
        seed: of the order of the rows and of the checks. Same seed, same machine: the same run to the last bit.
        regularization: a term to add to the data loss, such as `nn.L2(1e-4)`.
        callbacks: told what happens, see `Callback`.
        checks: run the sanity checks first (a second or two). They report and never stop a run.
        quiet: print nothing.

    Raises:
        DataValueError: NaN, infinity or a label out of range in the data; names the row. Nothing has been trained.
        TrainError: an argument is wrong.
        NonFiniteError: a loss or gradient is not finite; says where. The weights are those before that step.
        Interrupted: Ctrl-C; carries the history.
        UnknownOptimizer, HyperparameterError: the optimizer, or its learning rate.
    """
    _whole("epochs", epochs)
    _whole("batch_size", batch_size)
    split = as_split(data, _dtype(model))
    chosen = find_loss(loss if loss is not None else "softmax" if split.train.has_labels else "mse")
    _check_fit(model, split)
    driver = _driver(model, optimizer, lr)
    history = History(
        config={
            "loss": loss if isinstance(loss, str) else repr(chosen),
            "optimizer": driver.name,
            "hyperparameters": [_plain(h) for h in driver.hyperparameters],
            "epochs": epochs,
            "batch_size": batch_size,
            "seed": seed,
            "regularization": None if regularization is None else repr(regularization),
            "data": split.summary,
            "model": repr(model),
            "parameters": model.parameter_count,
        },
        steps_per_epoch=-(-len(split.train) // batch_size),
    )
    run = Run(model, driver, chosen, split, history, epochs, batch_size, seed)
    hooks = _Hooks((*callbacks, *(() if quiet else (Console(),))))
    trainer = _Trainer(run, hooks, regularization, time.perf_counter())
    trainer.run_all(optimizer if isinstance(optimizer, str) else "sgd", checks, restore_best)
    return history


@attrs.frozen
class _Hooks:
    """Calls a hook of every callback, in order."""

    callbacks: tuple[Callback, ...]

    def tell(self, hook: Callable[[Callback], None]) -> None:
        for callback in self.callbacks:
            hook(callback)

    def tell_all(self, hook: Callable[[Callback], None]) -> None:
        """The same, also when one of them raises, so that all can close their files; the first error is raised."""
        with ExitStack() as later:
            for callback in reversed(self.callbacks):
                later.callback(hook, callback)


@attrs.define(eq=False)
class _Trainer:
    run: Run
    hooks: _Hooks
    regularization: Regularization | None
    began: float
    failed: bool = False

    def run_all(self, optimizer: str, checks: bool, restore_best: bool) -> None:
        history = self.run.history
        try:
            # What overflows is caught as a loss or gradient that is not finite, with its place: no warnings besides.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.hooks.tell(lambda c: c.on_start(self.run))
                if checks:
                    self.check(optimizer)
                self.train()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            raise Interrupted(history) from None
        except Exception as error:
            history.stopped, self.failed = f"{type(error).__name__}: {error}", True
            if isinstance(error, TrainError):
                error.history = history
            raise
        finally:
            if restore_best and history.best_weights and not self.failed:
                self.run.model.load_state_dict(history.best_weights)
            self.run.model.eval()
            self.hooks.tell_all(lambda c: c.on_end(self.run))

    def check(self, optimizer: str) -> None:
        run = self.run
        for result in sanity_checks(
            run.model, run.split, run.loss, regularization=self.regularization, optimizer=optimizer, seed=run.seed
        ):
            run.history.checks.append(result)
            self.hooks.tell(lambda c, result=result: c.on_check(run, result))  # type: ignore[misc]

    def train(self) -> None:
        run = self.run
        rows = run.split.train
        loader = Loader(rows.x, rows.y, run.batch_size, seed=run.seed)
        step = self.by_gradient if run.optimizer.needs == Need.GRAD else self.by_closure
        self.began = time.perf_counter()
        run.history.initial = self.measure(0)
        self.hooks.tell(lambda c: c.on_train(run))
        for epoch in range(1, run.epochs + 1):
            run.model.train()
            for batch, (x, y) in enumerate(loader, 1):
                done = Step(epoch, batch, run.history.steps_per_epoch, step(adopt(x), y, epoch, batch))
                run.history.batch_losses.append(done.loss)
                self.hooks.tell(lambda c, done=done: c.on_step(run, done))  # type: ignore[misc]
            self.complete(self.measure(epoch))
            if run.stop_reason:
                run.history.stopped = run.stop_reason
                break

    def complete(self, epoch: Epoch) -> None:
        history = self.run.history
        history.epochs.append(epoch)
        if history.best is None or epoch.rank > history.best.rank:
            history.best, history.best_weights = epoch, self.run.model.state_dict()
        self.hooks.tell(lambda c: c.on_epoch(self.run, epoch))

    def by_gradient(self, x: Tensor, y: Array, epoch: int, batch: int) -> float:
        opt = self.run.optimizer
        opt.zero_grad()
        total = self.total(x, y)
        value: float = total.item()
        if not math.isfinite(value):
            self.fail(total, epoch, batch)
        total.backward()
        try:
            opt.step()
        except NonFiniteGradient as error:
            raise self.overflow(error, epoch, batch) from error
        return value

    def by_closure(self, x: Tensor, y: Array, epoch: int, batch: int) -> float:
        first: list[float] = []

        def closure() -> Tensor:
            total = self.total(x, y)
            if not first and not math.isfinite(total.item()):
                self.fail(total, epoch, batch)
            first.append(total.item())
            return total

        try:
            self.run.optimizer.step(closure)
        except NonFiniteGradient as error:
            raise self.overflow(error, epoch, batch) from error
        return first[0]

    def total(self, x: Tensor, y: Array) -> Tensor:
        value = self.run.loss(self.run.model(x), y)
        return value if self.regularization is None else value + self.regularization(self.run.model)

    def fail(self, total: Tensor, epoch: int, batch: int) -> NoReturn:
        raise NonFiniteLoss(
            f"the loss is {total.item()} {self.place(epoch, batch)}; first not finite: "
            f"{origin(total, self.run.model)}. {_REMEDY}"
        )

    def overflow(self, error: NonFiniteGradient, epoch: int, batch: int) -> NonFiniteError:
        return NonFiniteError(f"no update was possible {self.place(epoch, batch)}: {error}. {_REMEDY}")

    def place(self, epoch: int, batch: int) -> str:
        return f"in epoch {epoch}, batch {batch} of {self.run.history.steps_per_epoch}"

    def measure(self, number: int) -> Epoch:
        """Figures of the model as it stands."""
        run = self.run
        train = evaluate(run.model, _measured(run.split.train, run.seed), run.loss)
        val = None if run.split.val is None else evaluate(run.model, run.split.val, run.loss)
        return Epoch(
            number,
            train.loss,
            None if val is None else val.loss,
            train.accuracy,
            None if val is None else val.accuracy,
            time.perf_counter() - self.began if number else 0.0,
        )


_REMEDY = "The weights are those before this step. Usual causes: a learning rate that is too high, or inputs not scaled"


def _measured(rows: Rows, seed: int) -> Rows:
    if len(rows) <= MEASURED:
        return rows
    return rows.take(np.sort(np.random.default_rng([seed, 2]).choice(len(rows), MEASURED, replace=False)))


def _dtype(model: Module) -> np.dtype[np.float64]:
    parameters = model.parameters()
    if not parameters:
        raise TrainError(
            f"{type(model).__name__} has no parameters to train: fields must hold Tensors made by nn.parameter"
        )
    return parameters[0].dtype


def _driver(model: Module, optimizer: str | Driver, lr: float | Schedule | None) -> Driver:
    if isinstance(optimizer, Driver):
        if lr is not None:
            raise TrainError("lr belongs to the optimizer: give it to mg.optimizer(..., lr=...), not to fit")
        return optimizer
    if lr is None:
        return make_optimizer(optimizer, model.named_parameters(), nonfinite="raise")
    return make_optimizer(optimizer, model.named_parameters(), nonfinite="raise", lr=lr)


def _check_fit(model: Module, split: Split) -> None:
    """Try the model on two rows, so that shapes and labels are wrong before anything runs, not in its midst."""
    with evaluating(model):
        outputs = model(adopt(split.train.x[:2]))
    for name, rows in (("y_train", split.train), ("y_val", split.val)):
        if rows is not None and rows.has_labels and outputs.ndim == rows.y.ndim + 1:
            check_labels(rows.y, outputs.shape[-1], name)


def _plain(hyper: Mapping[str, object]) -> dict[str, object]:
    return {k: v if isinstance(v, int | float | str | bool) else repr(v) for k, v in hyper.items()}


def _whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TrainError(f"{name} must be an integer >= 1, got {value!r}")
