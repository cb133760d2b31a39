"""The table of epochs, printed while it grows, no wider than the screen."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Sequence
from typing import TextIO

import attrs
import numpy as np

from minigrad.text import join_cells
from minigrad.train.callbacks import Run
from minigrad.train.history import Epoch
from minigrad.train.monitor.monitor import Monitor
from minigrad.train.output.progress_line import is_terminal

__all__ = ["EpochTable", "format_figure", "screen_width"]

PAGE = 160
"""Characters of a line of a log, which is no screen."""
_NARROW = 8
"""Characters of a column of figures on a narrow screen, with the blank before it."""


def screen_width(out: TextIO) -> int:
    """Characters of a line: those of the terminal, what COLUMNS says, or 160 in a log."""
    if is_terminal(out):
        return shutil.get_terminal_size().columns
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isdigit() and int(told) > 0 else PAGE


def format_figure(value: float | None) -> str:
    """A loss or a metric in four decimals, in one where it is large, or by its exponent."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if 1e4 <= abs(value) < 1e7:  # amounts, such as the error of a price
        return f"{value:.1f}"
    return f"{value:.4f}" if value == 0.0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


@attrs.frozen
class _Column:
    """One figure: its head, short and long, how wide, how soon it is left out, and its cell."""

    head: str
    short: str
    width: int
    worth: int
    cell: Callable[[Run, Epoch], str]


def _small(value: float) -> str:
    return f"{value:.2e}" if math.isfinite(value) else "-"


def _figure(name: str) -> Callable[[Run, Epoch], str]:
    return lambda run, epoch: format_figure(epoch.figure(name))


def _rate(run: Run, epoch: Epoch) -> str:
    return _small(run.monitor.steps.last("lr") if epoch.epoch else math.nan)


def _ratio(run: Run, epoch: Epoch) -> str:
    return _small(latest_ratio(run) if epoch.epoch else math.nan)


def _dead(run: Run, epoch: Epoch) -> str:
    dead = dead_share(run.monitor)
    return "-" if math.isnan(dead) else f"{dead:.1%}"


_EPOCH = _Column(
    "epoch", "epoch", 6, 9, lambda run, e: f"{e.epoch}{'*' if e.epoch and run.history.best is e else '':1}"
)
_SECONDS = _Column("seconds", "sec", 10, 4, lambda run, e: f"{e.seconds:.1f}")
_LOSSES = (
    _Column("train loss", "loss", 12, 7, _figure("train_loss")),
    _Column("val loss", "val", 12, 8, _figure("val_loss")),
)
_ACCURACIES = (
    _Column("train acc", "acc", 12, 5, _figure("train_accuracy")),
    _Column("val acc", "val acc", 12, 8, _figure("val_accuracy")),
)
_WATCHED = (
    _Column("learn rate", "rate", 12, 3, _rate),
    _Column("|dw|/|w|", "|dw|/|w|", 11, 2, _ratio),
    _Column("dead", "dead", 8, 1, _dead),
)


class EpochTable:
    """Columns that fit a width: where they do not, those worth least are left out.

    Args:
        run: whose figures are shown; columns that would be empty in every row are left out, too.
        width: characters of a line.

    Attributes:
        left_out: heads of the columns for which there is no room.
    """

    def __init__(self, run: Run, width: int) -> None:
        self._run = run
        example = run.history.initial
        scored = example is None or example.train_accuracy is not None
        metrics = [
            _Column(name, name[:14], max(12, min(len(name), 18) + 2), 6, _figure(name))
            for name in run.history.metric_names
        ]
        columns = [_EPOCH, *_LOSSES, *(_ACCURACIES if scored else ()), *metrics, *_WATCHED, _SECONDS]
        if run.split.val is None:
            columns = [c for c in columns if not c.head.startswith("val ")]
        self._columns = columns
        self._widths = [c.width for c in columns]
        if sum(self._widths) > width:
            self._widths = [min(c.width, max(_NARROW + 2, len(c.short) + 2)) for c in columns]
            self._widths[0] = _EPOCH.width
        while sum(self._widths) > width and len(self._columns) > 2:
            worst = min(range(len(self._columns)), key=lambda k: (self._columns[k].worth, -k))
            self._columns = [c for k, c in enumerate(self._columns) if k != worst]
            self._widths = [w for k, w in enumerate(self._widths) if k != worst]
        kept = {c.head for c in self._columns}
        self.left_out = tuple(c.head for c in columns if c.head not in kept)

    def head(self) -> str:
        """The names of the columns."""
        short = (c.head if len(c.head) < w else c.short for c, w in zip(self._columns, self._widths, strict=True))
        return self._line(list(short))

    def row(self, epoch: Epoch) -> str:
        """The figures of an epoch, the latest one: what is watched is as it is now."""
        return self._line([c.cell(self._run, epoch) for c in self._columns])

    def earlier(self, epoch: Epoch) -> str:
        """The figures of an epoch that is over, without those that were watched."""
        gone = {c.head for c in _WATCHED}
        return self._line(["-" if c.head in gone else c.cell(self._run, epoch) for c in self._columns])

    def _line(self, cells: Sequence[str]) -> str:
        return join_cells(cells, self._widths, ">", gap="")


def latest_ratio(run: Run) -> float:
    """Compute the median update-to-weight ratio in the latest epoch.

    Over the weights (parameters of two or more axes).
    """
    table = run.monitor.parameters
    if not len(table):
        return math.nan
    steps, ratios = table["step"], table["update_ratio"]
    weights = [k for k, (_, t) in enumerate(run.model.named_parameters()) if t.ndim >= 2]
    recent = steps > min(len(run.monitor.steps) - run.history.steps_per_epoch, steps[-1] - 1)
    chosen = ratios[recent][:, weights]
    return float(np.median(chosen)) if chosen.size else math.nan


def dead_share(monitor: Monitor) -> float:
    """Return the largest share of dead units in a layer.

    When the layers were last looked at; NaN without rectifiers.
    """
    shares = monitor.layers["dead"][-1] if len(monitor.layers) else np.zeros(0)
    shares = shares[np.isfinite(shares)]
    return float(shares.max()) if shares.size else math.nan
