"""The charts of a run from its figures.

Loss, accuracy, update ratios, learning rate, layers, histograms.

They feed `report.html` and the pictures in the folder of the run alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from minigrad.charts import Band, Dot, Line, LineChart, Picture, thin_out
from minigrad.charts.axis import format_tick
from minigrad.core.types import Array
from minigrad.train.history import Epoch, History
from minigrad.train.monitor.histograms import Histograms
from minigrad.train.monitor.run_metrics import RunMetrics

__all__ = ["USUAL_RATIO", "histogram_chart", "history_charts", "spread_over", "subtitle"]

T = TypeVar("T")

_TRAIN, _VAL, _NEUTRAL = 0, 1, 7
_LINES, _PANELS = 12, 9
USUAL_RATIO = 1e-3
"""Update-to-weight ratio that the course notes call about right."""
LOG_FROM = 30.0
"""Ratio of epochs' losses from which the loss has a logarithmic axis.

The largest is this many times the smallest.
"""
_UNITS = (("dead", "Dead units", ("relu", "relu6")), ("saturated", "Saturated units", ("tanh", "sigmoid")))


def history_charts(history: History, parameters: Sequence[str] = ()) -> Iterator[Picture]:
    """The pictures that the figures of a run allow, the loss first.

    Args:
        history: of the run.
        parameters: names of the weights whose gradients are drawn as histograms; all parameters if there are none.
    """
    points = [*([history.initial] if history.initial is not None else []), *history.epochs]
    if points:
        yield _loss(history, points)
    if history.epochs and history.epochs[-1].train_accuracy is not None:
        yield _accuracy(history)
    monitor = history.monitor
    if monitor is None:
        return
    if len(monitor.parameters):
        yield _ratios(history, monitor)
        yield _gradient_sizes(monitor)
    if "lr" in monitor.steps and np.isfinite(monitor.steps["lr"]).any():
        yield _schedule(history, monitor)
    yield from _units(monitor)
    if len(monitor.activations):
        kinds = dict(zip(monitor.layers.entries, monitor.layer_kinds, strict=True))
        names = {k: f"{n} ({kinds[n]})" if n in kinds else n for k, n in enumerate(monitor.activations.entries)}
        yield histogram_chart("activations", "Outputs of layers", "output", monitor, monitor.activations, names)
    if len(monitor.gradients):
        entries = monitor.gradients.entries
        names = {k: n for k, n in enumerate(entries) if not parameters or n in parameters}
        yield histogram_chart(
            "gradients", "Gradients of weights", "gradient of the batch loss", monitor, monitor.gradients,
            names or dict(enumerate(entries)),
        )  # fmt: skip


def subtitle(history: History) -> str:
    """Data set and optimizer in a word each."""
    words = [str(history.config[key]).split(" ")[0] for key in ("data", "optimizer") if key in history.config]
    return ", ".join(word for word in words if not word[0].isdigit())  # arrays have no name, only numbers of rows


# -- epochs ------------------------------------------------------------------------------------------------------------
def _loss(history: History, points: Sequence[Epoch]) -> Picture:
    """Draw the loss over epochs.

    Every batch faintly, training and validation rows after each epoch, and the best epoch.

    The width of the faint band is the wiggle, which shrinks with larger batches (course notes, loss function, right).
    """
    epochs = [float(e.epoch) for e in points]
    curves = [[e.train_loss for e in points], [_number(e.val_loss) for e in points]]
    shown = [v for curve in curves for v in curve if math.isfinite(v)]
    log = bool(shown) and min(shown) > 0.0 and max(shown) > LOG_FROM * min(shown)
    lines = []
    if history.batch_losses and history.steps_per_epoch:
        at = [(i + 0.5) / history.steps_per_epoch for i in range(len(history.batch_losses))]
        name = "training batches" + (", with regularization" if history.config.get("regularization") else "")
        lines.append(Line(name, *thin_out(at, history.batch_losses), _TRAIN, "faint"))
    dots = len(points) <= 40
    lines.append(Line("training", epochs, curves[0], _TRAIN, dots=dots))
    if points[-1].val_loss is not None:
        lines.append(Line("validation", epochs, curves[1], _VAL, dots=dots))
    chance = next((c.expected for c in history.checks if c.name == "chance" and c.expected is not None), None)
    if chance is not None:
        lines.append(Line(f"chance {chance:.4g}", [epochs[0], epochs[-1]], [chance, chance], _NEUTRAL, "dashed"))
    best = history.best
    value = None if best is None else best.train_loss if best.val_loss is None else best.val_loss
    ring = () if best is None or value is None else (Dot(f"best epoch {best.epoch}: {value:.4g}", best.epoch, value),)
    chart = LineChart(
        lines=tuple(lines), ylabel="loss per row", log=log, top=1.3 * max(shown) if shown else None, dots=ring
    )
    axis = "per row, logarithmic" if log else "per row"
    return Picture(name="loss", title="Loss", subtitle=_joined(axis, subtitle(history)), plots=(chart,))


def _accuracy(history: History) -> Picture:
    """Draw the accuracy over epochs.

    The gap between training and validation is shaded: the amount of overfitting.
    """
    epochs = [float(e.epoch) for e in history.epochs]
    train = [_number(e.train_accuracy) for e in history.epochs]
    val = [_number(e.val_accuracy) for e in history.epochs]
    dots = len(epochs) <= 40
    lines = [Line("training", epochs, train, _TRAIN, dots=dots)]
    bands: tuple[Band, ...] = ()
    best, ring = history.best, None
    if history.epochs[-1].val_accuracy is not None:
        lines.append(Line("validation", epochs, val, _VAL, dots=dots))
        last = 100.0 * (train[-1] - val[-1])
        low, high = ([f(a, b) for a, b in zip(train, val, strict=True)] for f in (min, max))
        bands = (Band(f"gap, {last:.1f} points at the end", epochs, low, high),)
        ring = None if best is None else best.val_accuracy
    elif best is not None:
        ring = best.train_accuracy
    dot = () if best is None or ring is None else (Dot(f"best epoch {best.epoch}: {ring:.2%}", best.epoch, ring),)
    chart = LineChart(lines=tuple(lines), ylabel="accuracy", percent=True, from_zero=False, bands=bands, dots=dot)
    words = _joined("the gap is overfitting" if bands else "", subtitle(history))
    return Picture(name="accuracy", title="Accuracy", subtitle=words, plots=(chart,))


# -- parameters and updates --------------------------------------------------------------------------------------------
def _ratios(history: History, monitor: RunMetrics) -> Picture:
    """Draw the update-to-weight ratio ||w' - w|| / ||w|| of the weights.

    With the notes' 1e-3 as a line.
    """
    at = monitor.in_epochs(monitor.parameters["step"]).tolist()
    lines, remark = _parameter_lines(monitor, "update_ratio", at)
    usual = Line("about right: 1e-3", [at[0], at[-1]], [USUAL_RATIO, USUAL_RATIO], _NEUTRAL, "dashed")
    chart = LineChart(lines=(*lines, usual), ylabel="||update|| / ||weights||", log=True)
    words = _joined("about 1e-3 is usual", subtitle(history))
    return Picture(name="ratios", title="Update over weight", subtitle=words, plots=(chart,), remarks=remark)


def _gradient_sizes(monitor: RunMetrics) -> Picture:
    at = monitor.in_epochs(monitor.parameters["step"]).tolist()
    lines, remark = _parameter_lines(monitor, "gradient_rms", at)
    chart = LineChart(lines=tuple(lines), ylabel="gradient", log=True)
    return Picture(
        name="gradient_sizes",
        title="Gradient",
        subtitle="root mean square of each parameter",
        plots=(chart,),
        remarks=remark,
    )


def _parameter_lines(monitor: RunMetrics, column: str, at: list[float]) -> tuple[list[Line], tuple[str, ...]]:
    table = monitor.parameters
    weights = [n for n in table.entries if "bias" not in n.rpartition(".")[2]] or list(table.entries)
    chosen = spread_over(weights, _LINES)
    lines = [Line(n, at, _positive(table.of(n)[column]).tolist(), _color(k, len(chosen))) for k, n in enumerate(chosen)]
    return lines, _left_out(len(chosen), len(weights), "parameters")


def _schedule(history: History, monitor: RunMetrics) -> Picture:
    """Learning rate of every update, of each parameter group."""
    steps = monitor.steps
    at = monitor.in_epochs(steps["step"])
    groups = [name for name in steps.names if name == "lr" or name.startswith("lr_")]
    lines = []
    for k, name in enumerate(groups):
        exists = np.isfinite(steps[name])  # there is no rate where micro-batches are gathered
        points = thin_out(at[exists].tolist(), steps[name][exists].tolist())
        label = f"group {name.partition('_')[2] or 0}" if len(groups) > 1 else "learning rate"
        lines.append(Line(label, *points, _color(k, len(groups))))
    values = [v for line in lines for v in line.y]
    small = bool(values) and min(values) > 0.0 and float(np.median(values)) <= 0.11 * max(values)
    chart = LineChart(lines=tuple(lines), ylabel="learning rate", log=small)
    words = _joined("of each update" + (", logarithmic" if small else ""), subtitle(history))
    return Picture(name="schedule", title="Learning rate", subtitle=words, plots=(chart,))


# -- layers ------------------------------------------------------------------------------------------------------------
def _units(monitor: RunMetrics) -> Iterator[Picture]:
    """Shares of units that do nothing: dead rectifiers, saturated squashing functions."""
    layers = monitor.layers
    for column, title, kinds in _UNITS:
        if not len(layers) or column not in layers:
            continue
        at = monitor.in_epochs(layers["step"]).tolist()
        names = [n for n, kind in zip(layers.entries, monitor.layer_kinds, strict=True) if kind in kinds]
        chosen = spread_over(names, _LINES)
        lines = [
            Line(n, at, layers.of(n)[column].tolist(), _color(k, len(chosen)), dots=len(at) <= 40)
            for k, n in enumerate(chosen)
        ]
        if any(np.nanmax(line.y, initial=0.0) > 0.0 for line in lines):
            chart = LineChart(lines=tuple(lines), ylabel="share of the layer", percent=True)
            remark = _left_out(len(chosen), len(names), "layers")
            yield Picture(name=column, title=title, subtitle="share of the layer", plots=(chart,), remarks=remark)


def histogram_chart(
    name: str, title: str, quantity: str, monitor: RunMetrics, histograms: Histograms, entries: Mapping[int, str]
) -> Picture:
    """Draw a panel for each of up to nine entries.

    Their histograms at the beginning, middle and end of the run.

    Args:
        name: of the file.
        title: of the picture.
        quantity: along the horizontal axes.
        monitor: of the run.
        histograms: all of them.
        entries: number of an entry -> title of its panel.
    """
    chosen = spread_over(list(entries), _PANELS)
    epochs = monitor.in_epochs(histograms.step)
    middle = int(np.argmin(np.abs(epochs - 0.5 * epochs[-1])))
    times = list(dict.fromkeys((0, middle, len(histograms) - 1)))
    panels = []
    for k in chosen:
        lines = [
            Line(f"epoch {_short(epochs[time])}", *_outline(histograms, time, k), (i, len(times)), "steps")
            for i, time in enumerate(times)
        ]
        panels.append(
            LineChart(
                lines=tuple(lines), title=entries[k], xlabel=quantity, ylabel="share of entries in a bin", log=True,
                width=290.0, height=210.0,
            )
        )  # fmt: skip
    return Picture(
        name=name,
        title=title,
        subtitle="share of entries in a bin, logarithmic",
        plots=tuple(p for p in panels if not p.empty),
        columns=min(3, len(panels)),
        remarks=_left_out(len(chosen), len(entries), "entries"),
    )


def _outline(histograms: Histograms, time: int, entry: int) -> tuple[list[float], list[float]]:
    """Compute the outline of a histogram as a line.

    Two points for each bin, gaps where bins are empty.
    """
    counts = histograms.counts[time, entry]
    if not counts.sum():
        return [], []
    edges = np.linspace(histograms.low[time, entry], histograms.high[time, entry], counts.size + 1)
    shares = _positive(counts / counts.sum())
    return np.repeat(edges, 2)[1:-1].tolist(), np.repeat(shares, 2).tolist()


# -- helpers -----------------------------------------------------------------------------------------------------------
def spread_over(items: Sequence[T], count: int) -> list[T]:
    """Up to `count` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]


def _color(index: int, count: int) -> int | tuple[int, int]:
    """Colors that differ for a few lines, an order of colors for many."""
    return index if count <= 6 else (index, count)


def _left_out(shown: int, total: int, what: str) -> tuple[str, ...]:
    return (f"{shown} of {total} {what} are shown, evenly spaced",) if shown < total else ()


def _positive(values: Array) -> Array:
    """With NaN where a logarithmic axis has no place."""
    return np.where((values > 0.0) & np.isfinite(values), values, np.nan)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _short(epoch: float) -> str:
    return f"{epoch:.0f}" if abs(epoch - round(epoch)) < 0.005 else format_tick(round(epoch, 2))


def _joined(*words: str) -> str:
    return "; ".join(word for word in words if word)
