"""The charts of a run: loss, accuracy, update ratios, gradients, layers, learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from minigrad.report.chart import COLOURS, Chart, Line, thinned
from minigrad.train.history import Epoch, History
from minigrad.train.monitor.monitor import Monitor

__all__ = ["pictures"]

_TRAIN, _VAL, _CHANCE = 0, 1, 7
_MOST = 12
_UNITS = (("dead", "Dead units", ("relu",)), ("saturated", "Saturated units", ("tanh", "sigmoid")))


def pictures(history: History) -> Iterator[Chart]:
    """The charts that the figures allow, the loss first."""
    points = [*([history.initial] if history.initial is not None else []), *history.epochs]
    if points:
        yield _loss(history, points)
    if history.epochs and history.epochs[-1].train_accuracy is not None:
        yield _accuracy(history)
    if history.monitor is not None and len(history.monitor.parameters):
        yield from _inside(history.monitor, max(history.steps_per_epoch, 1))


def _loss(history: History, points: Sequence[Epoch]) -> Chart:
    epochs = [float(e.epoch) for e in points]
    lines = []
    if history.batch_losses and history.steps_per_epoch:
        at = [(i + 0.5) / history.steps_per_epoch for i in range(len(history.batch_losses))]
        lines.append(Line("batches", *thinned(at, history.batch_losses), _TRAIN, "faint"))
    lines.append(Line("training", epochs, [e.train_loss for e in points], _TRAIN))
    if points[-1].val_loss is not None:
        lines.append(Line("validation", epochs, [_number(e.val_loss) for e in points], _VAL))
    chance = next((c.expected for c in history.checks if c.name == "chance" and c.expected is not None), None)
    if chance is not None:
        lines.append(Line(f"chance {chance:.4g}", [epochs[0], epochs[-1]], [chance, chance], _CHANCE, "dashed"))
    shown = [v for e in points for v in (e.train_loss, _number(e.val_loss)) if math.isfinite(v)]
    return Chart(title="Loss", quantity="per row", lines=tuple(lines), top=1.3 * max(shown) if shown else None)


def _accuracy(history: History) -> Chart:
    epochs = [float(e.epoch) for e in history.epochs]
    lines = [Line("training", epochs, [_number(e.train_accuracy) for e in history.epochs], _TRAIN)]
    if history.epochs[-1].val_accuracy is not None:
        lines.append(Line("validation", epochs, [_number(e.val_accuracy) for e in history.epochs], _VAL))
    return Chart(title="Accuracy", quantity="the gap is overfitting", lines=tuple(lines), percent=True, from_zero=False)


def _inside(monitor: Monitor, steps_per_epoch: int) -> Iterator[Chart]:
    table = monitor.parameters
    at = (table["step"] / steps_per_epoch).tolist()
    for column, title, quantity in (
        ("update_ratio", "Update over weight", "about 1e-3 is usual"),
        ("gradient_rms", "Gradient", "root mean square of each parameter"),
    ):
        chosen = [n for n in table.entries if n.endswith("weight")] or list(table.entries)
        lines = [
            Line(n, at, table.of(n)[column].tolist(), i % COLOURS, "solid" if i < COLOURS else "dashed")
            for i, n in enumerate(chosen[:_MOST])
        ]
        yield Chart(title=title, quantity=quantity, lines=tuple(lines), log=True)
    layers = monitor.layers
    for column, title, kinds in _UNITS:
        if not len(layers) or column not in layers:
            continue
        where = (layers["step"] / steps_per_epoch).tolist()
        names = [n for n, kind in zip(layers.entries, monitor.layer_kinds, strict=True) if kind in kinds]
        lines = [Line(n, where, layers.of(n)[column].tolist(), i % COLOURS) for i, n in enumerate(names[:_MOST])]
        if any(np.isfinite(line.y).any() and max(line.y) > 0.0 for line in lines):
            yield Chart(title=title, quantity="share of the layer", lines=tuple(lines), percent=True)
    if "lr" in monitor.steps and np.ptp(monitor.steps["lr"]) > 0.0:
        rate = thinned((monitor.steps["step"] / steps_per_epoch).tolist(), monitor.steps["lr"].tolist())
        yield Chart(title="Learning rate", quantity="of each update", lines=(Line("lr", *rate),))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
