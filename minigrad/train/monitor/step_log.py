"""Steps noted as tuples while a run is at it.

They are made columns of a table a block at a time: a tenth of the cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minigrad.core.types import Array
from minigrad.train.monitor.columns import ColumnTable

__all__ = ["BLOCK", "Entry", "Rates", "StepLog"]

BLOCK = 256
"""Steps after which they become columns, whether the table is read or not."""

Entry: TypeAlias = tuple[float, float, float, float, float, float, float, float, float, float]
"""The figures of one step, in the order of their columns.

Loss, data loss, regularisation, accuracy, gradient norm, number of the update, seconds in all, of these for data,
gradient and update; NaN for what a step does not have, 0 for seconds that were not told apart.
"""

Rates: TypeAlias = Callable[[int], tuple[float, ...]]

_OPTIONAL = {1: "data_loss", 2: "regularization", 3: "accuracy"}
_PARTS = {7: "seconds_data", 8: "seconds_gradient", 9: "seconds_update"}


class StepLog:
    """Entries that are not in the table yet.

    Attributes:
        entries: one for each step.
        spent: seconds that noting each took.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.spent: list[float] = []

    def flush(self, table: ColumnTable, rates: Rates | None) -> None:
        """Move them into `table`; `rates` gives the learning rates of an update."""
        if not self.spent:
            return
        whole = min(len(self.entries), len(self.spent))  # Ctrl-C may have come between the two
        block: Array = np.array(self.entries[:whole], dtype=np.float64)
        spent: Array = np.array(self.spent[:whole], dtype=np.float64)
        self.entries, self.spent = [], []
        columns: dict[str, Array] = {"step": np.arange(len(table) + 1.0, len(table) + len(block) + 1.0)}
        columns["loss"] = block[:, 0]
        columns |= {name: block[:, k] for k, name in _OPTIONAL.items() if np.isfinite(block[:, k]).any()}
        if rates is not None:
            columns |= _rated(block[:, 5], rates)
            columns["gradient_norm"] = block[:, 4]
        columns["seconds"] = block[:, 6]
        columns |= {name: block[:, k] for k, name in _PARTS.items() if block[:, k].any()}
        columns["seconds_monitor"] = spent
        table.extend(columns)


def _rated(updates: Array, rates: Rates) -> dict[str, Array]:
    """Learning rates of each group at each update; NaN where a step made none."""
    none = (math.nan,) * len(rates(1))
    rates_used = np.array([none if math.isnan(t) else rates(int(t)) for t in updates.tolist()])
    return {"lr" if k == 0 else f"lr_{k}": rates_used[:, k] for k in range(rates_used.shape[1])}
