"""Figures measured after each epoch: built in, by name, or functions of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array
from minigrad.data.prepare.targets import NumberTarget
from minigrad.nn import BinaryCrossEntropy, Loss, Module
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import outputs_of
from minigrad.train.history import Criterion, Epoch
from minigrad.train.label_weights import class_axis
from minigrad.train.metric_functions import METRICS, Mode, log_probabilities
from minigrad.train.splits import Rows, Split

__all__ = ["Metric", "MetricChoice", "MetricSet", "Metrics", "choose_criterion", "choose_metrics"]

Metric: TypeAlias = Callable[[Array, Array], float]
"""Type of a figure from all outputs and targets of the validation rows, as arrays.

Training rows where there are none. A function whose first arguments are called `y_true` and `y_pred`, `y_score` or
`y_proba`, as those of scikit-learn, gets targets and predictions instead: class numbers or probabilities, or numbers
in their own units.
"""
MetricChoice: TypeAlias = Sequence[str | Metric] | Mapping[str, str | Metric]
"""Type of names and functions, under names of one's own or those of the functions."""

_TAKEN = ("epoch", "loss", "seconds", "train_loss", "val_loss", "train_accuracy", "val_accuracy")


@attrs.frozen
class MetricSet:
    """The figures of a run, each a function of outputs and targets as the model has them.

    Attributes:
        functions: by name.
        modes: whether the best epoch has the smallest or the largest; None where that is not known.
        ignored: a label whose entries are left out, None where all count.
    """

    functions: Mapping[str, Metric] = attrs.field(factory=dict)
    modes: Mapping[str, Mode | None] = attrs.field(factory=dict)
    ignored: int | None = None

    def measure(self, outputs: Array, targets: Array) -> dict[str, float]:
        """Every figure.

        Raises:
            TrainError: a function fails or returns no number; names it.
        """
        if self.ignored is not None:
            if outputs.shape[:-1] != targets.shape:
                outputs = np.moveaxis(outputs, class_axis(outputs.shape, targets.shape), -1)
            counted = targets != self.ignored
            outputs, targets = outputs[counted], targets[counted]
        figures: dict[str, float] = {}
        for name, function in self.functions.items():
            try:
                figures[name] = float(function(outputs, targets))
            except Exception as error:
                raise TrainError(f"metric {name!r}: {type(error).__name__}: {error}") from error
        return figures


def choose_metrics(choice: MetricChoice, split: Split, loss: Loss) -> MetricSet:
    """The metrics that were asked for, ready for the targets of these rows.

    Args:
        choice: names of built-in ones and functions.
        split: whose targets tell classes from numbers, and in which units these are.
        loss: tells yes-or-no targets from numbers.

    Raises:
        TrainError: there is no such metric, it is for other targets, or its name is taken.
    """
    kind = _kind(split, loss)
    target = None if split.dataset is None or split.dataset.preparation is None else split.dataset.preparation.target
    units = target if isinstance(target, NumberTarget) else None
    functions: dict[str, Metric] = {}
    modes: dict[str, Mode | None] = {}
    named = choice.items() if isinstance(choice, Mapping) else [(_name_of(m), m) for m in choice]
    for name, metric in named:
        if name in _TAKEN or name in functions:
            raise TrainError(f"a metric cannot be called {name!r}, which is taken: give it another name")
        if isinstance(metric, str):
            functions[name], modes[name] = _built_in(metric, kind, units), METRICS[metric].mode
        elif callable(metric):
            functions[name], modes[name] = _adapted(metric, kind, units), _mode_of(metric)
        else:
            raise TrainError(f"metric {name!r} is of type {type(metric).__name__}: give a name or a function")
    return MetricSet(functions, modes, split.ignored)


def choose_criterion(monitor: str, mode: str | None, metrics: MetricSet, split: Split) -> Criterion:
    """What the best epoch is chosen by.

    Args:
        monitor: "loss", "accuracy", "train_loss", "val_accuracy" ..., or the name of a metric.
        mode: "min" or "max"; None where the name says it.
        metrics: of the run.
        split: tells which figures there are.

    Raises:
        TrainError: there is no such figure, the mode is another word, or one is needed.
    """
    known = ["loss", "train_loss", *(["accuracy", "train_accuracy"] if split.train.has_labels else [])]
    if split.val is not None:
        known += [f"val_{name}" for name in known if "_" not in name]
    known += list(metrics.functions)
    if monitor not in known:
        more = f" Give it by metrics={[monitor]} besides." if monitor in METRICS else ""
        raise TrainError(
            f"monitor: the run has no figure {monitor!r}.{nearest(monitor, known)}{more} Known: {', '.join(known)}"
        )
    if mode not in ("min", "max", None):
        raise TrainError(f"mode must be 'min' or 'max', got {mode!r}")
    usual: Mode | None = "min" if monitor.endswith("loss") else "max" if monitor.endswith("accuracy") else None
    chosen = mode or metrics.modes.get(monitor, usual)
    if chosen is None:
        raise TrainError(f"monitor={monitor!r}: say whether a large or a small figure is better: mode='max' or 'min'")
    return Criterion(monitor, "max" if chosen == "max" else "min")


def _kind(split: Split, loss: Loss) -> str:
    if split.train.has_labels:
        return "classes"
    return "labels" if isinstance(loss, BinaryCrossEntropy) else "numbers"


def _name_of(metric: object) -> str:
    return metric if isinstance(metric, str) else str(getattr(metric, "__name__", type(metric).__name__))


def _built_in(name: str, kind: str, units: NumberTarget | None) -> Metric:
    if name not in METRICS:
        raise TrainError(f"there is no metric {name!r}.{nearest(name, METRICS)} Known: {', '.join(METRICS)}")
    metric = METRICS[name]
    if kind not in metric.kinds:
        fitting = ", ".join(other for other, m in METRICS.items() if kind in m.kinds)
        words = {"classes": "classes", "labels": "labels that are yes or no", "numbers": "numbers"}
        raise TrainError(f"the metric {name!r} is not for targets that are {words[kind]}: choose of {fitting}")
    function = metric.function
    if kind == "labels":
        return lambda outputs, targets: function(_columns(outputs), _columns(targets))
    if units is None:
        return function
    return lambda outputs, targets: function(units.decode(outputs), units.decode(targets))


def _columns(values: Array) -> Array:
    return values.reshape(len(values), -1)


def _mode_of(metric: Metric) -> Mode | None:
    """Which way is better, as scikit-learn's names say it."""
    name = _name_of(metric)
    if name.endswith("_score") or name in ("accuracy", "f1", "auc", "r2"):
        return "max"
    return "min" if name.endswith(("_loss", "_error", "_deviance")) else None


def _adapted(metric: Metric, kind: str, units: NumberTarget | None) -> Metric:
    """A function of outputs and targets from one whose arguments are `y_true, y_pred`."""
    try:
        names = [*inspect.signature(metric).parameters, "", ""]
    except (TypeError, ValueError):
        return metric
    if names[0] not in ("y_true", "labels_true"):
        return metric
    shares = names[1] in ("y_score", "y_proba", "y_prob") or _name_of(metric) == "log_loss"

    def call(outputs: Array, targets: Array) -> float:
        if kind == "numbers":
            decode = np.asarray if units is None else units.decode
            return float(metric(decode(targets), decode(outputs.reshape(targets.shape))))
        if kind == "labels":
            chances: Array = 1.0 / (1.0 + np.exp(-outputs.astype(np.float64)))
            return float(metric(np.rint(targets).astype(np.int64), chances if shares else np.rint(chances)))
        labels, scores = targets.reshape(-1), outputs.reshape(-1, outputs.shape[-1])
        if not shares:
            return float(metric(labels, scores.argmax(axis=-1)))
        probabilities = np.exp(log_probabilities(scores))
        return float(metric(labels, probabilities[:, 1] if scores.shape[-1] == 2 else probabilities))

    return call


class Metrics(Callback):
    """Measures functions of the user's own after each epoch.

    `fit(..., metrics=...)` does the same, and can choose the best epoch by them.

    Attributes:
        values: one entry for each epoch of this process: `{"epoch": 3, "top3": 0.97}`.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.values: list[dict[str, float]] = []
        self._metrics = MetricSet(dict(metrics))

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Measure.

        Raises:
            TrainError: a metric is not a number.
        """
        rows = run.split.val or run.split.train
        self.values.append({"epoch": float(epoch.epoch), **measured_on(run.model, rows, self._metrics)})


def measured_on(model: Module, rows: Rows, metrics: MetricSet) -> dict[str, float]:
    """Every figure of a model on rows, in evaluation mode."""
    return metrics.measure(outputs_of(model, rows.x), rows.y) if metrics.functions else {}
