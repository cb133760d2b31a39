"""Figures of epochs in plain files: CSV and JSON lines."""

from __future__ import annotations

import csv
import json
from os import PathLike
from pathlib import Path

from minigrad.text import finite_or_none
from minigrad.train import Callback, Epoch, Run
from minigrad_loggers.figures import figures_of

__all__ = ["CsvLogger", "JsonLinesLogger"]


class JsonLinesLogger(Callback):
    """`epochs.jsonl`: one JSON object for each epoch, written when the epoch ends.

    A run that is resumed goes on at the end of the file.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.path = Path(folder) / "epochs.jsonl"

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Append a line; numbers that are not finite are null."""
        row = {"epoch": epoch.epoch, "seconds": epoch.seconds, **figures_of(epoch)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite_or_none(row)) + "\n")


class CsvLogger(Callback):
    """`epochs.csv`: one row for each epoch, under a line of names."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.path = Path(folder) / "epochs.csv"

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Append a row; a new file begins with the names."""
        row = {"epoch": epoch.epoch, "seconds": epoch.seconds, **figures_of(epoch)}
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
