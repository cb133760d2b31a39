"""Figures of the user's own, measured after each epoch beside loss and accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.train.callbacks import Callback, Run
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import EVAL_BATCH_SIZE, eval_mode
from minigrad.train.history import Epoch

__all__ = ["Metric", "Metrics"]

Metric: TypeAlias = Callable[[Array, Array], float]
"""Type of a figure from all outputs and targets of the validation rows, as arrays.

Training rows where there are none.
"""


class Metrics(Callback):
    """Measures every metric after each epoch, on validation rows if there are some.

    Attributes:
        values: one entry for each epoch of this process: `{"epoch": 3, "top3": 0.97}`.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.values: list[dict[str, float]] = []
        self._metrics = dict(metrics)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Measure.

        Raises:
            TrainError: a metric is not a number.
        """
        rows = run.split.val or run.split.train
        with eval_mode(run.model):
            starts = range(0, len(rows), EVAL_BATCH_SIZE)
            parts = [run.model(from_array(rows.x[k : k + EVAL_BATCH_SIZE])).numpy() for k in starts]
        outputs: Array = np.concatenate(parts)
        figures = {"epoch": float(epoch.epoch)}
        for name, metric in self._metrics.items():
            try:
                figures[name] = float(metric(outputs, rows.y))
            except (TypeError, ValueError) as error:
                raise TrainError(f"metric {name!r}: {type(error).__name__}: {error}") from error
        self.values.append(figures)
