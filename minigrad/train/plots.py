"""Pictures of a run: loss and accuracy over epochs. matplotlib is imported when something is drawn, and not before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from minigrad.train.history import Epoch, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_figure", "draw", "loss_figure"]

TRAIN, VAL = "#1f77b4", "#d62728"


def draw(history: History, folder: Path) -> tuple[list[str], str]:
    """Draw loss.png and, for classes, accuracy.png. Returns the names, and a line for people if nothing was drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return [], "no pictures: pip install 'minigrad[plots]' adds loss.png and accuracy.png"
    names = ["loss.png"]
    loss_figure(history).savefig(folder / "loss.png", dpi=120)
    if history.last is not None and history.last.train_accuracy is not None:
        accuracy_figure(history).savefig(folder / "accuracy.png", dpi=120)
        names.append("accuracy.png")
    return names, ""


def loss_figure(history: History) -> Figure:
    """Loss over epochs: every batch faintly, training and validation rows after each epoch, and the best epoch.

    The width of the faint band is the wiggle, which shrinks with larger batches (course notes, loss function, right).
    """
    figure, axes = _figure(history, "Loss", "loss per row")
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
    figure, axes = _figure(history, "Accuracy", "accuracy (%)")
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


def _figure(history: History, title: str, quantity: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # the object, not pyplot: no window, no global state

    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    axes = figure.add_subplot()
    about = [str(history.config[key]).split(" ")[0] for key in ("data", "optimizer") if key in history.config]
    axes.set_title(f"{title}   ({', '.join(about)})" if about else title)
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    return figure, axes


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
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    anchor = (1.0, 0.94) if corner == "upper right" else (1.0, 0.0)
    axes.legend(loc=corner, bbox_to_anchor=anchor, framealpha=0.8, edgecolor="none")
    return figure
