"""What a run prints.

Checks, a table of epochs, a progress line on a terminal; plain lines in a log.
"""

from __future__ import annotations

import sys
import textwrap
import time
from typing import TextIO

from minigrad.engines.discovery import BUILT_IN, create_engine
from minigrad.text import format_bytes
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.history import Epoch
from minigrad.train.output.epoch_table import EpochTable, format_figure, screen_width
from minigrad.train.output.progress_line import has_colour, is_terminal, live_line

__all__ = ["Console"]

ROWS = 20
"""Rows that the table of a long run is thinned to, about."""

_COLOURS = {"ok": "32", "note": "33", "fault": "31", "skipped": "2"}
_INTERVAL = 0.1
_LOG_INTERVAL = 60.0
"""Seconds without a word after which a log gets a line about the epoch that is running."""


class Console(Callback):
    """Prints a run to `out` (standard output), and its progress to `err`.

    The progress only if `err` (standard error) is a terminal.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self._live = live_line(self.err)
        self._drawn = self._said = 0.0
        self._wrap = screen_width(self.out) if is_terminal(self.out) else 0
        self._table: EpochTable | None = None
        self._marked = 0

    def on_start(self, run: Run) -> None:
        """Data, model and how it is trained."""
        self.field("data", run.split.summary)
        for name, text in describe(run):
            self.field(name, text)

    def on_check(self, run: Run, check: Check) -> None:
        """A line for each check."""
        first = run.history.checks[0] is check
        colour = _COLOURS[check.status] if has_colour(self.out) else ""
        text = f"{check.status:<7} {check.name + ':':<15} {check.message}"
        self.field("checks" if first else "", text, colour)

    def on_note(self, run: Run, text: str) -> None:
        """A line, or a few."""
        self.field("note", text)

    def on_train(self, run: Run) -> None:
        """The head of the table, and the untrained model as its first row."""
        self._table = EpochTable(run, screen_width(self.out))
        self.line("")
        self.line(self._table.head())
        if run.history.initial is not None:
            self.line(self._table.row(run.history.initial))
        self._said = time.perf_counter()

    def on_step(self, run: Run, step: Step) -> None:
        """The progress line, ten times a second at most; in a log a line in a minute without any."""
        now = time.perf_counter()
        if self._live is None:
            if now - self._said > _LOG_INTERVAL:
                self.line(f"       epoch {step.epoch}, batch {step.batch} of {step.batches}: loss {step.loss:.4g}")
                self._said = now
            return
        if now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        share = (step.epoch - 1 + step.batch / step.batches) / run.epochs
        batch = f"  batch {step.batch}/{step.batches}"
        self._live.show(share, f"epoch {step.epoch}/{run.epochs}{batch}  loss {step.loss:.4g}")

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of the table, for about 20 of the epochs."""
        every = max(1, -(-run.epochs // ROWS))
        if self._table is not None and (epoch.epoch % every == 0 or epoch.epoch in (1, run.epochs) or run.stop_reason):
            self.line(self._table.row(epoch))
            self._said = time.perf_counter()
            if run.history.best is epoch:
                self._marked = epoch.epoch

    def on_end(self, run: Run) -> None:
        """Which epoch was best, and why the run stopped early if it did."""
        best = run.history.best
        self.clear()
        if best is not None:
            if self._table is not None and best.epoch != self._marked:
                self.line(self._table.earlier(best))
            names = ["loss", "accuracy", *run.history.metric_names]
            figures = {name: value for name in names if (value := best.figure(name)) is not None}
            chosen = run.history.chosen_by
            if chosen is not None and chosen.name in best.metrics:  # what it was chosen by comes first
                figures = {chosen.name: figures.pop(chosen.name), **figures}
            words = [f"{n} {v:.2%}" if n == "accuracy" else f"{n} {format_figure(v)}" for n, v in figures.items()]
            self.line("")
            self.field("best", f"epoch {best.epoch} by {run.history.criterion} (*): {', '.join(words)}")
        if run.monitor.seconds:
            self.field("watching", f"took {run.monitor.share:.1%} of the time of the steps")
        if run.history.stopped == "interrupted":
            self.field("stopped", f"interrupted after {len(run.history)} of {run.epochs} epochs")
        elif run.stop_reason:
            self.field("stopped", run.stop_reason)

    def field(self, name: str, text: str, colour: str = "") -> None:
        """A line with a name in front; on a screen it goes on below where it is too long.

        Args:
            name: of the line.
            text: what it says.
            colour: of its first word, as a terminal takes it.
        """
        line = f"{name:<10} {text}"
        if self._wrap and len(line) > self._wrap:
            parts = textwrap.wrap(text, self._wrap - 11, break_on_hyphens=False)
            line = f"{name:<10} " + f"\n{'':<11}".join(parts)
        if colour:
            word, rest = line[11:18], line[18:]
            line = f"{line[:11]}\x1b[{colour}m{word}\x1b[0m{rest}"
        self.line(line)

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
    engine = create_engine().name
    return [
        ("model", f"{text}, {model.parameter_count:,} parameters ({format_bytes(size)})"),
        ("loss", str(run.history.config["loss"]) + _with(run.history.config["regularization"])),
        ("optimizer", run.optimizer.name + lr),
        ("training", f"{run.epochs} epochs of {batches} batches of {run.batch_size}, seed {run.seed}{processes}"),
        *([] if engine == BUILT_IN else [("engine", engine)]),
    ]


def _with(regularization: object) -> str:
    return f" + {regularization}" if regularization else ""
