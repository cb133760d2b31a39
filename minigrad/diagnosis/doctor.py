"""The diagnosis of a run of `fit`.

It is a callback that reads what the run's own history and monitor hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from minigrad.core.types import Array
from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.evidence import Evidence, Sample
from minigrad.diagnosis.observer import Observer, Steps
from minigrad.diagnosis.sampler import GROWTH, held_by
from minigrad.diagnosis.verdict import Diagnosis, diagnose
from minigrad.plugins.isolation import summary
from minigrad.train.callbacks import Callback, Run
from minigrad.train.history import Epoch
from minigrad.train.monitor.monitor import Monitor

__all__ = ["Doctor"]


class Doctor(Callback):
    """Watches a run, and says afterwards what is wrong with it.

    Used as `fit(..., callbacks=[doctor := Doctor()])`.

    It looks at data and model before and after, and reads the figures of the updates from the run's monitor, so that
    the steps are what they are without it. It never ends a run, not even by a mistake of its own: that is said in the
    diagnosis.

    Attributes:
        observer: what it saw; None before training begins.
        diagnosis: the verdict; None before the run has ended.
        evidence: what the verdict rests on; None before the run has ended.
    """

    def __init__(self, catalog: Catalog | None = None, *, gradients: bool = False, start: Path | None = None) -> None:
        """Watch with these rules, by default all that are installed.

        Args:
            catalog: the rules.
            gradients: check them here. `fit` does so among its own checks, and what those found is used.
            start: file that keeps what was seen before the first update, for a run that is resumed.
        """
        self._start = start
        self.observer: Observer | None = None
        self.evidence: Evidence | None = None
        self.diagnosis: Diagnosis | None = None
        self._catalog, self._gradients, self._problem = catalog, gradients, ""

    @property
    def seconds(self) -> float:
        """What watching has taken, the monitor's own share aside."""
        return 0.0 if self.observer is None else self.observer.seconds

    def on_train(self, run: Run) -> None:
        """Look at the untrained model."""
        self._try(lambda: self._begin(run))

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Note the figures of the epoch.

        At the end, the inside of the model before the best weights come back.
        """
        self._note(epoch)
        if self.observer is not None and (epoch.epoch == run.epochs or run.stop_reason):
            self._try(self.observer.look_last)

    def on_end(self, run: Run) -> None:
        """The diagnosis."""
        observer = self.observer
        if observer is not None:
            self._try(lambda: self._judge(run, observer))
        if self._problem:
            findings = () if self.diagnosis is None else self.diagnosis.findings
            self.diagnosis = Diagnosis(findings, broken=(f"the diagnosis itself failed: {self._problem}",))

    def _begin(self, run: Run) -> None:
        self.observer = Observer(
            run.loss,
            run.model,
            run.split,
            gradients=self._gradients,
            catalog=self._catalog,
            wrong=_wrong(run),
            resumed=bool(run.history.epochs),
        )
        if self._start is not None:
            self.observer.keep_start(self._start)
        for epoch in (run.history.initial, *run.history.epochs):
            if epoch is not None:
                self._note(epoch)

    def _judge(self, run: Run, observer: Observer) -> None:
        self.evidence = observer.evidence(_steps(run))
        self.diagnosis = diagnose(self.evidence, observer.catalog)

    def _note(self, e: Epoch) -> None:
        if self.observer is not None:
            self.observer.add(e.epoch, e.train_loss, e.val_loss, e.train_accuracy, e.val_accuracy)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # a run of hours must not end because its doctor stumbled
            self._problem = summary(error)


def _steps(run: Run) -> Steps:
    """What the monitor of the run has seen of its updates."""
    table, stopped = run.monitor.steps, run.history.stopped
    column = "data_loss" if "data_loss" in table else "loss"
    losses = table[column].tolist() if len(table) else []
    extras = table["regularization"].tolist() if "regularization" in table else []
    return Steps(
        losses=losses,
        extras=[0.0 if math.isnan(v) else v for v in extras],
        samples=list(_samples(run.monitor, -1.0 if run.optimizer.maximises else 1.0)) if len(table) else (),
        targets=_ordered(run),
        batch_size=run.batch_size,
        per_epoch=max(1, run.history.steps_per_epoch),
        hyper=run.optimizer.hyperparameters[0],
        failure=stopped if stopped.startswith("NonFinite") else "",
        failed={c.name: c.message for c in run.history.checks if c.status == "fault"},
        held=held_by(run.optimizer),
    )


def _samples(monitor: Monitor, descent: float) -> Iterator[Sample]:
    """Yield some of the updates that the monitor looked at.

    The first three, and then each a quarter later than the last.
    """
    table, steps = monitor.parameters, monitor.steps
    rates = steps.arrays().get("lr")
    losses = steps["loss"]
    columns = {name: table[name] for name in ("update_rms", "weight_rms", "gradient_rms")} if len(table) else {}
    due = 1
    for row, at in enumerate(table["step"].astype(int).tolist() if len(table) else []):
        if at < due or not 1 <= at <= len(losses):
            continue
        due = max(at + 1, math.ceil(GROWTH * at))
        updates, weights, grads = (dict(zip(table.entries, columns[n][row].tolist(), strict=True)) for n in columns)
        lr = None if rates is None or math.isnan(rates[at - 1]) else float(rates[at - 1])
        yield Sample(at, float(losses[at - 1]), lr, updates, weights, grads, descent)


def _ordered(run: Run) -> list[Array]:
    """Targets of the first batches of a loader that does not shuffle; none for one that does."""
    loader = run.split.loader
    if loader is None or loader.shuffle:
        return []
    return [run.split.train.y[i : i + loader.batch_size] for i in range(0, len(run.split.train), loader.batch_size)]


def _wrong(run: Run) -> tuple[str, ...]:
    """Parameters whose gradient the sanity check of the run found wrong."""
    messages = [c.message for c in run.history.checks if c.name == "gradients" and c.status == "fault"]
    names = [name for name, _ in run.model.named_parameters()]
    return tuple(next((n for n in names if n in message), "a parameter") for message in messages)
