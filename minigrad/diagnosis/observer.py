"""Looking at a run from outside its steps, one way for every loop.

At data, untrained model, epochs, trained model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.diagnosis.catalog import Catalog, rules
from minigrad.diagnosis.data_stats import batch_order, data_facts
from minigrad.diagnosis.evidence import Batches, Evidence, Experiments, ModelStats, Point, Probes, Sample, Start, Usage
from minigrad.diagnosis.model_stats import inside_of
from minigrad.diagnosis.outcome import Gain, gain_of
from minigrad.diagnosis.probing.loss_experiments import mixed_rows, varied_rows
from minigrad.diagnosis.probing.loss_probes import probe_loss
from minigrad.diagnosis.probing.loss_tests import even_losses, experiments_of, start_of, wrong_gradients
from minigrad.diagnosis.probing.model_probes import ignored_share, probe_model
from minigrad.diagnosis.start_file import read_start, write_start
from minigrad.diagnosis.verdict import Diagnosis, diagnose
from minigrad.nn import Loss, Module, find_baseline
from minigrad.runtime.no_grad import no_grad
from minigrad.train.evaluation import evaluate
from minigrad.train.splits import Rows, Split

__all__ = ["Observer", "Steps", "few"]

_PROBE, _ROWS, _VARIED = 128, 500, 9


@attrs.frozen(kw_only=True)
class Steps:
    """What was seen of the updates themselves.

    Attributes:
        losses: data loss of every batch.
        extras: what was added to it.
        samples: updates looked at closely.
        targets: those of the first batches, in the order they were used; empty where the order is known to be random.
        batch_size: rows in a batch.
        per_epoch: batches in an epoch.
        hyper: numbers that the optimizer was given.
        frozen_mode: as in `Usage`.
        noisy_mode: as in `Usage`.
        failure: why the run ended in an error.
        failed: checks of the run that failed, as in `Experiments`.
        repeated: as in `Experiments`.
        moved: as in `Experiments`.
        held: ids of the parameters that the optimizer holds; None if it is not known.
        step_calls: as in `Experiments`.
        batches: as in `Evidence`.
    """

    losses: Sequence[float]
    extras: Sequence[float] = ()
    samples: Sequence[Sample] = ()
    targets: Sequence[Array] = ()
    batch_size: int = 0
    per_epoch: int = 1
    hyper: Mapping[str, object] = attrs.field(factory=dict)
    frozen_mode: int = 0
    noisy_mode: int = 0
    failure: str = ""
    failed: Mapping[str, str] = attrs.field(factory=dict)
    repeated: float = 0.0
    moved: int = 0
    held: frozenset[int] | None = None
    step_calls: int | None = None
    batches: Batches | None = None


class Observer:
    """What can be seen of a run without standing in its way.

    Attributes:
        points: epochs, as they come.
        seconds: of the processor that looking has taken so far.
    """

    def __init__(
        self,
        loss: Loss,
        model: Module,
        split: Split,
        *,
        gradients: bool,
        catalog: Catalog | None = None,
        wrong: tuple[str, ...] = (),
        resumed: bool = False,
    ) -> None:
        began = time.process_time()
        self.loss, self.model, self.split, self.resumed = loss, model, split, resumed
        self.catalog = rules() if catalog is None else catalog
        self.points: list[Point] = []
        self.usage = usage_of(model)
        val = () if split.val is None else (split.val.x, split.val.y)
        self.facts = data_facts(split.train.x, split.train.y, *val)
        self._probe = few(split.train, _PROBE)
        self.experiments, self.probes = Experiments(), Probes()
        self._start, self._first = self._look_first(gradients, wrong)
        self._last: ModelStats | None = None
        self.seconds = time.process_time() - began

    def _look_first(self, check: bool, wrong: tuple[str, ...]) -> tuple[Start, ModelStats | None]:
        if self.facts.broken:
            return Start(), None
        x, y, usage = self._probe.x, self._probe.y, self.usage
        outputs = self._outputs(self._probe)
        start = start_of(self.model, self.loss, outputs, x, y, self.split.train.y)
        if self.facts.classes and start.chance is not None and self.split.train.y.ndim == 1:
            rows = self.split.train
            start = attrs.evolve(start, even=even_losses(self.model, self.loss, rows.x, rows.y))
        varied = self.split.train.take(varied_rows(self.split.train.y, _VARIED))
        told = self._outputs(varied)
        tried = experiments_of(self.model, self.loss, outputs, x, y, start.constant)
        self.experiments = attrs.evolve(tried, mixed=mixed_rows(self.loss, told, varied.y))
        probes = probe_model(self.model, x, y, drops=usage.dropout > 0.0, recurrent=usage.recurrent)
        self.probes = probe_loss(probes, self.loss, told, varied.y)
        wrong += wrong_gradients(self.model, self.loss, x, y) if check else ()
        return attrs.evolve(start, wrong_gradients=wrong), self._inside()

    def _inside(self) -> ModelStats:
        return inside_of(self.model, self.loss, self._probe.x, self._probe.y, drops=self.usage.dropout > 0.0)

    def keep_start(self, path: Path) -> None:
        """Write what was seen before the first update.

        A run that goes on reads what its first part wrote.
        """
        if not self.resumed:
            if self._first is not None:
                write_start(path, (self._start, self._first, self.experiments, self.probes))
            return
        kept = read_start(path)
        if kept is not None:
            self._start, self._first, self.experiments, self.probes = kept
            self.resumed = False  # what is known of the start is of the untrained model

    def measure(self, epoch: int) -> None:
        """Add an epoch: loss and score on up to 500 rows of either split."""
        began = time.process_time()
        train = evaluate(self.model, few(self.split.train, _ROWS), self.loss)
        val = None if self.split.val is None else evaluate(self.model, few(self.split.val, _ROWS), self.loss)
        if val is None:
            self.add(epoch, train.loss, None, train.accuracy, None)
        else:
            self.add(epoch, train.loss, val.loss, train.accuracy, val.accuracy)
        self.seconds += time.process_time() - began

    def add(
        self, epoch: int, train_loss: float, val_loss: float | None, train: float | None, val: float | None
    ) -> None:
        """Add an epoch; where there is no accuracy.

        The score is 1 - loss / that of a constant answer.
        """
        level = self._start.constant or self._start.chance
        if train is None and level:
            train, val = 1.0 - train_loss / level, None if val_loss is None else 1.0 - val_loss / level
        self.points.append(Point(epoch, train_loss, val_loss, train, val))

    def look_last(self) -> None:
        """Look at the inside of the model as it stands now, and not when the diagnosis is made."""
        if not self.facts.broken:
            began = time.process_time()
            self._last = self._inside()
            self.seconds += time.process_time() - began

    def diagnose(self, steps: Steps) -> Diagnosis:
        """What is wrong with the run, if anything; the first finding is the one to mend."""
        return diagnose(self.evidence(steps), self.catalog)

    def evidence(self, steps: Steps) -> Evidence:
        """Everything that was seen."""
        if self._last is None:
            self.look_last()
        began = time.process_time()
        facts = self.facts
        if steps.targets and not facts.broken:
            order = batch_order(list(steps.targets[: steps.per_epoch]), np.asarray(self.split.train.y))
            facts = attrs.evolve(facts, order=order)
        train_gain, val_gain, confusion = (None, None, ()) if facts.broken else self._reached()
        evidence = Evidence(
            data=facts,
            start=self._start,
            usage=attrs.evolve(self.usage, frozen_mode=steps.frozen_mode, noisy_mode=steps.noisy_mode),
            first=self._first,
            last=self._last,
            samples=tuple(steps.samples),
            losses=tuple(steps.losses),
            extra_first=steps.extras[0] if steps.extras else 0.0,
            extra_last=float(np.mean(steps.extras[-steps.per_epoch :])) if steps.extras else 0.0,
            points=tuple(self.points),
            steps_per_epoch=steps.per_epoch,
            batch_size=steps.batch_size,
            hyper={k: float(v) for k, v in steps.hyper.items() if isinstance(v, int | float)},
            failure=steps.failure,
            confusion=confusion,
            experiments=self._experiments(steps),
            probes=self.probes,
            ignored_last=self._ignored_last(),
            batches=steps.batches,
            train_gain=train_gain,
            val_gain=val_gain,
            resumed=self.resumed,
        )
        self.seconds += time.process_time() - began
        return evidence

    def _ignored_last(self) -> float | None:
        """Looked at only where the untrained model ignored something."""
        if not self.probes.ignored:
            return self.probes.ignored
        return ignored_share(self.model, self._probe.x, recurrent=self.usage.recurrent)

    def _experiments(self, steps: Steps) -> Experiments:
        own = {id(p) for p in self.model.parameters()}
        optimized = steps.held
        return attrs.evolve(
            self.experiments,
            failed=steps.failed,
            repeated=steps.repeated,
            moved=steps.moved,
            step_calls=steps.step_calls,
            foreign=None if optimized is None else len(optimized - own),
            covered=None if optimized is None else len(optimized & own) / max(len(own), 1),
        )

    def _reached(self) -> tuple[Gain | None, Gain | None, tuple[tuple[int, ...], ...]]:
        """What the model reaches now, on up to 500 training and 1,000 validation rows.

        And its confusion of classes.
        """
        train, val = few(self.split.train, _ROWS), self.split.val
        linked = find_baseline(self.loss) is None
        train_gain = gain_of(self._outputs(train), train.y, linked=linked)
        if val is None:
            return train_gain, None, ()
        rows = few(val, 2 * _ROWS)
        outputs = self._outputs(rows)
        return train_gain, gain_of(outputs, rows.y, linked=linked), self._confusion(outputs, rows)

    def _outputs(self, rows: Rows) -> Array:
        with self.model.mode(training=False), no_grad(), np.errstate(all="ignore"):
            return self.model(from_array(rows.x)).numpy()

    def _confusion(self, outputs: Array, rows: Rows) -> tuple[tuple[int, ...], ...]:
        classes = self.facts.classes
        if not 0 < classes <= 100 or rows.y.ndim != 1 or outputs.ndim != 2 or outputs.shape[1] < 2:
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
