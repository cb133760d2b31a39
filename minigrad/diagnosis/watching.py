"""Watching a run: one line before a hand-written loop, and the same inside `fit` (see `Doctor`)."""

from __future__ import annotations

import time

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import adopt
from minigrad.core.types import Array
from minigrad.data.arrays import any_real
from minigrad.diagnosis.catalog import Catalog, rules
from minigrad.diagnosis.evidence import Evidence, Inside, Point, Start, Usage
from minigrad.diagnosis.facts import batch_order, data_facts
from minigrad.diagnosis.inside import inside_of
from minigrad.diagnosis.judge import Diagnosis, judge
from minigrad.diagnosis.sampler import Sampler, Stepper
from minigrad.diagnosis.start import start_of, wrong_gradients
from minigrad.nn import Loss, Module, Targets
from minigrad.optim import Driver
from minigrad.optim import Step as Update
from minigrad.optim.evaluate import Closure
from minigrad.train.evaluate import evaluate, evaluating
from minigrad.train.rows import Rows, Source, Split, as_split

__all__ = ["Watch", "watch"]

_PROBE, _ROWS, _BATCHES = 128, 500, 64


def watch(
    loss: Loss,
    model: Module,
    optimizer: Driver,
    data: Source,
    *,
    gradients: bool = True,
    catalog: Catalog | None = None,
) -> Watch:
    """The one line that a hand-written loop needs: `loss = diagnosis.watch(loss, model, optimizer, data)`.

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
        made = [Rows(any_real(x), any_real(y)) for x, y in zip(arrays[::2], arrays[1::2], strict=True)]
        return Split(made[0], made[1] if len(made) > 1 else None, "")
    return as_split(data, dtype)


class Watch:
    """The loss of a run, seen through: it is called as the loss itself, and takes note.

    Attributes:
        loss: the loss itself. losses: its value for every batch. extras: what was added to each (by `fit`).
        points: epochs. failure: why the run ended in an error.
    """

    def __init__(
        self,
        loss: Loss,
        model: Module,
        optimizer: Driver,
        split: Split,
        *,
        gradients: bool = True,
        own_epochs: bool = True,
        batch_size: int = 0,
        catalog: Catalog | None = None,
        wrong_gradients: tuple[str, ...] = (),
    ) -> None:
        began = time.perf_counter()
        self.loss, self.model, self.optimizer, self.split = loss, model, optimizer, split
        self.catalog = rules() if catalog is None else catalog
        self.losses: list[float] = []
        self.extras: list[float] = []
        self.points: list[Point] = []
        self.failure = ""
        self._batch_size, self._batches = batch_size, list[Array]()
        self._own_epochs, self._next_epoch = own_epochs, 1
        self._usage = usage_of(model)
        self._modal = self._usage.normalised or self._usage.dropout > 0.0
        self._frozen_mode = self._noisy_mode = 0
        val = () if split.val is None else (split.val.x, split.val.y)
        self._facts = data_facts(split.train.x, split.train.y, *val)
        self._probe = few(split.train, _PROBE)
        self._start, self._first, self._last = self._look_first(gradients, wrong_gradients)
        self._sampler = Sampler(optimizer, model.named_parameters())
        self.close = self._sampler.hook(self._step)
        self._seconds = time.perf_counter() - began

    def _look_first(self, check: bool, wrong: tuple[str, ...]) -> tuple[Start, Inside | None, Inside | None]:
        if self._facts.broken:
            return Start(), None, None
        x, y = self._probe.x, self._probe.y
        start = start_of(self.model, self.loss, x, y, self.split.train.y)
        wrong += wrong_gradients(self.model, self.loss, x, y) if check else ()
        return attrs.evolve(start, wrong_gradients=wrong), inside_of(self.model, self.loss, x, y), None

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """The loss itself. In training, the batch is taken note of."""
        value = self.loss(outputs, targets)
        if not outputs.requires_grad:
            self._noisy_mode += self._modal and self.model.training
            return value
        self._frozen_mode += self._modal and not self.model.training
        self.losses.append(float(value.item()))
        if self._sampler.early:
            self._sampler.value = value
        if len(self._batches) < _BATCHES:
            self._batches.append(np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets))
        return value

    def _step(self, step: Stepper, closure: Closure | None) -> Update:
        before = len(self.losses)
        done = self._sampler.around(step, closure, lambda: self.losses[-1] if self.losses else float("nan"))
        if closure is not None:
            del self.losses[before + 1 :]  # a rule that tries several points; the first is where it stood
        if self._own_epochs and not done.skipped and self._sampler.updates % self.steps_per_epoch == 0:
            self._epoch(self._sampler.updates // self.steps_per_epoch)
        return done

    def _epoch(self, number: int) -> None:
        """Measure the first epochs, then ever fewer."""
        if number >= self._next_epoch and not self._facts.broken:
            began = time.perf_counter()
            self.points.append(self._measure(number))
            self._next_epoch = max(number + 1, round(1.3 * number))
            self._seconds += time.perf_counter() - began

    def _measure(self, epoch: int) -> Point:
        """Loss and score on up to 500 rows of either split."""
        train = evaluate(self.model, few(self.split.train, _ROWS), self.loss)
        val = None if self.split.val is None else evaluate(self.model, few(self.split.val, _ROWS), self.loss)
        if val is None:
            return self.point(epoch, train.loss, None, train.accuracy, None)
        return self.point(epoch, train.loss, val.loss, train.accuracy, val.accuracy)

    def point(
        self, epoch: int, train_loss: float, val_loss: float | None, train: float | None, val: float | None
    ) -> Point:
        """Figures of an epoch; where there is no accuracy, the score is 1 - loss / chance."""
        chance = self._start.chance
        if train is None and chance:
            train, val = 1.0 - train_loss / chance, None if val_loss is None else 1.0 - val_loss / chance
        return Point(epoch, train_loss, val_loss, train, val)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch, from the size of the first batch."""
        size = self._batch_size or (len(self._batches[0]) if self._batches else len(self.split.train))
        return max(1, -(-len(self.split.train) // max(size, 1)))

    @property
    def seconds(self) -> float:
        """What watching has taken so far, the noting of batch losses aside."""
        return self._seconds + self._sampler.seconds

    def look_last(self) -> None:
        """Look at the inside of the model as it stands now, and not when the diagnosis is made."""
        if not self._facts.broken:
            began = time.perf_counter()
            self._last = inside_of(self.model, self.loss, self._probe.x, self._probe.y)
            self._seconds += time.perf_counter() - began

    def diagnose(self) -> Diagnosis:
        """What is wrong with the run, if anything; the first finding is the one to mend."""
        return judge(self.evidence(), self.catalog)

    def evidence(self) -> Evidence:
        """Everything that was seen."""
        if self._last is None:
            self.look_last()
        began = time.perf_counter()
        steps, facts, points = self.steps_per_epoch, self._facts, list(self.points)
        if self._batches and not facts.broken:
            facts = attrs.evolve(facts, order=batch_order(self._batches[:steps], np.asarray(self.split.train.y)))
        done = self._sampler.updates // steps
        if self._own_epochs and done and not facts.broken and (not points or points[-1].epoch < done):
            points.append(self._measure(done))
        made = Evidence(
            data=facts,
            start=self._start,
            usage=attrs.evolve(self._usage, frozen_mode=self._frozen_mode, noisy_mode=self._noisy_mode),
            first=self._first,
            last=self._last,
            samples=tuple(self._sampler.samples),
            losses=tuple(self.losses),
            extra_first=self.extras[0] if self.extras else 0.0,
            extra_last=float(np.mean(self.extras[-steps:])) if self.extras else 0.0,
            points=tuple(points),
            steps_per_epoch=steps,
            batch_size=self._batch_size or (len(self._batches[0]) if self._batches else 0),
            hyper={k: float(v) for k, v in self.optimizer.hyperparameters[0].items() if isinstance(v, int | float)},
            failure=self.failure,
            confusion=() if facts.broken else self._confusion(),
        )
        self._seconds += time.perf_counter() - began
        return made

    def _confusion(self) -> tuple[tuple[int, ...], ...]:
        val, classes = self.split.val, self._facts.classes
        if val is None or not 0 < classes <= 100 or val.y.ndim != 1:
            return ()
        rows = few(val, 2 * _ROWS)
        with evaluating(self.model), np.errstate(all="ignore"):
            outputs = self.model(adopt(rows.x)).numpy()
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            return ()
        size = max(classes, outputs.shape[1], int(rows.y.max()) + 1)
        table = np.zeros((size, size), dtype=np.int64)
        np.add.at(table, (rows.y.astype(np.intp), outputs.argmax(axis=1)), 1)
        return tuple(tuple(row) for row in table.tolist())


def few(rows: Rows, most: int) -> Rows:
    """At most `most` of the rows, evenly spread: always the same."""
    if len(rows) <= most:
        return rows
    return rows.take(np.linspace(0, len(rows) - 1, most).astype(np.intp))


def usage_of(model: Module) -> Usage:
    """What kinds of layers there are that rules have to know of."""
    parts = [part for _, part in model.named_modules()]
    kinds = {type(part).__name__ for part in parts}
    dropout = [float(getattr(part, "p", 0.0)) for part in parts if type(part).__name__ == "Dropout"]
    return Usage(
        dropout=max(dropout, default=0.0),
        normalised=any(name.startswith("BatchNorm") for name in kinds),
        recurrent=bool(kinds & {"RNN", "GRU", "LSTM"}),
    )
