"""What `fit` drives.

Epochs of batches, evaluation, best weights, callbacks, an orderly end whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import attrs
import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.data import Loader
from minigrad.nn.regularization import Regularization
from minigrad.train.batch import Batch
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.checks.sanity import sanity_checks
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import evaluate, outputs_of
from minigrad.train.history import Epoch, Interrupted
from minigrad.train.metrics import MetricSet
from minigrad.train.process_group import ProcessGroup
from minigrad.train.splits import Rows
from minigrad.train.train_step import TrainStep
from minigrad.train.weighting import weighted

__all__ = ["CallbackList", "Trainer"]

MEASURED_ROWS = 10_000
"""Rows on which the training loss and accuracy of an epoch are measured, at most.

They are always the same.
"""


@attrs.frozen
class CallbackList:
    """Calls a hook of every callback, in order."""

    callbacks: tuple[Callback, ...]

    def call(self, hook: Callable[[Callback], None]) -> None:
        """Call `hook` with each callback."""
        for callback in self.callbacks:
            hook(callback)

    def call_all(self, hook: Callable[[Callback], None]) -> None:
        """Call `hook` with each callback, also after one has raised.

        So all can close their files; then the first error is raised.
        """
        with ExitStack() as pending:
            for callback in reversed(self.callbacks):
                pending.callback(hook, callback)


@attrs.define(eq=False)
class Trainer:
    """A run, its callbacks, and what is added to the loss.

    Attributes:
        run: what is trained, and how far it has come.
        callbacks: told what happens.
        regularization: added to the data loss.
        patience: epochs without a better one after which the run stops; None for never.
        eager: leave programs alone.
        failed: whether an error ended the run.
        group: the processes that train together.
        metrics: measured after each epoch beside loss and accuracy.
        weights: what each training row counts, with a mean of 1; None where all count alike.
    """

    run: Run
    callbacks: CallbackList
    regularization: Regularization | None
    patience: int | None = None
    eager: bool = False
    failed: bool = False
    group: ProcessGroup = attrs.field(kw_only=True)
    metrics: MetricSet = attrs.field(kw_only=True, factory=MetricSet)
    weights: Array | None = attrs.field(kw_only=True, default=None)

    def run_all(self, optimizer: str, checks: bool, restore_best: bool) -> None:
        """Check, train, and end in an orderly way whatever happens.

        Args:
            optimizer: name of the one that the overfitting check uses.
            checks: whether to run the sanity checks first.
            restore_best: whether the model ends with the weights of the best epoch.
        """
        history = self.run.history
        try:
            # What overflows is caught as a loss or gradient that is not finite, with its place: no warnings besides.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.callbacks.call(lambda c: c.on_start(self.run))
                if checks and not self.resumed and self.group.lead:
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
            self.group.leave()  # what follows is rank 0's own work, and may take its time
            if self.group.size == 1 or not self.failed:  # others may wait for this process: no pictures, it ends
                self.callbacks.call_all(lambda c: c.on_end(self.run))

    def check(self, optimizer: str) -> None:
        """Run the sanity checks, and tell each as soon as it is done."""
        run = self.run
        for result in sanity_checks(
            run.model, run.split, run.loss, regularization=self.regularization, optimizer=optimizer, seed=run.seed
        ):
            self.on_check(result)

    def on_check(self, result: Check) -> None:
        """Record a finished check."""
        self.run.history.checks.append(result)
        self.callbacks.call(lambda c: c.on_check(self.run, result))

    def train(self) -> None:
        """Train epoch by epoch, from wherever the history ends."""
        run, history = self.run, self.run.history
        loader = run.split.batches(run.batch_size, run.seed)
        targets = loader.y
        if self.weights is not None:  # the loader hands out numbers of rows, which targets and weights are found by
            loader = attrs.evolve(loader, y=np.arange(len(targets)))
        weigh = None if self.weights is None else weighted(run.loss)
        step = TrainStep(run, self.regularization, self.group, self.note, weigh).select(self.eager)
        if not self.resumed:
            run.began = time.perf_counter()
            history.initial = self.measure(0)
        self.callbacks.call(lambda c: c.on_train(run))
        self.check_early_stopping()
        run.stop_reason = self.group.broadcast_stop(run.stop_reason)
        while len(history) < run.epochs and not run.stop_reason:
            epoch, start = len(history) + 1, len(history.batch_losses) - len(history) * history.steps_per_epoch
            run.model.train()
            run.monitor.resume_clock()
            counts = self.shares_of_labels(loader, epoch)
            for index, (x, y) in enumerate(loader.epoch(epoch - 1, start), start + 1):
                x, y = self.group.local_slice(x, y)
                weight = None
                if self.weights is not None:
                    y, weight = targets[y], from_array(self.weights[y])
                run.monitor.lap("data")
                share = self.share_of(index, loader) if counts is None else counts[index - 1]
                result = step(Batch(from_array(x), y, epoch, index, weight, share))
                if index == history.steps_per_epoch:  # batches too few for an update of their own count in this step
                    run.optimizer.flush()
                run.monitor.lap("update")
                run.monitor(
                    self.group.loss,
                    data_loss=result.data,
                    regularization=result.term,
                    outputs=result.outputs,
                    targets=y,
                )
                self.on_step_end(Step(epoch, index, history.steps_per_epoch, self.group.loss))
                run.monitor.resume_clock()
            self.on_epoch_end(self.measure(epoch))
        run.monitor.look_at_layers()
        history.stopped = run.stop_reason

    def share_of(self, index: int, loader: Loader) -> float:
        """What a batch counts among those that make one update: its rows over their mean.

        Batches of one size count alike; the last one of an epoch may be shorter.
        """
        size, batches, short = self.accumulate, len(loader), len(loader.x) % loader.batch_size
        first = (batches - 1) // size * size  # batches before the last group of the epoch
        if size == 1 or not short or loader.drop_last or index <= first:
            return 1.0
        rows = (batches - first - 1) * loader.batch_size + short
        return (short if index == batches else loader.batch_size) * (batches - first) / rows

    def shares_of_labels(self, loader: Loader, epoch: int) -> list[float] | None:
        """What each batch of an epoch counts: its labels over their mean in its update.

        None where batches make an update each or no label is ignored, so that rows tell.
        """
        ignored, size = self.run.split.ignored, self.accumulate
        if size == 1 or ignored is None or self.weights is not None:
            return None
        labels = attrs.evolve(loader, x=np.zeros(len(loader.x)), augment=None, prefetch=0)
        counts = [float(np.count_nonzero(y != ignored)) for _, y in labels.epoch(epoch - 1)]
        groups = [counts[k : k + size] for k in range(0, len(counts), size)]
        return [count * len(group) / sum(group) for group in groups for count in group]

    @property
    def accumulate(self) -> int:
        """Batches that make one update."""
        size = self.run.optimizer.options["accumulate"]
        return size if isinstance(size, int) else 1

    @property
    def resumed(self) -> bool:
        """Whether this run continues another: the untrained model has been measured already."""
        return self.run.history.initial is not None

    def on_step_end(self, step: Step) -> None:
        """Record an update."""
        self.run.history.batch_losses.append(step.loss)
        self.callbacks.call(lambda c: c.on_step(self.run, step))

    def on_epoch_end(self, epoch: Epoch) -> None:
        """Record a finished epoch, and keep its weights if it is the best so far."""
        history = self.run.history
        history.epochs.append(epoch)
        if history.is_better(epoch):
            history.best, history.best_weights = epoch, self.run.model.state_dict()
        figures: dict[str, float | None] = attrs.asdict(epoch, filter=lambda field, _: "_" in field.name)
        self.run.monitor.epoch(**figures)
        self.check_early_stopping()
        self.callbacks.call(lambda c: c.on_epoch(self.run, epoch))
        self.run.stop_reason = self.group.broadcast_stop(self.run.stop_reason)

    def check_early_stopping(self) -> None:
        """Stop a run that has not become better for `patience` epochs."""
        history = self.run.history
        if self.patience is not None and history.best and len(history) - history.best.epoch >= self.patience:
            self.run.stop(
                f"no better {history.criterion} for {len(history) - history.best.epoch} epochs, after epoch "
                f"{history.best.epoch}"
            )

    def note(self, text: str) -> None:
        """Tell something that people should know."""
        self.callbacks.call(lambda c: c.on_note(self.run, text))

    def measure(self, number: int) -> Epoch:
        """Evaluate the model as it stands, as the entry of epoch `number`."""
        run = self.run
        train = evaluate(run.model, _measured(run.split.train, run.seed), run.loss, group=self.group)
        outputs: list[Array] = []
        keep = outputs if self.metrics.functions and run.split.val is not None and self.group.size == 1 else None
        val = None
        if run.split.val is not None:
            val = evaluate(run.model, run.split.val, run.loss, group=self.group, keep=keep)
        return Epoch(
            number,
            train.loss,
            None if val is None else val.loss,
            train.accuracy,
            None if val is None else val.accuracy,
            time.perf_counter() - run.began if number else 0.0,
            self.measure_metrics(outputs),
        )

    def measure_metrics(self, outputs: list[Array]) -> dict[str, float]:
        """The figures asked for, on validation rows (of known outputs) or training rows."""
        if not self.metrics.functions:
            return {}
        rows = self.run.split.val or _measured(self.run.split.train, self.run.seed)
        return self.metrics.measure(np.concatenate(outputs) if outputs else outputs_of(self.run.model, rows.x), rows.y)


def _measured(rows: Rows, seed: int) -> Rows:
    if len(rows) <= MEASURED_ROWS:
        return rows
    return rows.take(np.sort(np.random.default_rng([seed, 2]).choice(len(rows), MEASURED_ROWS, replace=False)))
