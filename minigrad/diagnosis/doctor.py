"""The diagnosis of a run of `fit`: a callback."""

from __future__ import annotations

from collections.abc import Callable

from minigrad.containment import summary
from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.judge import Diagnosis
from minigrad.diagnosis.watching import Watch
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.history import Epoch

__all__ = ["Doctor"]


class Doctor(Callback):
    """Watches a run, and says afterwards what is wrong with it: `fit(..., callbacks=[doctor := Doctor()])`.

    It never ends a run, not even by a mistake of its own: that is said in the diagnosis.

    Attributes:
        watch: what it saw; None before training begins.
        diagnosis: the verdict; None before the run has ended.
    """

    def __init__(self, catalog: Catalog | None = None, *, gradients: bool = False) -> None:
        """`gradients`: check them here. `fit` does so among its own checks, and what those found is used."""
        self.watch: Watch | None = None
        self.diagnosis: Diagnosis | None = None
        self._catalog, self._gradients, self._problem = catalog, gradients, ""

    @property
    def seconds(self) -> float:
        """What watching has taken."""
        return 0.0 if self.watch is None else self.watch.seconds

    def on_train(self, run: Run) -> None:
        """Look at the untrained model, and see the loss through from here on."""
        self._try(lambda: self._begin(run))

    def on_step(self, run: Run, step: Step) -> None:
        """What regularisation added to the loss of the batch."""
        if self.watch is not None and self.watch.losses:
            self.watch.extras.append(step.loss - self.watch.losses[-1])

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Figures of the epoch; at the end, the inside of the model before the best weights come back."""
        self._note(epoch)
        if self.watch is not None and (epoch.epoch == run.epochs or run.stop_reason):
            self._try(self.watch.look_last)

    def on_end(self, run: Run) -> None:
        """The diagnosis. The run gets its own loss and optimizer step back."""
        watch = self.watch
        if watch is not None:
            watch.close()
            run.loss = watch.loss
            if run.history.stopped.startswith("NonFinite"):
                watch.failure = run.history.stopped
            self._try(lambda: self._judge(watch))
        if self._problem:
            known = () if self.diagnosis is None else self.diagnosis.findings
            self.diagnosis = Diagnosis(known, broken=(f"the diagnosis itself failed: {self._problem}",))

    def _begin(self, run: Run) -> None:
        made = Watch(
            run.loss,
            run.model,
            run.optimizer,
            run.split,
            gradients=self._gradients,
            own_epochs=False,
            batch_size=run.batch_size,
            catalog=self._catalog,
            wrong_gradients=_wrong(run),
        )
        run.loss = self.watch = made
        for epoch in (run.history.initial, *run.history.epochs):
            if epoch is not None:
                self._note(epoch)

    def _judge(self, watch: Watch) -> None:
        self.diagnosis = watch.diagnose()

    def _note(self, e: Epoch) -> None:
        if self.watch is not None:
            point = self.watch.point(e.epoch, e.train_loss, e.val_loss, e.train_accuracy, e.val_accuracy)
            self.watch.points.append(point)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # a run of hours must not end because its doctor stumbled
            self._problem = summary(error)


def _wrong(run: Run) -> tuple[str, ...]:
    """Parameters whose gradient the sanity check of the run found wrong."""
    messages = [c.message for c in run.history.checks if c.name == "gradients" and c.status == "fault"]
    names = [name for name, _ in run.model.named_parameters()]
    return tuple(next((n for n in names if n in message), "a parameter") for message in messages)
