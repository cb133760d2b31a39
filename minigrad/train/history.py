"""What happened in a run: epochs, batch losses, checks, best weights.

Plain values, ready for JSON and plots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Literal

import attrs

from minigrad import lazy
from minigrad.charts import Picture
from minigrad.core.types import Array
from minigrad.text import as_html, finite_or_none
from minigrad.train.checks.check import Check
from minigrad.train.monitor.monitor import Monitor

__all__ = ["Criterion", "Epoch", "History", "Interrupted"]


@attrs.frozen
class Epoch:
    """Figures after an epoch, on the training and the validation set.

    They are measured on the whole training set, or a fixed part of it.

    Attributes:
        epoch: number, from 1; 0 for the untrained model.
        train_loss: mean data loss a training row, without regularization.
        val_loss: mean data loss a validation row; None where there are none.
        train_accuracy: share in [0, 1] of training rows; None for regression.
        val_accuracy: share of validation rows; None for regression, and where there are none.
        seconds: since training began, evaluation included.
        metrics: other figures by name, on validation rows if there are some; see `fit(metrics=...)`.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    train_accuracy: float | None
    val_accuracy: float | None
    seconds: float
    metrics: Mapping[str, float] = attrs.field(factory=dict)

    @property
    def rank(self) -> tuple[float, float]:
        """Return what the best epoch has most of: accuracy, then minus loss.

        On validation rows where there are some.
        """
        loss = self.train_loss if self.val_loss is None else self.val_loss
        accuracy = self.train_accuracy if self.val_loss is None else self.val_accuracy
        return (0.0 if accuracy is None else accuracy, -loss if math.isfinite(loss) else -math.inf)

    def figure(self, name: str) -> float | None:
        """A figure or metric by name.

        `loss` and `accuracy` are those of validation rows, where there are some.
        """
        if name in self.metrics:
            return self.metrics[name]
        if name in ("loss", "accuracy"):
            name = f"{'train' if self.val_loss is None else 'val'}_{name}"
        value: float | None = getattr(self, name, None)
        return value


@attrs.frozen
class Criterion:
    """What the best epoch is chosen by, where that is not accuracy, then loss.

    Attributes:
        name: of a figure of `Epoch`, or of a metric.
        mode: whether the best epoch has the smallest or the largest.
    """

    name: str
    mode: Literal["min", "max"]

    def rank(self, epoch: Epoch) -> tuple[float, float]:
        """What the best epoch has most of; of equal ones that with the lowest loss."""
        value = epoch.figure(self.name)
        if value is None or math.isnan(value):
            return (-math.inf, epoch.rank[1])
        return (value if self.mode == "max" else -value, epoch.rank[1])


@attrs.define(eq=False)
class History:
    """A run as it unfolded.

    Attributes:
        epochs: one entry for each completed epoch.
        initial: figures of the untrained model.
        batch_losses: what was minimised (data loss and regularisation) at every step; `steps_per_epoch` of them each.
        best: the epoch with the highest validation accuracy, of equal ones that with the lowest validation loss; for
            regression the lowest loss; training figures where there are no validation rows. With `chosen_by`, by that.
        best_weights: `state_dict` of the model after that epoch.
        checks: results of the sanity checks.
        monitor: figures of steps, parameters and layers; None for a history that is not of `fit`.
        stopped: why the run ended before its last epoch; empty if it did not.
        chosen_by: what the best epoch is chosen by instead; see `fit(monitor=...)`.
        config: everything needed to repeat the run.
    """

    config: Mapping[str, object] = attrs.field(factory=dict, repr=False)
    steps_per_epoch: int = 0
    initial: Epoch | None = None
    epochs: list[Epoch] = attrs.field(factory=list)
    batch_losses: list[float] = attrs.field(factory=list, repr=False)
    best: Epoch | None = None
    best_weights: dict[str, Array] = attrs.field(factory=dict, repr=False)
    checks: list[Check] = attrs.field(factory=list, repr=False)
    monitor: Monitor | None = attrs.field(default=None, repr=False)
    stopped: str = ""
    chosen_by: Criterion | None = None

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def last(self) -> Epoch | None:
        """The latest completed epoch."""
        return self.epochs[-1] if self.epochs else None

    @property
    def criterion(self) -> str:
        """What the best epoch is chosen by, in words."""
        if self.chosen_by is not None:
            return self.chosen_by.name
        example = self.last or self.initial
        split = "training" if example is None or example.val_loss is None else "validation"
        scored = example is not None and example.train_accuracy is not None
        return f"{split} {'accuracy' if scored else 'loss'}"

    def is_better(self, epoch: Epoch) -> bool:
        """Whether an epoch is better than the best so far."""
        if self.best is None:
            return True
        if self.chosen_by is None:
            return epoch.rank > self.best.rank
        return self.chosen_by.rank(epoch) > self.chosen_by.rank(self.best)

    def column(self, name: str) -> list[float | None]:
        """One figure or metric of all epochs: `history.column("val_loss")`.

        Raises:
            KeyError: there is none of this name.
        """
        known = {field.name for field in attrs.fields(Epoch)} | {"loss", "accuracy"}
        if name not in known and not any(name in e.metrics for e in self.epochs):
            raise KeyError(
                f"there is no figure {name!r}: there are {', '.join(sorted(known | set(self.metric_names)))}"
            )
        return [e.figure(name) for e in self.epochs]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics that were measured besides."""
        example = self.last or self.initial
        return () if example is None else tuple(example.metrics)

    def _repr_html_(self) -> str:
        """The best epoch and the curves of loss and accuracy, as a notebook shows them."""
        charts: Callable[[History], Iterator[Picture]] = lazy.load("minigrad.train.output.run_charts", "history_charts")
        best = self.best
        figures = {} if best is None else {name: best.figure(name) for name in ("loss", "accuracy", *best.metrics)}
        words = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value is not None)
        chosen = "" if best is None else f"; best epoch {best.epoch} by {self.criterion}: {words}"
        ended = f"; ended early: {self.stopped}" if self.stopped else ""
        shown = [chart.svg() for chart in islice(charts(self), 2)] if self.epochs else []
        return as_html(f"{len(self)} epochs{chosen}{ended}") + "".join(f"<div>{svg}</div>" for svg in shown)

    def as_dict(self) -> dict[str, object]:
        """All figures (not the weights) as JSON values; NaN and infinity become None."""
        return {
            "config": dict(self.config),
            "checks": [_plain(c) for c in self.checks],
            "initial": _plain(self.initial),
            "epochs": [_plain(e) for e in self.epochs],
            "best": _plain(self.best),
            "chosen_by": self.criterion,
            "stopped": self.stopped,
            "monitoring": None if self.monitor is None else self.monitor.cost(),
        }


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run, after callbacks were told and the best weights put back.

    Attributes:
        history: of the run, with the epochs completed so far.
    """

    def __init__(self, history: History) -> None:
        super().__init__(f"interrupted after {len(history.epochs)} epochs")
        self.history = history


def _plain(record: Epoch | Check | None) -> object:
    return None if record is None else finite_or_none(attrs.asdict(record))
