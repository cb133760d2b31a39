"""What the loss looks at.

That is its gradient by the outputs, for several outputs, and for other targets.

A row, a column or a place whose outputs never have a gradient is not learnt, and a loss with the same gradient for all
targets does not know them.
"""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.diagnosis.facts import Probes
from minigrad.diagnosis.probing.loss_experiments import loss_gradient, scattered
from minigrad.nn import Loss

__all__ = ["probe_loss"]

_ROWS, _DRAWS = 9, 4


def probe_loss(probes: Probes, loss: Loss, outputs: Array, y: Array) -> Probes:
    """Add what the loss looks at to `probes`.

    Args:
        probes: what is known of the model.
        loss: of outputs and targets; called up to eight times on nine rows.
        outputs: of at least nine rows.
        y: their targets.
    """
    if len(outputs) < _ROWS or len(outputs) != len(y):
        return probes
    others = np.flatnonzero([not np.array_equal(row, y[0]) for row in y])
    if not len(others):
        return probes
    rows = np.concatenate([np.arange(_ROWS - 1), others[:1]])
    other = np.repeat(others[:1], _ROWS)  # no permutation, which a loss of the mean target would not notice
    touched, alike = np.zeros((_ROWS, int(np.prod(outputs.shape[1:]))), dtype=bool), True
    for draw in range(_DRAWS):
        moved = scattered(outputs[rows].astype(np.float64), draw)
        own = loss_gradient(loss, moved, y[rows])
        if own is None:
            return probes
        touched |= own != 0.0
        if alike:
            strange = loss_gradient(loss, moved, y[other])
            alike = strange is not None and np.allclose(own, strange, rtol=1e-9, atol=0.0)
    by_place = touched.reshape(_ROWS, *outputs.shape[1:])
    quantities = y.dtype.kind == "f" and outputs.ndim == 2 and outputs.shape == y.shape
    return attrs.evolve(
        probes,
        blind_targets=alike,
        blind_rows=float(np.mean(~touched.any(axis=1))),
        blind_columns=float(np.mean(~touched.any(axis=0))) if quantities else 0.0,
        blind_places=float(np.mean(~by_place.any(axis=(0, 2)))) if outputs.ndim == 3 and y.ndim == 2 else 0.0,
    )
