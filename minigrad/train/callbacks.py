"""The run as callbacks see it, and the hooks they may fill in."""

from __future__ import annotations

import attrs

from minigrad.nn import Loss, Module
from minigrad.optim import StatefulOptimizer
from minigrad.train.checks.check import Check
from minigrad.train.history import Epoch, History
from minigrad.train.monitor.monitor import Monitor
from minigrad.train.splits import Split

__all__ = ["Callback", "Run", "Step"]


@attrs.define(eq=False)
class Run:
    """A run in progress.

    Attributes:
        model: what is trained.
        optimizer: makes its updates.
        loss: the data loss.
        split: the rows.
        history: figures so far.
        epochs: as asked for.
        batch_size: rows in a step.
        seed: of the order of the rows and of the checks.
        monitor: figures of steps, parameters and layers.
        stop_reason: why the run shall end after this epoch; see `stop`.
        began: `time.perf_counter()` when training began; for a resumed run, earlier by the time already spent.
    """

    model: Module
    optimizer: StatefulOptimizer
    loss: Loss
    split: Split
    history: History
    epochs: int
    batch_size: int
    seed: int
    monitor: Monitor
    stop_reason: str = ""
    began: float = 0.0

    def stop(self, reason: str) -> None:
        """End the run after the present epoch."""
        self.stop_reason = reason


@attrs.frozen
class Step:
    """One update of a run.

    Numbers of epoch and batch (both from 1), batches in the epoch, and the loss before the update.
    """

    epoch: int
    batch: int
    batches: int
    loss: float


class Callback:
    """Hooks of a run; the ones a subclass does not define do nothing.

    An exception in a hook ends the run.
    """

    def on_start(self, run: Run) -> None:
        """Everything is set up; nothing has been checked or trained."""

    def on_check(self, run: Run, check: Check) -> None:
        """A sanity check has finished."""

    def on_train(self, run: Run) -> None:
        """The checks are over; the first step comes next.

        `run.history.initial` holds the untrained figures.
        """

    def on_note(self, run: Run, text: str) -> None:
        """Something that people should know has come up: steps run eagerly, and why."""

    def on_step(self, run: Run, step: Step) -> None:
        """An update was made."""

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Called when an epoch is complete and evaluated.

        `run.history.best is epoch` if it is the best so far.
        """

    def on_end(self, run: Run) -> None:
        """Called when the run is over.

        It is complete, stopped, interrupted or failed (`run.history.stopped` says which).
        """
