"""A run in a notebook: one output, drawn anew as the run goes on."""

from __future__ import annotations

import io
import sys
import time
from importlib import import_module
from typing import Protocol

from minigrad.text import as_html
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check
from minigrad.train.history import Epoch
from minigrad.train.output.console import Console
from minigrad.train.output.run_charts import history_charts

__all__ = ["NotebookView", "in_notebook", "usual_view"]

_INTERVAL = 0.5
"""Seconds between two drawings within an epoch: a browser takes its time."""


class Output(Protocol):
    """One output of a cell, of which `display` gives a handle."""

    def update(self, shown: object) -> None:
        """Put something else in its place."""
        ...


class NotebookView(Callback):
    """Shows a run as one output of a cell.

    It holds what a console prints, a bar within the epoch, and the loss as a picture. What it holds when the run is
    over is saved with the notebook.
    """

    def __init__(self) -> None:
        self._lines = io.StringIO()
        self._console = Console(self._lines, io.StringIO())
        self._output: Output | None = None
        self._picture = ""
        self._drawn = 0.0

    def on_start(self, run: Run) -> None:
        """Data and model."""
        self._console.on_start(run)
        self._draw()

    def on_check(self, run: Run, check: Check) -> None:
        """A line for each check."""
        self._console.on_check(run, check)
        self._draw()

    def on_note(self, run: Run, text: str) -> None:
        """A line, or a few."""
        self._console.on_note(run, text)

    def on_train(self, run: Run) -> None:
        """The head of the table."""
        self._console.on_train(run)
        self._draw()

    def on_step(self, run: Run, step: Step) -> None:
        """How far the epoch has come, twice a second at most."""
        if time.perf_counter() - self._drawn > _INTERVAL:
            share = (step.epoch - 1 + step.batch / step.batches) / run.epochs
            where = f"epoch {step.epoch}/{run.epochs}, batch {step.batch}/{step.batches}, loss {step.loss:.4g}"
            self._draw(f'<progress value="{share:.4f}" style="width:20em"></progress> {where}')

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of the table, and the loss so far."""
        self._console.on_epoch(run, epoch)
        self._picture = next((picture.svg() for picture in history_charts(run.history)), "")
        if time.perf_counter() - self._drawn > _INTERVAL:
            self._draw()

    def on_end(self, run: Run) -> None:
        """Everything, and the best epoch."""
        self._console.on_end(run)
        self._draw()

    def _draw(self, progress: str = "") -> None:
        self._drawn = time.perf_counter()
        html = f"{as_html(self._lines.getvalue().rstrip())}{progress}<div>{self._picture}</div>"
        shown = import_module("IPython.display").HTML(html)
        if self._output is None:
            self._output = import_module("IPython.display").display(shown, display_id=True)
        else:
            self._output.update(shown)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which shows HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def usual_view() -> Callback:
    """What shows a run where nothing else is asked for."""
    return NotebookView() if in_notebook() else Console()
