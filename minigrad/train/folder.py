"""The folder of a run: metrics as they come, configuration, best weights, pictures. No server, nothing to install."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
from pathlib import Path
from typing import TextIO

import attrs
import numpy as np
from safetensors.numpy import save

import minigrad
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError
from minigrad.train.history import Epoch
from minigrad.train.plots import draw

__all__ = ["RunFolder", "new_folder"]

COLUMNS = tuple(field.name for field in attrs.fields(Epoch))


def new_folder(parent: Path, name: str) -> Path:
    """Make and return `parent/<n>-<name>`, with the first number that no run in `parent` has.

    Raises TrainError when the folder cannot be made.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        taken = [int(m[1]) for p in parent.iterdir() if (m := re.match(r"(\d+)-", p.name))]
        number = max(taken, default=0) + 1
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
    run; best.safetensors the weights of the best epoch so far; loss.png and accuracy.png follow at the end.

    Attributes:
        files: names of what was written. notes: lines about what was not, and why.
    """

    def __init__(self, path: Path, config: dict[str, object] | None = None) -> None:
        self.path = path
        self.files: list[str] = []
        self.notes: list[str] = []
        self._config = config or {}
        self._metrics: TextIO | None = None

    def on_start(self, run: Run) -> None:
        """config.json, and the head of metrics.csv."""
        versions = {"minigrad": minigrad.__version__, "numpy": np.__version__, "python": platform.python_version()}
        config = {**self._config, **run.history.config, "versions": versions}
        self._write("config.json", (json.dumps(config, indent=2, default=str) + "\n").encode())
        self._metrics = open(self.path / "metrics.csv", "w", newline="", encoding="utf-8")  # noqa: SIM115
        self.files.append("metrics.csv")
        self._append(COLUMNS)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of metrics.csv, and best.safetensors if this is the best epoch so far."""
        self._append(["" if v is None else repr(v) for v in attrs.astuple(epoch)])
        if run.history.best is epoch:
            # One key only: with several, safetensors writes them in an order that changes from run to run.
            about = json.dumps({"epoch": epoch.epoch, "chosen_by": run.history.criterion})
            self._write("best.safetensors", save(run.history.best_weights, metadata={"minigrad": about}))

    def on_end(self, run: Run) -> None:
        """The pictures."""
        if self._metrics is not None:
            self._metrics.close()
        if run.history.epochs:
            drawn, note = draw(run.history, self.path)
            self.files += drawn
            self.notes += [note] if note else []

    def _append(self, cells: tuple[str, ...] | list[str]) -> None:
        if self._metrics is None:
            raise TrainError(f"{self.path}: the run has not been started")
        csv.writer(self._metrics, lineterminator="\n").writerow(cells)
        self._metrics.flush()

    def _write(self, name: str, content: bytes) -> None:
        """Replace a file in one go: a reader sees the old one or the new one, never half of it."""
        part = self.path / f".{name}.part"
        part.write_bytes(content)
        os.replace(part, self.path / name)
        if name not in self.files:
            self.files.append(name)
