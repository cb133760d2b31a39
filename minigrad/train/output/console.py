"""What a run prints.

Checks, a table of epochs, a progress line on a terminal; plain lines in a log.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TextIO

import numpy as np

from minigrad.text import format_bytes, join_cells
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.history import Epoch
from minigrad.train.monitor.monitor import Monitor
from minigrad.train.output.progress_line import has_colour, live_line

__all__ = ["Console"]

ROWS = 20
"""Rows that the table of a long run is thinned to, about."""

_COLOURS = {"ok": "32", "note": "33", "fault": "31", "skipped": "2"}
_INTERVAL = 0.1
_HEAD = (
    *("epoch", "train loss", "val loss", "train acc", "val acc", "learn rate"),
    *("|dw|/|w|", "dead", "seconds"),
)
_WIDTHS = (6, 12, 12, 12, 12, 12, 11, 8, 10)
"""Widths of the columns of the table of epochs, which is printed while it grows."""


class Console(Callback):
    """Prints a run to `out` (standard output), and its progress to `err`.

    The progress only if `err` (standard error) is a terminal.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self._live = live_line(self.err)
        self._drawn = 0.0

    def on_start(self, run: Run) -> None:
        """Data, model and how it is trained."""
        self.field("data", run.split.summary)
        for name, text in describe(run):
            self.field(name, text)

    def on_check(self, run: Run, check: Check) -> None:
        """A line for each check."""
        first = run.history.checks[0] is check
        status = f"{check.status:<7}"
        if has_colour(self.out):
            status = f"\x1b[{_COLOURS[check.status]}m{status}\x1b[0m"
        self.field("checks" if first else "", f"{status} {check.name + ':':<15} {check.message}")

    def on_note(self, run: Run, text: str) -> None:
        """A line, or a few."""
        self.field("note", text)

    def on_train(self, run: Run) -> None:
        """The head of the table, and the untrained model as its first row."""
        self.line("")
        self.line(join_cells(_HEAD, _WIDTHS, ">", gap=""))
        if run.history.initial is not None:
            self.line(row(run.history.initial, "", math.nan, math.nan, dead_share(run.monitor)))

    def on_step(self, run: Run, step: Step) -> None:
        """The progress line, ten times a second at most."""
        now = time.perf_counter()
        if self._live is None or now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        share = (step.epoch - 1 + step.batch / step.batches) / run.epochs
        self._live.show(share, f"epoch {step.epoch}/{run.epochs}  loss {step.loss:.4f}")

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of the table, for about 20 of the epochs."""
        every = max(1, -(-run.epochs // ROWS))
        if epoch.epoch % every == 0 or epoch.epoch in (1, run.epochs) or run.stop_reason:
            mark = "*" if run.history.best is epoch else ""
            self.line(row(epoch, mark, run.monitor.steps.last("lr"), latest_ratio(run), dead_share(run.monitor)))

    def on_end(self, run: Run) -> None:
        """Which epoch was best, and why the run stopped early if it did."""
        best = run.history.best
        self.clear()
        if best is not None:
            figures = [f"loss {_number(best.val_loss if best.val_loss is not None else best.train_loss)}"]
            accuracy = best.val_accuracy if best.val_loss is not None else best.train_accuracy
            figures += [f"accuracy {accuracy:.2%}"] if accuracy is not None else []
            self.line("")
            self.field("best", f"epoch {best.epoch} by {run.history.criterion} (*): {', '.join(figures)}")
        if run.monitor.seconds:
            self.field("watching", f"took {run.monitor.share:.1%} of the time of the steps")
        if run.history.stopped == "interrupted":
            self.field("stopped", f"interrupted after {len(run.history)} of {run.epochs} epochs")
        elif run.stop_reason:
            self.field("stopped", run.stop_reason)

    def field(self, name: str, text: str) -> None:
        """A line with a name in front."""
        self.line(f"{name:<10} {text}")

    def line(self, text: str) -> None:
        """A line of plain text, in place of the progress line if there is one."""
        self.clear()
        self.out.write(text + "\n")
        self.out.flush()

    def clear(self) -> None:
        """Wipe the progress line."""
        if self._live is not None:
            self._live.clear()


def describe(run: Run) -> list[tuple[str, str]]:
    """Name and text of the lines about model and training."""
    model, hyper = run.model, run.optimizer.hyperparameters[0]
    text = repr(model)
    text = text if len(text) <= 100 else f"{type(model).__name__} of {len(model.named_modules()) - 1} modules"
    size = sum(p.size * p.dtype.itemsize for p in model.parameters())
    lr = f", lr {hyper['lr']:g}" if isinstance(hyper.get("lr"), float) else ""
    planned = run.history.config["schedules"]
    schedule = str(planned[0].get("lr", "")) if isinstance(planned, list) else ""
    if schedule and not schedule.startswith("Constant("):
        lr = f", lr {schedule}"
    batches = run.history.steps_per_epoch
    several = run.history.config.get("processes")
    processes = f", each batch shared by {several} processes" if several else ""
    return [
        ("model", f"{text}, {model.parameter_count:,} parameters ({format_bytes(size)})"),
        ("loss", str(run.history.config["loss"]) + _with(run.history.config["regularization"])),
        ("optimizer", run.optimizer.name + lr),
        ("training", f"{run.epochs} epochs of {batches} batches of {run.batch_size}, seed {run.seed}{processes}"),
    ]


def row(epoch: Epoch, mark: str, rate: float, ratio: float, dead: float) -> str:
    """Lay out one row of the table of epochs.

    It has the learning rate of the last update, how far updates move weights, dead units.
    """
    figures = (epoch.train_loss, epoch.val_loss, epoch.train_accuracy, epoch.val_accuracy)
    watched = (_small(rate), _small(ratio), "-" if math.isnan(dead) else f"{dead:.1%}", f"{epoch.seconds:.1f}")
    return join_cells((f"{epoch.epoch}{mark:1}", *map(_number, figures), *watched), _WIDTHS, ">", gap="")


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
    found = ratios[recent][:, weights]
    return float(np.median(found)) if found.size else math.nan


def dead_share(monitor: Monitor) -> float:
    """Return the largest share of dead units in a layer.

    When the layers were last looked at; NaN without rectifiers.
    """
    found = monitor.layers["dead"][-1] if len(monitor.layers) else np.zeros(0)
    found = found[np.isfinite(found)]
    return float(found.max()) if found.size else math.nan


def _small(value: float) -> str:
    return f"{value:.2e}" if math.isfinite(value) else "-"


def _with(regularization: object) -> str:
    return f" + {regularization}" if regularization else ""


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"
