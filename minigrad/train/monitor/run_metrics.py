"""All figures of a run as tables, and their way into files and back."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast

import numpy as np

from minigrad.checkpoint import Json
from minigrad.checkpoint.files import replace
from minigrad.core.types import Array
from minigrad.data.errors import DataFileError
from minigrad.data.prepare.npy import read_npz
from minigrad.text import clip_text, finite_or_none
from minigrad.train.errors import TrainError
from minigrad.train.monitor.columns import ColumnTable
from minigrad.train.monitor.histograms import Histograms

__all__ = ["RunMetrics"]


class RunMetrics:
    """What a Monitor has seen; `RunMetrics.load` reads it from a file.

    Attributes:
        steps: a row for every step. `step` (from 1), `loss` (what was minimised, before the update), `data_loss`,
            `regularization`, `accuracy` of the batch where given, `lr` (of the first group; `lr_1`, ... of others),
            `gradient_norm` (of all parameters, before clipping; both NaN where micro-batches are gathered), `seconds`
            (without monitoring) and of these `seconds_data`, `seconds_gradient`, `seconds_update` where `lap` was
            called, `seconds_monitor`.
        parameters: a row for some steps (all of the first 11, then ever fewer, at least one in `every`) and an entry
            for each parameter. `update_ratio` = ||w' - w|| / ||w||, of the difference that the step really made;
            `update_rms`, `weight_rms`, `gradient_rms` = norm / sqrt(size); `gradient_zero`, the share of gradient
            entries that are exactly 0 (1 where no gradient arrived); `nonfinite`, entries of parameter and gradient
            that are NaN or infinite.
        layers: a row for the untrained model and for the first epochs, then ever fewer, and an entry for each layer:
            see `LayerStats`.
        layer_kinds: for each entry of `layers`, "relu", "tanh", "sigmoid", or its class.
        epochs: a row for every epoch: `epoch`, `step` (the last one of it), `seconds` and `seconds_monitor` since the
            run began, and whatever else `epoch` was told.
        activations: Histograms of layers, from the steps of `layers`.
        gradients: Histograms of parameters' gradients, from some steps.
        seconds: that all steps took.
        seconds_monitor: that looking at them took besides.
        steps_per_epoch: updates in an epoch, where that is known.
    """

    def __init__(self, parameters: tuple[str, ...] = (), steps_per_epoch: int | None = None) -> None:
        self._steps, self.epochs, self.layers = ColumnTable(), ColumnTable(), ColumnTable()
        self.parameters = ColumnTable(parameters)
        self.layer_kinds: tuple[str, ...] = ()
        self.activations, self.gradients = Histograms(), Histograms()
        self.seconds = self.seconds_monitor = 0.0
        self.steps_per_epoch = steps_per_epoch

    @property
    def steps(self) -> ColumnTable:
        """A row for every step; see the attributes of the class."""
        return self._steps

    @property
    def share(self) -> float:
        """Time that monitoring took, as a share of the time that the steps took."""
        return self.seconds_monitor / self.seconds if self.seconds else 0.0

    def cost(self) -> dict[str, float]:
        """Seconds that the steps and that monitoring took, and the second as a share of the first."""
        return {"seconds": self.seconds, "seconds_monitor": self.seconds_monitor, "share": self.share}

    def in_epochs(self, steps: Array) -> Array:
        """Convert numbers of steps to epochs, the x-axis of plots.

        0 before the first step, 1 at the end of the first epoch.
        """
        ends = np.concatenate([[0.0], self.epochs["step"]]) if len(self.epochs) else np.zeros(1)
        length = float(self.steps_per_epoch or (ends[-1] - ends[-2] if len(ends) > 1 else max(len(self.steps), 1)))
        inside: Array = np.interp(steps, ends, np.arange(len(ends)))
        beyond: Array = np.maximum(np.asarray(steps, dtype=np.float64) - ends[-1], 0.0) / length
        return np.add(inside, beyond)

    # -- in files ----------------------------------------------------------------------------------------------------
    def arrays(self) -> dict[str, Array]:
        """Every column as `table/column`."""
        return {f"{part}/{name}": a for part, holder in self._parts().items() for name, a in holder.arrays().items()}

    def about(self) -> dict[str, Json]:
        """Describe the arrays: names of parameters and layers.

        And the numbers that are no columns.
        """
        entries: dict[str, Json] = {name: list(part.entries) for name, part in self._parts().items()}
        return {
            "entries": entries,
            "columns": {name: list(part.arrays()) for name, part in self._parts().items()},
            "layer_kinds": list(self.layer_kinds),
            "seconds": self.seconds,
            "seconds_monitor": self.seconds_monitor,
            "steps_per_epoch": self.steps_per_epoch,
        }

    def restore(self, arrays: Mapping[str, Array], about: Mapping[str, Json]) -> None:
        """Take everything from what `arrays` and `about` gave.

        Raises:
            ValueError: they do not fit together; everything is as it was.
            KeyError: something is missing; everything is as it was.
            TypeError: something is of another kind; everything is as it was.
        """
        entries, kinds = about["entries"], about["layer_kinds"]
        if not isinstance(entries, dict) or not isinstance(kinds, list):
            raise TypeError("names of parameters and layers are missing")
        new = RunMetrics()
        for name in self._parts():
            names, columns = _names(entries[name]), _below(arrays, f"{name}/")
            columns = _in_order(columns, about.get("columns"), name)
            if names and name in ("steps", "epochs"):
                raise ValueError(f"{name} have one number in each column, not one for each of {len(names)} entries")
            if name in ("activations", "gradients"):
                histograms = Histograms()
                histograms.restore(names, columns)
                setattr(new, name, histograms)
            else:
                table = ColumnTable(names)
                table.restore(columns)
                setattr(new, "_steps" if name == "steps" else name, table)
        new.layer_kinds = _names(kinds)
        if len(new.layer_kinds) != len(new.layers.entries):
            raise ValueError(f"{len(new.layers.entries)} layers of {len(new.layer_kinds)} kinds")
        new.seconds, new.seconds_monitor = float(str(about["seconds"])), float(str(about["seconds_monitor"]))
        per = about["steps_per_epoch"]
        new.steps_per_epoch = per if isinstance(per, int) else None
        vars(self).update(vars(new))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it as an npz file: the arrays, and `about` as JSON text."""
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, about=np.array(json.dumps(self.about())), **self.arrays())
        replace(Path(path), [content.getvalue()], durable=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            TrainError: it is missing or something else.
        """
        loaded = cls.__new__(cls)
        RunMetrics.__init__(loaded)
        try:
            arrays = cast("dict[str, Array]", read_npz(Path(path)))
            loaded.restore(arrays, json.loads(str(arrays.pop("about"))))
        except (DataFileError, ValueError, KeyError, TypeError, RecursionError) as error:
            what = clip_text(f"{type(error).__name__}: {error}", 150)
            raise TrainError(f"{clip_text(path, 100)}: holds no figures of a run ({what})") from None
        return loaded

    def as_dict(self) -> dict[str, object]:
        """All of it as JSON values, columns as lists; NaN and infinity become None."""
        columns: dict[str, object] = {name: finite_or_none(a.tolist()) for name, a in self.arrays().items()}
        return {**self.about(), "columns": columns}

    def csv(self) -> str:
        """The table of steps as CSV, with a head; empty cells where a step has no such figure."""
        names = self.steps.names
        columns = [self.steps[name].tolist() for name in names]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        for row in zip(*columns, strict=True):
            writer.writerow([int(v) if n == "step" else _cell(v) for n, v in zip(names, row, strict=True)])
        return text.getvalue()

    def _parts(self) -> dict[str, ColumnTable | Histograms]:
        return {
            "steps": self.steps,
            "parameters": self.parameters,
            "layers": self.layers,
            "epochs": self.epochs,
            "activations": self.activations,
            "gradients": self.gradients,
        }


def _names(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"a {type(value).__name__} where names should be")
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f"a {type(name).__name__} where a name should be")
    return tuple(map(str, value))


def _in_order(columns: dict[str, Array], orders: Json, part: str) -> dict[str, Array]:
    """Columns in the order in which they came: a checkpoint sorts arrays by size and name."""
    order = orders.get(part) if isinstance(orders, dict) else None
    if not isinstance(order, list):  # of an older minigrad
        return columns
    known = [str(name) for name in order if str(name) in columns]
    return {name: columns[name] for name in dict.fromkeys([*known, *columns])}


def _below(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.17g}"
