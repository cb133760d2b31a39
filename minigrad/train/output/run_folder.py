"""The folder of a run: metrics as they come, configuration, best weights, pictures.

No server, nothing to install.
"""

from __future__ import annotations

import csv
import io
import json
import platform
import re
from pathlib import Path
from typing import TextIO

import attrs
import numpy as np
from safetensors.numpy import save

import minigrad
from minigrad.charts import Picture
from minigrad.checkpoint.files import replace
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError
from minigrad.train.history import Epoch, History
from minigrad.train.output.model_charts import run_pictures

__all__ = ["RunFolder", "new_folder"]

COLUMNS = tuple(field.name for field in attrs.fields(Epoch))


def new_folder(parent: Path, name: str) -> Path:
    """Make and return `parent/<n>-<name>`, with the first number that no run in `parent` has.

    Raises:
        TrainError: the folder cannot be made.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        numbers = [int(m[1]) for p in parent.iterdir() if (m := re.match(r"(\d+)-", p.name))]
        number = max(numbers, default=0) + 1
        while True:
            path = parent / f"{number:04d}-{slug}"
            if not any(p.name.startswith(f"{number:04d}-") for p in parent.iterdir()):
                try:
                    path.mkdir()
                except FileExistsError:
                    pass
                else:
                    return path
            number += 1
    except OSError as error:
        raise TrainError(f"cannot make a folder for the run in {parent}: {error.strerror or error}") from error


class RunFolder(Callback):
    """Writes a run to `path`.

    metrics.csv has a row for each epoch, written when the epoch is complete; config.json what is needed to repeat the
    run; best.safetensors the weights of the best epoch so far. At the end follow steps.csv with a row for each step,
    figures.npz with all figures of the monitor (`RunMetrics.load` reads it), and the pictures as SVG.

    Attributes:
        path: of the folder.
        files: names of what was written.
        pictures: those that were drawn at the end, for a page that shows them too.
    """

    def __init__(self, path: Path, config: dict[str, object] | None = None) -> None:
        self.path = path
        self.files: list[str] = []
        self.pictures: list[Picture] = []
        self._config = config or {}
        self._metrics: TextIO | None = None

    def on_start(self, run: Run) -> None:
        """config.json, and the head of metrics.csv."""
        versions = {"minigrad": minigrad.__version__, "numpy": np.__version__, "python": platform.python_version()}
        config = {**self._config, **run.history.config, "versions": versions}
        self.write("config.json", (json.dumps(config, indent=2, default=str) + "\n").encode())
        # A resumed run begins with the epochs of its checkpoint; rows after those, written before a crash, go.
        self.write("metrics.csv", "".join(map(_line, [COLUMNS, *map(_cells, run.history.epochs)])).encode())
        if run.history.best is not None:
            self._write_best(run.history)
        self._metrics = open(self.path / "metrics.csv", "a", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of metrics.csv, and best.safetensors if this is the best epoch so far."""
        if self._metrics is None:
            raise TrainError(f"{self.path}: the run has not been started")
        self._metrics.write(_line(_cells(epoch)))
        self._metrics.flush()
        if run.history.best is epoch:
            self._write_best(run.history)

    def on_end(self, run: Run) -> None:
        """Figures and pictures."""
        if self._metrics is not None:
            self._metrics.close()
        if len(run.monitor.steps):
            self.write("steps.csv", run.monitor.csv().encode())
            run.monitor.save(self.path / "figures.npz")
            self.files.append("figures.npz")
        if run.history.epochs:
            self.pictures = run_pictures(run)
            for picture in self.pictures:
                self.write(f"{picture.name}.svg", picture.svg().encode())

    def _write_best(self, history: History) -> None:
        if history.best is not None:
            # One key only: with several, safetensors writes them in an order that changes from run to run.
            about = json.dumps({"epoch": history.best.epoch, "chosen_by": history.criterion})
            self.write("best.safetensors", save(history.best_weights, metadata={"minigrad": about}))

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one go: a reader sees the old one or the new one, never half of it."""
        # The checkpoint, which holds all of this, is what has to survive a power cut; syncing twice would cost twice.
        replace(self.path / name, [content], durable=False)
        if name not in self.files:
            self.files.append(name)


def _cells(epoch: Epoch) -> tuple[str, ...]:
    return tuple("" if v is None else repr(v) for v in attrs.astuple(epoch))


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
