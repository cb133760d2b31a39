"""Tests of a model and its loss before the first update.

What the loss expects, and what it is given.
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Experiments, Start
from minigrad.diagnosis.probing.loss_experiments import (
    bounds_of,
    constant_loss,
    is_unbounded,
    level_at_sure_scores,
    lowest_loss,
    odd_shapes,
)
from minigrad.nn import Loss, Module, find_baseline
from minigrad.runtime.no_grad import no_grad
from minigrad.runtime.parameters import assign
from minigrad.train.checks.gradients import check_gradients
from minigrad.train.errors import TrainError
from minigrad.train.evaluation import eval_mode

__all__ = ["even_losses", "experiments_of", "start_of", "wrong_gradients"]

_ROWS, _FAR, _FAR_ROWS, _OFTEN, _MODEST = 500, 1e3, 64, 0.2, 100.0
_CLASSES, _COMMON, _EACH = 50, 0.8, 8


def start_of(model: Module, loss: Loss, outputs: Array, x: Array, y: Array, targets: Array) -> Start:
    """Run the model once more in evaluation mode, and the loss some times. Nothing changes.

    Args:
        model: what gave the outputs.
        loss: of outputs and targets.
        outputs: for `x`.
        x: inputs of a few rows.
        y: their targets.
        targets: those of all rows, which chance depends on.
    """

    def value(outputs: Array, targets: Array) -> float:
        return float(loss(from_array(outputs), targets).item())

    with eval_mode(model), np.errstate(all="ignore"):
        repeat = float(np.abs(model(from_array(x)).numpy() - outputs).max())
        half = len(x) // 2
        whole, parts = value(outputs, y), 0.0
        if half:
            parts = 0.5 * (value(outputs[:half], y[:half]) + value(outputs[half : 2 * half], y[half : 2 * half]))
            whole = value(outputs[: 2 * half], y[: 2 * half])
        shift = abs(value(outputs + 1.0, y) - value(outputs, y))
    few_targets = targets[:: max(1, len(targets) // _ROWS)]
    baseline = find_baseline(loss)
    chance = None if baseline is None else baseline.uninformed_loss(outputs.shape[-1], targets)
    inside = bool((outputs >= 0.0).all() and (outputs <= 1.0).all())
    wide = outputs.ndim > 1 and outputs.shape[-1] > 1
    return Start(
        chance=None if chance is None else chance.value,
        formula="" if chance is None else chance.formula,
        probabilities=bool(inside and wide and np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-3)),
        between=inside,
        clipped=_clipped(outputs),
        constant=None if outputs.ndim > 2 else constant_loss(loss, outputs.shape[1:], few_targets),
        shift=shift,
        doubling=whole / parts if parts else None,
        repeat=repeat,
        outputs=int(outputs.shape[-1]) if outputs.ndim > 1 else 1,
    )


def _clipped(outputs: Array) -> float:
    """Share of the outputs that are 0 where none is negative.

    Rows that are 0 throughout come from hidden units that are 0, so that only others count if there are columns.
    """
    if not outputs.size or not outputs.min() >= 0.0:
        return 0.0
    rows = outputs.reshape(-1, outputs.shape[-1]) if outputs.ndim > 1 else outputs.reshape(-1, 1)
    telling = rows[(rows != 0.0).any(axis=1)] if rows.shape[1] > 1 else rows
    return float(np.mean(telling == 0.0)) if telling.size else 1.0


def even_losses(model: Module, loss: Loss, x: Array, y: Array) -> tuple[float, float] | None:
    """The loss with every class counted alike: of the model, and of the class shares.

    The logarithms of the shares are the scores of the best answer that does not look at its inputs.
    The plain loss of an untrained model that is sure of the most common class says little: most rows are of that class.

    Args:
        model: run in evaluation mode on up to eight rows of each class.
        loss: of scores and classes, whose level of chance is known.
        x: inputs of all rows.
        y: classes of all rows, shape `(rows,)`.

    Returns:
        Both losses; None where no class is rare, or where there are more than 50.
    """
    classes, counts = np.unique(y, return_counts=True)
    if not 1 < len(classes) <= _CLASSES or counts.max() < _COMMON * len(y) or classes[0] < 0:
        return None
    reached = known = 0.0
    with eval_mode(model), np.errstate(all="ignore"):
        for c in classes:
            rows = np.flatnonzero(y == c)[:_EACH]
            outputs = model(from_array(x[rows])).numpy()
            if outputs.ndim != 2 or outputs.shape[1] <= classes[-1]:
                return None
            shares = np.full(outputs.shape, math.log(0.5 / len(y)), outputs.dtype)
            shares[:, classes.astype(np.intp)] = np.log(counts / len(y))
            reached += float(loss(from_array(outputs), y[rows]).item()) / len(classes)
            known += float(loss(from_array(shares), y[rows]).item()) / len(classes)
    return reached, known


def experiments_of(
    model: Module, loss: Loss, outputs: Array, x: Array, y: Array, constant: float | None
) -> Experiments:
    """Try the loss on a few rows of the model's outputs, and the model on huge inputs.

    Nothing changes.

    Args:
        model: copies of it are run two to four times on 64 rows, in evaluation mode.
        loss: of outputs and targets.
        outputs: for `x`.
        x: inputs of a few rows.
        y: their targets.
        constant: loss of the best constant answer, if it is known.
    """
    low, high, floor, loss_floor = -math.inf, math.inf, None, None
    with no_grad(), np.errstate(all="ignore"):
        if x.dtype.kind == "f" and constant:
            low, high = _bounds(model, x[:_FAR_ROWS])
            if math.isfinite(low) or math.isfinite(high):
                least = lowest_loss(loss, outputs.shape[1:], y, low, high)
                floor = None if least is None else least / constant
        if constant and constant > 0.0:
            least = level_at_sure_scores(loss, outputs.shape[1:], y)
            loss_floor = None if least is None else least / constant
    dtypes = [t.dtype for t in model.parameters()]
    return Experiments(
        shapes=odd_shapes(outputs, y),
        low=low,
        high=high,
        floor=floor,
        loss_floor=loss_floor,
        unbounded=is_unbounded(loss, outputs.shape[1:], y),
        spacing=max((float(np.finfo(d).eps) for d in dtypes if d.kind == "f"), default=1.2e-7),
    )


def _bounds(model: Module, x: Array) -> tuple[float, float]:
    """The bounds that outputs keep to, however large inputs and weights are.

    Saturated hidden units keep outputs small at first, so that a bound at the end shows with larger weights only.
    """
    far, further = _far_outputs(_widened(model, 30.0), x), None
    if max(float(np.mean(far == end)) for end in (far.min(), far.max())) > _OFTEN:
        further = _far_outputs(_widened(model, 300.0), x)
    low, high = bounds_of(far, further) if np.isfinite(far).all() else (-math.inf, math.inf)
    if (math.isfinite(low) and math.isfinite(high)) or not np.abs(far).max() < _MODEST:
        return low, high
    return bounds_of(*(_far_outputs(_widened(model, times), x) for times in (300.0, 3000.0)))


def _far_outputs(model: Module, x: Array) -> Array:
    """Outputs for huge inputs of both signs."""
    return np.concatenate([model(from_array(x * x.dtype.type(s))).numpy() for s in (_FAR, -_FAR)])


def _widened(model: Module, times: float) -> Module:
    """A copy in evaluation mode whose weights are many times as large.

    What is bounded in it is bounded by design.
    """
    copy = model.copy().eval()
    for t in copy.parameters():
        assign(t, t.numpy() * t.dtype.type(times))
    return copy


def wrong_gradients(model: Module, loss: Loss, x: Array, y: Array, seed: int = 0) -> tuple[str, ...]:
    """Names of the parameters whose gradient disagrees with differences, on 20 of the rows."""
    try:
        return check_gradients(model, loss, (x[:20], y[:20]), seed=seed).named("mismatch")
    except TrainError:
        return ()
