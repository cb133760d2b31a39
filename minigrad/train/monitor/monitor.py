"""Babysitting: what a run's losses, parameters, gradients and layers do.

And what looking at them costs.

Nothing is hooked into the step: figures are read from parameters and gradients between steps, and those of layers from
a forward pass of a copy on a fixed batch now and then. So programs of `minigrad.define` are watched like any loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Literal, TypeAlias

import numpy as np

from minigrad.checkpoint import Json
from minigrad.core import Tensor
from minigrad.core.tensor import as_array
from minigrad.core.types import AnyArray, Array
from minigrad.nn import Module
from minigrad.optim import StatefulOptimizer
from minigrad.runtime.parameters import assign
from minigrad.train.errors import NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.evaluation import count_correct
from minigrad.train.monitor.columns import ColumnTable
from minigrad.train.monitor.histograms import subsample
from minigrad.train.monitor.layer_stats import LAYER_COLUMNS, layer_stats
from minigrad.train.monitor.nonfinite import REMEDY, first_nonfinite, rerun_debugged
from minigrad.train.monitor.parameter_stats import PARAMETER_COLUMNS, gradient_of, parameter_stats
from minigrad.train.monitor.run_metrics import RunMetrics
from minigrad.train.monitor.sampling_schedule import SamplingSchedule
from minigrad.train.monitor.step_log import BLOCK, StepLog

__all__ = ["Monitor", "Part"]

Part: TypeAlias = Literal["data", "gradient", "update"]

PROBE_ROWS = 256
"""Rows of the fixed batch that the layers are looked at with."""

LAYERS_APART = 25
"""Steps between two looks at the layers, at least.

Where epochs are short, a look costs as much as a step or two.
"""

ACCURACY_EVERY = 4
"""Steps between two looks at the accuracy of a batch.

Finding the largest of all scores costs as much as everything else that is done at each step.
"""


class Monitor(RunMetrics):
    """Watches a training run; call it after each update.

    >>> watch = mg.Monitor(model, optimizer, probe=x_train)
    >>> for x, y in loader:
    ...     optimizer.zero_grad()
    ...     loss = nn.cross_entropy(model(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    ...     watch(loss)

    Args:
        model: its parameters are watched.
        optimizer: a driver, for learning rates and the norm of the whole gradient; None for updates of your own.
        probe: inputs (a tuple for a model that takes several), of which up to 256 rows, evenly spaced, are the batch
            that the layers are looked at with. None leaves out `layers` and the histograms of activations.
        every: steps between two looks at the parameters, at most; at the beginning they are closer.
        steps_per_epoch: updates in an epoch, where that is known; otherwise `epoch` tells when one is over.

    What it has seen is in `steps`, `parameters`, `layers`, `epochs`, `activations` and `gradients`: see `RunMetrics`.
    """

    def __init__(
        self,
        model: Module,
        optimizer: StatefulOptimizer | None = None,
        *,
        probe: AnyArray | Tensor | tuple[AnyArray | Tensor, ...] | None = None,
        every: int = 50,
        steps_per_epoch: int | None = None,
    ) -> None:
        if not isinstance(model, Module):
            raise TrainError(f"a Monitor watches a minigrad.nn.Module, not a {type(model).__name__}")
        self._named = model.named_parameters()
        super().__init__(tuple(name for name, _ in self._named), steps_per_epoch)
        self.model, self.optimizer = model, optimizer
        self.ignored: int | None = None  # a label that does not count in the accuracy of a batch
        values = probe if isinstance(probe, tuple) else () if probe is None else (probe,)
        self._probe = tuple(_few(as_array(x), self._named) for x in values)
        self._every = every
        self._parameter_schedule = SamplingSchedule(6, every, 1)
        self._histogram_schedule, self._layer_schedule = SamplingSchedule(2, 0, 1), SamplingSchedule(2)
        self._schedules = (self._parameter_schedule, self._histogram_schedule, self._layer_schedule)
        self._before: list[Array] = []
        self._updated, self._remembered = 0, 0
        self._wanted, self._updates = False, 0
        self._laps: dict[str, float] = {"data": 0.0, "gradient": 0.0, "update": 0.0}
        self._step_log, self._count = StepLog(), 0
        self.begin()

    # -- during a run ------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Begin the next step now, from the parameters as they are.

        For a model that was given others since.
        """
        began = perf_counter()
        self._updates = 0 if self.optimizer is None else self.optimizer.t
        self._consider_layers(0, self._count)
        self._snapshot_parameters(self._updated)
        self._mark = perf_counter()
        self.seconds_monitor += self._mark - began

    def __call__(
        self,
        loss: Tensor | float,
        *,
        data_loss: Tensor | float | None = None,
        regularization: Tensor | float | None = None,
        accuracy: float | None = None,
        outputs: Tensor | None = None,
        targets: AnyArray | Tensor | None = None,
        again: Callable[[], Tensor] | None = None,
    ) -> None:
        """Take note of a step, after its update and before `zero_grad`.

        Args:
            loss: what the step minimised, at the parameters it began with.
            data_loss: its part that depends on the rows.
            regularization: its part that depends on the parameters alone.
            accuracy: of the batch, a share in [0, 1].
            outputs: scores that tell the accuracy with `targets`, in every fourth step.
            targets: labels of the batch.
            again: computes the loss of this batch once more; only called to find out why it is not finite.

        Raises:
            NonFiniteLoss: the loss is NaN or infinite; names the first op whose result was and, with `again`, the line
                that called it. An optimizer of minigrad has not let it reach the parameters.
        """
        now = perf_counter()
        step = self._count = self._count + 1
        value = _number(loss)
        right = math.nan if accuracy is None else accuracy
        if outputs is not None and targets is not None and step % ACCURACY_EVERY == 0:
            right = _accuracy(as_array(outputs), as_array(targets), self.ignored)
        t = norm = math.nan
        opt = self.optimizer
        if opt is None:
            self._guard_parameters(step)
            self._look_if_wanted(step)
        elif opt.t != self._updates:  # otherwise it gathers micro-batches, and made no update
            t = self._updates = opt.t
            norm = opt.gradient_norm
            self._look_if_wanted(step)
        if self._in_steps and step % self._every == 0:
            self._consider_layers(step // self._every, step)
        laps = self._laps
        data, gradient, update = laps["data"], laps["gradient"], laps["update"]
        seconds = now - self._mark + data + gradient + update
        parts = _number(data_loss), _number(regularization)
        entry = (value, *parts, right, norm, t, seconds, data, gradient, update)
        self._step_log.entries.append(entry)
        self._laps = dict.fromkeys(laps, 0.0)
        self._mark = perf_counter()
        self._step_log.spent.append(self._mark - now)
        if len(self._step_log.spent) == BLOCK:
            self._flush()
            self._mark = perf_counter()
        self.seconds += seconds
        self.seconds_monitor += self._mark - now
        if not math.isfinite(value):
            described = f"; first not finite: {first_nonfinite(loss, self.model)}" if isinstance(loss, Tensor) else ""
            raise NonFiniteLoss(f"the loss is {value} at step {step}{described}{rerun_debugged(again)}{REMEDY}")

    @property
    def steps(self) -> ColumnTable:
        """The figures of steps; see `RunMetrics`."""
        self._flush()
        return self._steps

    def _flush(self) -> None:
        self._step_log.flush(self._steps, None if self.optimizer is None else self.optimizer.rates)

    def lap(self, part: Part) -> None:
        """Count the time since the last lap as `part` of the present step.

        Since the last step was noted, for the first lap.
        """
        now = perf_counter()
        self._laps[part] += now - self._mark
        self._mark = now

    def epoch(self, **figures: float | None) -> None:
        """Note that an epoch is over, with its `figures`, such as `val_loss=...`.

        They go into `epochs` (those that are None do not).
        """
        began = perf_counter()
        number, step = len(self.epochs) + 1, self._count
        self._flush()
        self._consider_layers(number, step)
        self._mark = perf_counter()
        self.seconds_monitor += self._mark - began
        values = {name: float(v) for name, v in figures.items() if v is not None}
        times = {"seconds": self.seconds, "seconds_monitor": self.seconds_monitor}
        self.epochs.append({"epoch": float(number), "step": float(step), **times, **values})

    def restore_last_weights(self) -> int:
        """Give the parameters the latest values that were copied; return after which step.

        They are at most `every` steps old.

        For updates in place that went wrong: others leave the parameters as they were.
        """
        for old, (_, t) in zip(self._before, self._named, strict=True):
            assign(t, old)
        return self._remembered

    def resume_clock(self) -> None:
        """Leave what happened since the last step was noted out of the next one.

        An evaluation, say.
        """
        self._mark = perf_counter()

    def look_at_layers(self) -> None:
        """Add a row to `layers` and to the histograms now.

        Unless the last one is of this very step.
        """
        step = self._count
        if not len(self.layers) or self.layers["step"][-1] != step:
            self._look_at_layers(step)
        if not len(self.gradients) or self.gradients.step[-1] != step:
            self._count_gradients(step)

    def about(self) -> dict[str, Json]:
        """Describe the arrays, and say when the next looks are due.

        So a resumed run takes them where the whole run would.
        """
        return {**super().about(), "due": [schedule.due for schedule in self._schedules], "updated": self._updated}

    def restore(self, arrays: Mapping[str, Array], about: Mapping[str, Json]) -> None:
        """Go on from what `arrays` and `about` gave for a run of this model.

        `begin` once its parameters are in place.

        Errors as for `RunMetrics`.
        """
        due = about["due"]
        if not isinstance(due, list) or len(due) != len(self._schedules):
            raise TypeError("it is not said when to look next")
        numbers, updated = [int(str(n)) for n in due], int(str(about["updated"]))
        super().restore(arrays, about)
        self._step_log, self._count = StepLog(), len(self._steps)
        self._updated = updated
        for schedule, number in zip(self._schedules, numbers, strict=True):
            schedule.due = number

    @property
    def _in_steps(self) -> bool:
        """Whether the length of an epoch is unknown: layers are then sampled every `every` steps."""
        return not self.steps_per_epoch and not len(self.epochs)

    # -- looking -----------------------------------------------------------------------------------------------------
    def _snapshot_parameters(self, step: int) -> None:
        """Copy the parameters where the next step needs it.

        If the step after `step` is to be looked at, or no optimizer guards them.
        """
        self._wanted = self._parameter_schedule.due <= step + 1
        if not self._wanted and self.optimizer is not None:
            return
        self._remembered = step
        if not self._before:
            self._before = [t._node.value.copy() for _, t in self._named]
            return
        for old, (_, t) in zip(self._before, self._named, strict=True):
            np.copyto(old, t._node.value)

    def _look_if_wanted(self, step: int) -> None:
        if self._wanted:
            self._look_at_parameters(step)
        if step >= self._histogram_schedule.due:
            self._histogram_schedule.mark_taken(step)
            self._count_gradients(step)
        self._updated = step
        self._snapshot_parameters(step)

    def _look_at_parameters(self, step: int) -> None:
        """Compare the parameters with their copies from before the step.

        And describe their gradients.
        """
        row: dict[str, list[float]] = {name: [] for name in PARAMETER_COLUMNS}
        for old, (_, t) in zip(self._before, self._named, strict=True):
            for name, value in zip(PARAMETER_COLUMNS, parameter_stats(old, t), strict=True):
                row[name].append(value)
        self.parameters.append({"step": float(step), **row})
        self._parameter_schedule.mark_taken(step)

    def _consider_layers(self, number: int, step: int) -> None:
        """Look at the layers if it is time after so many epochs (or times `every` steps)."""
        latest = self.layers["step"][-1] if len(self.layers) else -LAYERS_APART
        if number >= self._layer_schedule.due and step - latest >= LAYERS_APART:
            self._layer_schedule.mark_taken(number)
            self._look_at_layers(step)

    def _look_at_layers(self, step: int) -> None:
        if self._probe:
            stats = layer_stats(self.model, *self._probe)
            names = tuple(f.name for f in stats)
            if not self.layers.entries:
                self.layers, self.layer_kinds = ColumnTable(names), tuple(f.kind for f in stats)
            if names == self.layers.entries:
                columns = {name: [getattr(f, name) for f in stats] for name in LAYER_COLUMNS}
                self.layers.append({"step": float(step), **columns})
            self.activations.append(step, {f.name: f.sample for f in stats})

    def _count_gradients(self, step: int) -> None:
        grads = {name: gradient_of(t) for name, t in self._named}
        if any(g is not None for g in grads.values()):
            empty = np.zeros(0)
            self.gradients.append(step, {n: empty if g is None else subsample(g) for n, g in grads.items()})

    def _guard_parameters(self, step: int) -> None:
        """Put parameters that an update has spoilt back to what they were before it.

        The update is one of the caller's own.
        """
        bad = [name for name, t in self._named if not np.isfinite(t._node.value).all()]
        if bad:
            self.restore_last_weights()
            raise NonFiniteError(
                f"step {step}: the update made {', '.join(bad)} infinite or NaN, and they have been put back. {REMEDY}"
            )


def _few(x: Array, named: list[tuple[str, Tensor]]) -> Array:
    """Up to `PROBE_ROWS` rows, evenly spaced; floats in the dtype of the parameters."""
    rows = x[np.linspace(0, len(x) - 1, min(PROBE_ROWS, len(x))).astype(np.intp)]
    return rows.astype(named[0][1].dtype) if named and rows.dtype.kind == "f" else rows


def _accuracy(outputs: Array, labels: Array, ignored: int | None) -> float:
    right = count_correct(outputs, labels, ignored)
    count = labels.size if ignored is None else int(np.count_nonzero(labels != ignored))
    return math.nan if right is None else right / max(count, 1)


def _number(value: Tensor | float | None) -> float:
    if value is None:
        return math.nan
    return value.item() if isinstance(value, Tensor) else float(value)
