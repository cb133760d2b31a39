"""Pictures of what a Monitor has seen: update ratios, histograms, learning rates; and of the model at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad.core.types import Array
from minigrad.train.history import History
from minigrad.train.monitor.histograms import Histograms
from minigrad.train.monitor.run_metrics import RunMetrics
from minigrad.train.output.canvas import axes_of, blank, captioned, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "confusion_figure",
    "histogram_figure",
    "images_of",
    "ratio_figure",
    "schedule_figure",
    "weights_figure",
]

_LINES, _PANELS, _TILES = 8, 9, 64
USUAL = 1e-3
"""Update-to-weight ratio that the course notes call about right."""


def ratio_figure(history: History, watch: RunMetrics) -> Figure:
    """Update-to-weight ratio ||w' - w|| / ||w|| of the weights over epochs, with the notes' 1e-3 as a line."""
    figure, axes = axes_of(history, "Update-to-weight ratio", "||update|| / ||weights||")
    table = watch.parameters
    at, ratios = watch.in_epochs(table["step"]), table["update_ratio"]
    shown = [k for k, name in enumerate(table.entries) if "bias" not in name.rpartition(".")[2]]
    shown = spread(shown or list(range(len(table.entries))), _LINES)
    for k, colour in zip(shown, _colours(len(shown)), strict=True):
        axes.plot(at, _positive(ratios[:, k]), color=colour, linewidth=1.3, label=table.entries[k])
    axes.axhline(USUAL, color="black", linestyle=":", linewidth=1.2, label="about right: 1e-3")
    axes.set_yscale("log")
    axes.set_xlim(0.0, max(float(at[-1]), 1e-9))
    axes.legend(loc="best", fontsize=8, framealpha=0.8, edgecolor="none")
    return figure


def schedule_figure(history: History, watch: RunMetrics) -> Figure:
    """Learning rate of every update, of each parameter group."""
    figure, axes = axes_of(history, "Learning rate", "learning rate")
    at, middle, high = watch.in_epochs(watch.steps["step"]), np.inf, 0.0
    groups = [name for name in watch.steps.names if name == "lr" or name.startswith("lr_")]
    for name, colour in zip(groups, _colours(len(groups)), strict=True):
        rates = watch.steps[name]
        made = np.isfinite(rates)  # there is none where micro-batches are gathered
        axes.plot(at[made], rates[made], color=colour, linewidth=1.6, label=f"group {name.partition('_')[2] or 0}")
        middle, high = min(middle, float(np.nanmedian(rates))), max(high, float(np.nanmax(rates)))
    if middle <= 0.11 * high:  # most of the run at small rates, as after steps or exponential decay
        axes.set_yscale("log")
    else:
        axes.set_ylim(0.0, 1.08 * high or 1.0)
    axes.set_xlim(0.0, float(at[-1]))
    if len(groups) > 1:
        axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return figure


def histogram_figure(
    history: History, watch: RunMetrics, found: Histograms, title: str, quantity: str, entries: Mapping[int, str]
) -> Figure:
    """A panel for each of the entries, number -> title, up to nine: histograms at the beginning, middle and end."""
    shown = spread(list(entries), _PANELS)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = blank(max(3.1 * columns, 5.0) + 0.6, 2.5 * rows + 0.9)
    figure.suptitle(captioned(history, title))
    epochs = watch.in_epochs(found.step)
    middle = int(np.argmin(np.abs(epochs - 0.5 * epochs[-1])))
    times = list(dict.fromkeys((0, middle, len(found) - 1)))
    for place, k in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, place)
        for i, colour in zip(times, _colours(len(times)), strict=True):
            _outline(axes, found, i, k, colour, f"epoch {_short(epochs[i])}")
        axes.set_title(entries[k], fontsize=9)
        axes.set_xlabel(quantity, fontsize=8)
        axes.set_yscale("log")
        axes.tick_params(labelsize=8)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
        axes.xaxis.get_offset_text().set_fontsize(8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.supylabel("share of entries in a bin", fontsize=10)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, edgecolor="none")
    return figure


def _outline(axes: Axes, found: Histograms, time: int, entry: int, colour: object, label: str) -> None:
    counts, low, high = found.counts[time, entry], found.low[time, entry], found.high[time, entry]
    if not counts.sum():
        return
    edges = np.linspace(low, high, counts.size + 1)
    axes.stairs(_positive(counts / counts.sum()), edges, color=colour, linewidth=1.3, label=label)


def weights_figure(history: History, name: str, images: Array) -> Figure:
    """Weights as pictures, `(n, H, W)` or `(n, H, W, 3)`, the largest 64 of them; blue below 0, red above."""
    order = np.argsort(-np.linalg.norm(images.reshape(len(images), -1), axis=1), kind="stable")[:_TILES]
    columns = int(np.ceil(np.sqrt(len(order))))
    rows = -(-len(order) // columns)
    side = max(0.75, 4.4 / columns)
    figure = blank(side * columns + 0.4, side * rows + 0.8)
    figure.suptitle(captioned(history, f"{name}: {len(order)} of {len(images)} units"), fontsize=10)
    for place, k in enumerate(order.tolist(), 1):
        axes = figure.add_subplot(rows, columns, place)
        bound = float(np.abs(images[k]).max()) or 1.0
        if images.ndim == 4:
            axes.imshow(0.5 + 0.5 * images[k] / bound, interpolation="nearest")
        else:
            axes.imshow(images[k], cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest")
        axes.set_axis_off()
    return figure


def images_of(weight: Array) -> Array | None:
    """The weights of each unit of a first layer as a picture; None where they do not look at pixels.

    A matrix `(D, units)` with D = H x H or 3 x H x H (H of 5 or more); kernels `(units, 1 or 3, H, W)`.
    """
    if weight.ndim == 4 and weight.shape[1] in (1, 3):
        tiles = weight
    elif weight.ndim == 2:
        channels = next((c for c in (1, 3) if _side(weight.shape[0] // c) ** 2 * c == weight.shape[0]), 0)
        if not channels or weight.shape[0] < 25 * channels:
            return None
        side = _side(weight.shape[0] // channels)
        tiles = weight.T.reshape(weight.shape[1], channels, side, side)
    else:
        return None
    return tiles[:, 0] if tiles.shape[1] == 1 else np.moveaxis(tiles, 1, -1)


def confusion_figure(history: History, counts: Array, names: Sequence[str]) -> Figure:
    """How often each class was taken for which, `(true, predicted)`; shades are shares of the true class."""
    classes = len(counts)
    size = max(4.4, 0.46 * classes + 2.4)
    figure = blank(size + 0.6, size)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    ticks = range(classes)
    axes.set_xticks(ticks, labels=list(names), rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, labels=list(names), fontsize=8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(captioned(history, "Confusion"), fontsize=11)
    for i, j in zip(*np.nonzero(counts), strict=True) if classes <= 30 else ():
        dark = "white" if shares[i, j] > 0.55 else "black"
        axes.text(j, i, f"{int(counts[i, j])}", ha="center", va="center", fontsize=7, color=dark)
    return figure


def _colours(count: int) -> list[object]:
    from matplotlib import colormaps

    return [colormaps["viridis"](0.85 * k / max(count - 1, 1)) for k in range(count)]


def _positive(values: Array) -> Array:
    """With NaN where a logarithmic axis has no place."""
    return np.where((values > 0.0) & np.isfinite(values), values, np.nan)


def _side(size: int) -> int:
    return round(float(np.sqrt(size)))


def _short(epoch: float) -> str:
    return f"{epoch:.0f}" if abs(epoch - round(epoch)) < 0.005 else f"{epoch:.2f}"
