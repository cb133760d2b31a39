"""Tests of a model and its loss before the first update.

What the loss expects, and what it is given.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Start
from minigrad.nn import Loss, Module, find_baseline
from minigrad.train.checks.gradients import check_gradients
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import eval_mode

__all__ = ["start_of", "wrong_gradients"]


def start_of(model: Module, loss: Loss, x: Array, y: Array, targets: Array) -> Start:
    """Run the model twice in evaluation mode, and the loss a few times. Nothing changes.

    Args:
        x: inputs of a few rows.
        y: their targets.
        targets: those of all rows, which chance depends on.
    """

    def value(outputs: Array, targets: Array) -> float:
        return float(loss(from_array(outputs), targets).item())

    with eval_mode(model), np.errstate(all="ignore"):
        outputs = model(from_array(x)).numpy()
        repeat = float(np.abs(model(from_array(x)).numpy() - outputs).max())
        half = len(x) // 2
        whole, parts = value(outputs, y), 0.0
        if half:
            parts = 0.5 * (value(outputs[:half], y[:half]) + value(outputs[half : 2 * half], y[half : 2 * half]))
            whole = value(outputs[: 2 * half], y[: 2 * half])
        shift = abs(value(outputs + 1.0, y) - value(outputs, y))
    baseline = find_baseline(loss)
    chance = None if baseline is None else baseline.uninformed_loss(outputs.shape[-1], targets)
    inside = bool((outputs >= 0.0).all() and (outputs <= 1.0).all())
    wide = outputs.ndim > 1 and outputs.shape[-1] > 1
    return Start(
        chance=None if chance is None else chance.value,
        formula="" if chance is None else chance.formula,
        probabilities=bool(inside and wide and np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-3)),
        between=inside,
        clipped=float(np.mean(outputs == 0.0)) if outputs.min() >= 0.0 else 0.0,
        shift=shift,
        doubling=whole / parts if parts else None,
        repeat=repeat,
        outputs=int(outputs.shape[-1]) if outputs.ndim > 1 else 1,
    )


def wrong_gradients(model: Module, loss: Loss, x: Array, y: Array, seed: int = 0) -> tuple[str, ...]:
    """Names of the parameters whose gradient disagrees with differences, on 20 of the rows."""
    try:
        return check_gradients(model, loss, (x[:20], y[:20]), seed=seed).named("mismatch")
    except TrainError:
        return ()
