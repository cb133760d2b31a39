"""The diagnosis of a run of `fit`: a callback."""

from __future__ import annotations

import attrs

from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.judge import Diagnosis
from minigrad.diagnosis.watch import Watch
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.history import Epoch

__all__ = ["Doctor"]


class Doctor(Callback):
    """Watches a run, and says afterwards what is wrong with it: `fit(..., callbacks=[doctor := Doctor()])`.

    Put it before callbacks that write the run down, so that they find the diagnosis.

    Attributes:
        watch: what it saw; None before training begins.
        diagnosis: the verdict; None before the run has ended.
        seconds: what all of it took.
    """

    def __init__(self, catalog: Catalog | None = None, *, gradients: bool = False) -> None:
        """`gradients`: check them here. `fit` does so among its own checks, and what those found is used."""
        self.watch: Watch | None = None
        self.diagnosis: Diagnosis | None = None
        self._catalog, self._gradients = catalog, gradients

    @property
    def seconds(self) -> float:
        """What watching has taken."""
        return 0.0 if self.watch is None else self.watch.seconds

    def on_train(self, run: Run) -> None:
        """Look at the untrained model, and see the loss through from here on."""
        made = Watch(
            run.loss,
            run.model,
            run.optimizer,
            run.split,
            gradients=self._gradients,
            own_epochs=False,
            batch_size=run.batch_size,
            catalog=self._catalog,
        )
        run.loss = self.watch = made
        for epoch in (run.history.initial, *run.history.epochs):
            if epoch is not None:
                self._note(epoch)

    def on_step(self, run: Run, step: Step) -> None:
        """What regularisation added to the loss of the batch."""
        if self.watch is not None and self.watch.losses:
            self.watch.extras.append(step.loss - self.watch.losses[-1])

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Figures of the epoch; at the end, the inside of the model before the best weights come back."""
        self._note(epoch)
        if self.watch is not None and (epoch.epoch == run.epochs or run.stop_reason):
            self.watch.look_last()

    def on_end(self, run: Run) -> None:
        """The diagnosis. The run gets its own loss and optimizer step back."""
        watch = self.watch
        if watch is None:
            return
        watch.close()
        run.loss = watch.loss
        if run.history.stopped.startswith("NonFinite"):
            watch.failure = run.history.stopped
        self.diagnosis = watch.diagnose()

    def _note(self, epoch: Epoch) -> None:
        if self.watch is not None:
            e = epoch
            point = self.watch.point(e.epoch, e.train_loss, e.val_loss, e.train_accuracy, e.val_accuracy)
            self.watch.points.append(attrs.evolve(point, epoch=e.epoch))
