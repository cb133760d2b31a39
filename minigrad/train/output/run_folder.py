"""The folder of a run: metrics as they come, configuration, best weights, pictures.

No server, nothing to install.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import attrs
import numpy as np

import minigrad
from minigrad.charts import Picture
from minigrad.checkpoint.files import replace
from minigrad.text import finite_or_none
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError, name_unwritable
from minigrad.train.history import Epoch
from minigrad.train.output.model_charts import run_pictures
from minigrad.train.output.model_file import MODEL_FILE, SCRIPT_FILE, model_bytes, script_recipe
from minigrad.train.output.row_pictures import RowTable, row_pictures

__all__ = ["RunFolder", "new_folder"]

COLUMNS = tuple(field.name for field in attrs.fields(Epoch) if field.name != "metrics")
"""Of metrics.csv, before those of the run's own metrics."""
_NAME_CHARACTERS = 60
"""How much of a name the folder of a run carries."""


def new_folder(parent: Path, name: str) -> Path:
    """Make and return `parent/<n>-<name>`, with the first number that no run in `parent` has.

    Raises:
        TrainError: the folder cannot be made.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_NAME_CHARACTERS].strip("-.") or "run"
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
    run; best.safetensors the model of the best epoch so far, which `load` reads: its weights, how it is built and how
    its rows are prepared. At the end follow steps.csv with a row for each step, figures.npz with all figures of the
    monitor (`RunMetrics.load` reads it), and the pictures as SVG.

    Args:
        path: of the folder; made if it is not there.
        config: what else is needed to repeat the run.
        model: how the model is built: `{"kind": "mlp", "features": 4, "hidden": [8], "outputs": 3}`.
        script: the model script, of which the folder keeps a copy.

    Attributes:
        path: of the folder.
        files: names of what was written.
        pictures: those that were drawn at the end, for a page that shows them too.
        tables: rows that are no pictures, for the same page.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        config: dict[str, object] | None = None,
        *,
        model: Mapping[str, object] | None = None,
        script: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.files: list[str] = []
        self.pictures: list[Picture] = []
        self.tables: list[RowTable] = []
        self._config = config or {}
        self._model = model if script is None else script_recipe(script)
        self._script = script
        self._metrics: TextIO | None = None

    def on_start(self, run: Run) -> None:
        """config.json, and the head of metrics.csv."""
        with self._writing(""):
            self.path.mkdir(parents=True, exist_ok=True)
        config = {**self._config, **run.history.config, "versions": _versions()}
        if self._script is not None:
            config["script"] = self._model
        self.write("config.json", (json.dumps(config, indent=2, default=str) + "\n").encode())
        # A resumed run begins with the epochs of its checkpoint; rows after those, written before a crash, go.
        self.write("metrics.csv", "".join(map(_line, [_head(run), *map(_cells, run.history.epochs)])).encode())
        if self._script is not None:
            self.write(SCRIPT_FILE, self._script.read_bytes())
        if run.history.best is not None:
            self._write_best(run)
        self._metrics = open(self.path / "metrics.csv", "a", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """A row of metrics.csv, and best.safetensors if this is the best epoch so far."""
        if self._metrics is None:
            raise TrainError(f"{self.path}: the run has not been started")
        with self._writing("metrics.csv"):
            self._metrics.write(_line(_cells(epoch)))
            self._metrics.flush()
        if run.history.best is epoch:
            self._write_best(run)

    def on_end(self, run: Run) -> None:
        """Figures and pictures."""
        if self._metrics is not None:
            self._metrics.close()
        if len(run.monitor.steps):
            self.write("steps.csv", run.monitor.csv().encode())
            with self._writing("figures.npz"):
                run.monitor.save(self.path / "figures.npz")
            self.files.append("figures.npz")
        if run.history.epochs:
            of_rows, self.tables = row_pictures(run)
            self.pictures = [*run_pictures(run), *of_rows]
            for picture in self.pictures:
                self.write(f"{picture.name}.svg", picture.svg().encode())

    def _write_best(self, run: Run) -> None:
        history = run.history
        if history.best is None:
            return
        dataset = run.split.dataset
        recipe = None if dataset is None or dataset.preparation is None else dataset.preparation.as_dict()
        about = {
            "epoch": history.best.epoch,
            "chosen_by": history.criterion,
            "figures": finite_or_none(attrs.asdict(history.best, filter=lambda field, _: field.name != "seconds")),
            "loss": history.config.get("loss"),
            "data": history.config.get("data"),
            "model": self._model,
            "preparation": recipe,
            "versions": _versions(),
        }
        self.write(MODEL_FILE, model_bytes(history.best_weights, about))

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Name the file that cannot be written, such as on a full disk, and say how to go on."""
        with name_unwritable(self.path / name, "Make room; --resume goes on from the last checkpoint"):
            yield

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one go: a reader sees the old one or the new one, never half of it."""
        # The checkpoint, which holds all of this, is what has to survive a power cut; syncing twice would cost twice.
        with self._writing(name):
            replace(self.path / name, [content], durable=False)
        if name not in self.files:
            self.files.append(name)


def _versions() -> dict[str, str]:
    return {"minigrad": minigrad.__version__, "numpy": np.__version__, "python": platform.python_version()}


def _head(run: Run) -> tuple[str, ...]:
    names = run.history.config.get("metrics", ())
    return (*COLUMNS, *(names if isinstance(names, list | tuple) else ()))


def _cells(epoch: Epoch) -> tuple[str, ...]:
    figures = [*(getattr(epoch, name) for name in COLUMNS), *epoch.metrics.values()]
    return tuple("" if v is None else repr(v) for v in figures)


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
