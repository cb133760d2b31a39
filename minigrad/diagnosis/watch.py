"""Watching a loop of one's own: one line before it."""

from __future__ import annotations

import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.data.arrays import any_real
from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.observer import Observer, Steps
from minigrad.diagnosis.probing.batches_seen import SeenBatches
from minigrad.diagnosis.sampler import Sampler, Stepper, held_by
from minigrad.diagnosis.verdict import Diagnosis, diagnose
from minigrad.nn import Loss, Module, Targets
from minigrad.optim import StatefulOptimizer
from minigrad.optim import StepResult as Update
from minigrad.optim.stateful.closure import Closure
from minigrad.train.splits import Rows, Source, Split, as_split

__all__ = ["Watch", "watch"]

_BATCHES, _SOME = 512, 8


def watch(
    loss: Loss,
    model: Module,
    optimizer: StatefulOptimizer,
    data: Source,
    *,
    gradients: bool = True,
    catalog: Catalog | None = None,
) -> Watch:
    """Diagnose a hand-written loop: `loss = watch(loss, model, optimizer, data)`.

    That one line is all the loop needs.

    The loop stays as it is, with `loss(model(x), y)` and `optimizer.step()`; then `print(loss.diagnose())`.

    Args:
        data: what the loop trains on and validates with: a Dataset, `(x, y)` or `(x_train, y_train, x_val, y_val)`.
            NaN among it is a finding, not an error.
        gradients: compare the gradients of the model with differences first.
        catalog: the rules; by default all that are installed, `minigrad.diagnosis.rules()`.
    """
    return Watch(loss, model, optimizer, _split(data, model), gradients=gradients, catalog=catalog)


def _split(data: Source, model: Module) -> Split:
    dtype = model.parameters()[0].dtype
    arrays = [a for a in data if isinstance(a, np.ndarray)] if isinstance(data, tuple) else []
    if len(arrays) in (2, 4) and any(a.dtype.kind == "f" and not np.isfinite(a).all() for a in arrays):
        rows = [Rows(any_real(x), any_real(y)) for x, y in zip(arrays[::2], arrays[1::2], strict=True)]
        return Split(rows[0], rows[1] if len(rows) > 1 else None, "")
    return as_split(data, dtype)


class Watch:
    """The loss of a run, seen through: it is called as the loss itself, and takes note.

    Attributes:
        loss: the loss itself.
        losses: its value for every batch.
        failure: why the run ended in an error, for a loop that knows.
        observer: what looks at data and model.
    """

    def __init__(
        self,
        loss: Loss,
        model: Module,
        optimizer: StatefulOptimizer,
        split: Split,
        *,
        gradients: bool = True,
        catalog: Catalog | None = None,
    ) -> None:
        self.loss, self.model, self.optimizer = loss, model, optimizer
        self.observer = Observer(loss, model, split, gradients=gradients, catalog=catalog)
        self.losses: list[float] = []
        self.failure = ""
        self._batches: list[Array] = []
        self._next_epoch = 1
        self._modal = self.observer.usage.normalised or self.observer.usage.dropout > 0.0
        self._frozen_mode = self._noisy_mode = 0
        self._seen = SeenBatches(split)
        self._sampler = Sampler(optimizer, model.named_parameters())
        hooks = model.register_forward_hook(self._look), self._sampler.hook(self._step)
        self._unhook = hooks[0].remove, hooks[1]

    def close(self) -> None:
        """Let go of model and optimizer."""
        for undo in self._unhook:
            undo()

    def _look(self, module: Module, inputs: tuple[object, ...], output: Tensor) -> None:
        """Keep the inputs of a call in training until its loss is asked for."""
        first = inputs[0] if inputs else None
        if output.requires_grad and isinstance(first, Tensor | np.ndarray):
            self._seen.inputs = any_real(first.numpy() if isinstance(first, Tensor) else first)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """The loss itself. In training, the batch is taken note of."""
        value = self.loss(outputs, targets)
        if not outputs.requires_grad:
            self._noisy_mode += self._modal and self.model.training
            return value
        self._frozen_mode += self._modal and not self.model.training
        self.losses.append(float(value.item()))
        self._seen.note(targets)
        if self._sampler.early:
            self._sampler.value = value
        self._sampler.losses += 1
        if len(self._batches) < _BATCHES:
            self._batches.append(any_real(np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets)))
        return value

    def _step(self, step: Stepper, closure: Closure | None) -> Update:
        before = len(self.losses)
        done = self._sampler.wrap_step(step, closure, lambda: self.losses[-1] if self.losses else float("nan"))
        if closure is not None:
            del self.losses[before + 1 :]  # a rule that tries several points; the first is where it stood
        if not done.skipped and self._sampler.updates % self.steps_per_epoch == 0:
            self._epoch(self._sampler.updates // self.steps_per_epoch)
        return done

    def _epoch(self, number: int) -> None:
        """Measure the first epochs, then ever fewer."""
        if number >= self._next_epoch and not self.observer.facts.broken:
            self.observer.measure(number)
            self._next_epoch = max(number + 1, round(1.3 * number))

    def _repeated(self) -> float:
        """Share of the first batches whose targets are those of the first.

        0 with one or two batches an epoch.
        """
        epoch = self._batches[: self.steps_per_epoch]
        if len(epoch) < 4 or not np.ptp(epoch[0].astype(np.float64)):
            return 0.0  # batches of one class only say nothing about which rows they hold
        return sum(np.array_equal(epoch[0], batch) for batch in epoch[1:]) / (len(epoch) - 1)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch, from the size of the first batch."""
        rows = len(self.observer.split.train)
        return max(1, -(-rows // max(len(self._batches[0]) if self._batches else rows, 1)))

    @property
    def seconds(self) -> float:
        """What watching has taken so far, the noting of batch losses aside."""
        return self.observer.seconds + self._sampler.seconds

    def diagnose(self) -> Diagnosis:
        """What is wrong with the run, if anything; the first finding is the one to mend."""
        return diagnose(self.evidence(), self.observer.catalog)

    def evidence(self) -> Evidence:
        """Everything that was seen."""
        seen, steps = self.observer, self.steps_per_epoch
        updates = self._sampler.updates
        done = max(updates // steps, int(updates >= _SOME))  # a loop that ends in its first epoch has an outcome, too
        if done and not seen.facts.broken and (not seen.points or seen.points[-1].epoch < done):
            seen.measure(done)
        return seen.evidence(
            Steps(
                losses=self.losses,
                samples=self._sampler.samples,
                targets=self._batches,
                batch_size=len(self._batches[0]) if self._batches else 0,
                per_epoch=steps,
                hyper=self.optimizer.hyperparameters[0],
                frozen_mode=self._frozen_mode,
                noisy_mode=self._noisy_mode,
                failure=self.failure,
                repeated=self._repeated(),
                moved=self._sampler.moved,
                held=held_by(self.optimizer),
                step_calls=self._sampler.calls,
                batches=self._seen.result(steps),
            )
        )
