"""Pictures of a run: loss and accuracy over epochs, and all the others. Nothing is imported before it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.train.callbacks import Run
from minigrad.train.evaluation import eval_mode
from minigrad.train.history import Epoch, History
from minigrad.train.output.canvas import TRAIN, VAL, axes_of
from minigrad.train.output.pictures import (
    confusion_figure,
    histogram_figure,
    images_of,
    ratio_figure,
    schedule_figure,
    weights_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_figure", "draw", "loss_figure"]

_CLASSES = 100
"""A confusion matrix of more classes could not be read."""


def draw(run: Run, folder: Path) -> tuple[list[str], str]:
    """Draw everything there is to see of a run. Returns names of files, and a line for people if nothing was drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return [], "no pictures: pip install 'minigrad[plots]' adds them"
    names = []
    for name, make in _pictures(run).items():
        make().savefig(folder / name, dpi=120)
        names.append(name)
    return names, ""


def _pictures(run: Run) -> dict[str, Callable[[], Figure]]:
    """File -> what makes it, for what this run has figures of."""
    history, watch = run.history, run.monitor
    made: dict[str, Callable[[], Figure]] = {"loss.png": lambda: loss_figure(history)}
    if history.last is not None and history.last.train_accuracy is not None:
        made["accuracy.png"] = lambda: accuracy_figure(history)
    if len(watch.parameters):
        made["ratios.png"] = lambda: ratio_figure(history, watch)
    if np.isfinite(watch.steps["lr"]).any():
        made["schedule.png"] = lambda: schedule_figure(history, watch)
    if len(watch.activations):
        kinds = dict(zip(watch.layers.entries, watch.layer_kinds, strict=True))
        layers = {k: f"{name} ({kinds[name]})" for k, name in enumerate(watch.activations.entries)}
        made["activations.png"] = lambda: histogram_figure(
            history, watch, watch.activations, "Outputs of layers", "output", layers
        )
    if len(watch.gradients):
        weights = {k: name for k, (name, t) in enumerate(run.model.named_parameters()) if t.ndim >= 2}
        made["gradients.png"] = lambda: histogram_figure(
            history, watch, watch.gradients, "Gradients of weights", "gradient of the batch loss", weights
        )
    first = next(((n, w) for n, w in run.model.state_dict().items() if w.ndim >= 2), None)
    images = None if first is None else images_of(first[1])
    if first is not None and images is not None:
        made["first_layer.png"] = lambda: weights_figure(history, first[0], images)
    counts = _confusion(run)
    if counts is not None:
        made["confusion.png"] = lambda: confusion_figure(history, counts, _class_names(run, len(counts)))
    return made


def _confusion(run: Run) -> Array | None:
    """Rows of each true class by the class predicted, on validation rows (or training rows); None without classes."""
    rows = run.split.train if run.split.val is None else run.split.val
    if not rows.has_labels or rows.y.ndim != 1:
        return None
    with eval_mode(run.model):
        scores = [run.model(from_array(rows.x[k : k + 1000])).numpy() for k in range(0, len(rows), 1000)]
    if scores[0].ndim != 2 or scores[0].shape[1] > _CLASSES:
        return None
    predicted, classes = np.concatenate(scores).argmax(axis=1), scores[0].shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (rows.y.astype(np.intp), predicted), 1.0)
    return counts


def _class_names(run: Run, classes: int) -> list[str]:
    named = () if run.split.dataset is None else run.split.dataset.class_names
    return list(named) if len(named) == classes else [str(k) for k in range(classes)]


def loss_figure(history: History) -> Figure:
    """Loss over epochs: every batch faintly, training and validation rows after each epoch, and the best epoch.

    The width of the faint band is the wiggle, which shrinks with larger batches (course notes, loss function, right).
    """
    figure, axes = axes_of(history, "Loss", "loss per row")
    batches = np.asarray(history.batch_losses)
    if history.steps_per_epoch and len(batches):
        at = (np.arange(len(batches)) + 0.5) / history.steps_per_epoch
        name = "training batches" + (", with regularisation" if history.config.get("regularization") else "")
        axes.plot(at, batches, color=TRAIN, alpha=0.25, linewidth=0.7, label=name)
    points = _points(history)
    _curve(axes, points, [e.train_loss for e in points], TRAIN, "training")
    _curve(axes, points, [e.val_loss for e in points], VAL, "validation")
    _mark_best(axes, history, "val_loss" if points[-1].val_loss is not None else "train_loss", "{:.3f}")
    chance = next((c.expected for c in history.checks if c.name == "chance" and c.expected is not None), None)
    if chance is not None:
        axes.axhline(chance, color="0.4", linestyle=":", linewidth=1.2, label=f"chance, {chance:.3f}")
    axes.set_xlim(0, points[-1].epoch)
    shown = [v for e in points for v in (e.train_loss, e.val_loss) if v is not None and np.isfinite(v)]
    if shown:
        axes.set_ylim(0.0, 1.08 * max(shown))
    return _finished(figure, axes, "upper right")


def accuracy_figure(history: History) -> Figure:
    """Training and validation accuracy over epochs, the gap between them shaded: the amount of overfitting."""
    figure, axes = axes_of(history, "Accuracy", "accuracy (%)")
    points = history.epochs  # without the untrained model, whose 1/C would flatten the gap
    train = [_percent(e.train_accuracy) for e in points]
    val = [_percent(e.val_accuracy) for e in points]
    _curve(axes, points, train, TRAIN, "training")
    if any(v is not None for v in val):
        at = [e.epoch for e in points]
        last = (train[-1] or 0.0) - (val[-1] or 0.0)
        axes.fill_between(
            at,
            _floats(train),
            _floats(val),
            color="0.5",
            alpha=0.18,
            linewidth=0,
            label=f"gap, {last:.1f} points at the end",
        )
        _curve(axes, points, val, VAL, "validation")
    _mark_best(
        axes, history, "val_accuracy" if points[-1].val_loss is not None else "train_accuracy", "{:.2f} %", 100.0
    )
    axes.set_xlim(points[0].epoch - 0.3, points[-1].epoch + 0.3)
    return _finished(figure, axes, "lower right")


def _points(history: History) -> list[Epoch]:
    return [*([history.initial] if history.initial is not None else []), *history.epochs]


def _floats(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _curve(axes: Axes, points: Sequence[Epoch], values: Sequence[float | None], colour: str, name: str) -> None:
    if any(v is not None for v in values):
        marker = "o" if len(points) <= 40 else ""
        at = [e.epoch for e in points]
        axes.plot(at, _floats(values), color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=name)


def _mark_best(axes: Axes, history: History, column: str, form: str, factor: float = 1.0) -> None:
    value = None if history.best is None else getattr(history.best, column)
    if history.best is None or value is None or not np.isfinite(value):
        return
    at, y = history.best.epoch, factor * value
    label = f"best epoch {at}: {form.format(y)}"
    axes.plot([at], [y], marker="o", markersize=10, fillstyle="none", color="black", linestyle="", label=label)


def _finished(figure: Figure, axes: Axes, corner: Literal["upper right", "lower right"]) -> Figure:
    anchor = (1.0, 0.94) if corner == "upper right" else (1.0, 0.0)
    axes.legend(loc=corner, bbox_to_anchor=anchor, framealpha=0.8, edgecolor="none")
    return figure
