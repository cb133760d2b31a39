"""One thing about the input is changed, and the model is asked what that changes.

A sound model answers for each row alone, looks at its inputs, and (if it predicts the next symbol) not ahead. What is
wrong with one that does not need not be known: the experiment fails.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.diagnosis.facts import Probes
from minigrad.nn import Module
from minigrad.train.evaluation import eval_mode

__all__ = ["ignored_share", "probe_model"]

_HALF, _GROUPS = 8, 12


def probe_model(model: Module, x: Array, y: Array, *, drops: bool, recurrent: bool) -> Probes:
    """Exchange rows, columns and later symbols of a few rows. Nothing changes.

    Args:
        model: run up to seventeen times on 16 rows, in evaluation mode; a copy once in training mode.
        x: inputs of a few rows; fewer than 24 say nothing.
        y: their targets.
        drops: whether there is dropout.
        recurrent: whether the model has recurrent layers, which may forget the first places for good.
    """
    if len(x) < 3 * _HALF:
        return Probes()
    with eval_mode(model), np.errstate(all="ignore"):
        base = _outputs(model, x[: 2 * _HALF])
        if len(base) != 2 * _HALF or not np.isfinite(base).all():
            return Probes()
        exchanged = x[: 2 * _HALF].copy()
        exchanged[::2] = x[2 * _HALF : 3 * _HALF]
        return Probes(
            mixed=_change(base[1::2], _outputs(model, exchanged)[1::2]),
            ignored=_ignored(model, x, base, recurrent=recurrent),
            ahead=_ahead(model, x, y),
            dropped=_dropped(model, x[: 2 * _HALF], base) if drops else 0.0,
        )


def ignored_share(model: Module, x: Array, *, recurrent: bool) -> float | None:
    """Share of the input columns, of those that vary, that no output depends on.

    Up to twelve groups of neighbouring columns are each replaced by those of other rows.

    Args:
        model: run up to thirteen times, in evaluation mode.
        x: inputs of a few rows.
        recurrent: whether the model has recurrent layers; then only one that ignores the last place counts.
    """
    if len(x) < 3 * _HALF:
        return None
    with eval_mode(model), np.errstate(all="ignore"):
        return _ignored(model, x, _outputs(model, x[: 2 * _HALF]), recurrent=recurrent)


def _ignored(model: Module, x: Array, base: Array, *, recurrent: bool) -> float | None:
    rows, others = x[: 2 * _HALF].reshape(2 * _HALF, -1), x[_HALF : 3 * _HALF].reshape(2 * _HALF, -1)
    varying = np.flatnonzero((rows != others).any(axis=0))
    if len(varying) < 2:
        return None
    ignored = 0
    for group in np.array_split(varying, min(_GROUPS, len(varying))):
        changed = rows.copy()
        changed[:, group] = others[:, group]
        same = np.array_equal(_outputs(model, changed.reshape(x[: 2 * _HALF].shape)), base)
        if recurrent and group[-1] == varying[-1] and not same:
            return 0.0
        ignored += len(group) * same
    return ignored / len(varying)


def _ahead(model: Module, x: Array, y: Array) -> float | None:
    """What symbols behind a place change of the prediction there.

    None where the next symbol is not the target.
    """
    if x.dtype.kind not in "iu" or x.ndim != 2 or y.shape != x.shape or x.shape[1] < 4:
        return None
    if float(np.mean(y[:, :-1] == x[:, 1:])) < 0.95:
        return None
    rows, place = x[: 2 * _HALF], x.shape[1] // 2
    changed = rows.copy()
    changed[:, place:] = x[_HALF : 3 * _HALF, place:]
    base = _outputs(model, rows)
    return _change(base[:, :place], _outputs(model, changed)[:, :place]) if base.ndim == 3 else None


def _dropped(model: Module, x: Array, base: Array) -> float:
    twin = model.copy()
    twin.train()
    moving = _outputs(twin, x)
    return float(np.mean((moving == 0.0) & (base != 0.0)))


def _outputs(model: Module, x: Array) -> Array:
    """Outputs in the mode that the model is in, which costs less than to ask for it each time."""
    return model(from_array(np.ascontiguousarray(x))).numpy()


def _change(before: Array, after: Array) -> float | None:
    """Largest change over the spread of the outputs."""
    spread = float(before.std(dtype=np.float64))
    if before.shape != after.shape or spread <= 1e-12 or not np.isfinite(after).all():
        return None
    return float(np.abs(after.astype(np.float64) - before).max()) / spread
