"""Experiments on a loss.

What the best constant answer costs, and whether each row's loss is that row's own affair.

They take the loss as it is, a user's own function included, and need no list of what can be wrong with it: a loss whose
rows are mixed up (a softmax over the rows of the batch, targets of shape (n,) beside outputs of shape (n, 1)) shows in
the gradient, however it came about.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.data.arrays import any_real
from minigrad.nn import Loss

__all__ = ["bounds_of", "constant_loss", "lowest_loss", "mixed_rows", "odd_shapes"]

_ROWS = 8
_LEAST, _HUGE, _AT_BOUND = 1e-12, 30.0, 0.2


def constant_loss(loss: Loss, shape: Shape, y: Array) -> float | None:
    """The loss of the best answer that does not look at the inputs, among a few.

    None if the loss takes none of them.

    Args:
        loss: of outputs and targets.
        shape: of the outputs of one row.
        y: targets, of up to 500 rows.
    """
    values = []
    for answer in _answers(shape, y):
        outputs = np.broadcast_to(answer, (len(y), *shape)).astype(np.float32)
        with np.errstate(all="ignore"):
            values.append(_value(loss, any_real(outputs), y))
    finite = [v for v in values if v is not None and np.isfinite(v)]
    return min(finite, default=None)


def _answers(shape: Shape, y: Array) -> list[Array]:
    """Constant outputs: all alike; the log of the class shares.

    The mean of quantities, and its log-odds.
    """
    answers = [np.zeros(shape)]
    if y.dtype.kind in "iu" and shape:
        counts = np.bincount(y.reshape(-1).astype(np.intp), minlength=shape[-1])
        if len(counts) == shape[-1]:
            answers.append(np.broadcast_to(np.log(np.maximum(counts, 0.5) / counts.sum()), shape))
    elif y.dtype.kind == "f" and y[0].size == int(np.prod(shape)):
        mean = y.reshape(len(y), -1).mean(axis=0, dtype=np.float64).reshape(shape)
        answers.append(mean)
        if y.min() >= 0.0 and y.max() <= 1.0:
            share = np.clip(mean, 1e-3, 1.0 - 1e-3)
            answers.append(np.log(share / (1.0 - share)))
    return answers


def _value(loss: Loss, outputs: Array, y: Array) -> float | None:
    try:
        return float(loss(Tensor(outputs), y).item())
    except Exception:
        return None  # an own loss may want more than outputs of this shape; then it says nothing about constants


def bounds_of(far: Array) -> tuple[float, float]:
    """The bounds that outputs keep to, from outputs for huge inputs of both signs.

    They are those of a sigmoid, tanh or ReLU.

    Args:
        far: outputs where a model without bounds gives huge numbers.
    """
    low, high = float(far.min()), float(far.max())
    if high - low < 1e-3:
        return -np.inf, np.inf  # a model that gives one number only; its bounds do not show
    at_low = float(np.mean(far <= low + 1e-3)) > _AT_BOUND and min(abs(low), abs(low + 1.0)) < 1e-3
    at_high = float(np.mean(far >= high - 1e-3)) > _AT_BOUND and abs(high - 1.0) < 1e-3
    if low >= -1e-6 and high <= 1.0 + 1e-6 and min(np.mean(far < 0.01), np.mean(far > 0.99)) > 0.02:
        return 0.0, 1.0
    return (low if at_low else -np.inf), (high if at_high else np.inf)


def lowest_loss(loss: Loss, shape: Shape, y: Array, low: float, high: float) -> float | None:
    """The loss of the best outputs between two bounds; None if the loss takes none of them.

    Args:
        loss: of outputs and targets.
        shape: of the outputs of one row.
        y: targets.
        low: least output; may be -inf.
        high: largest output; may be inf.
    """
    if y.dtype.kind in "iu" and y.ndim == 1 and len(shape) == 1 and shape[0] > int(y.max(initial=0)):
        right = np.arange(shape[0]) == y[:, None]
        best = np.where(right, min(high, _HUGE), max(low, -_HUGE))
    elif y.dtype.kind == "f" and y[0].size == int(np.prod(shape)):
        best = np.clip(y.reshape(len(y), *shape), low, high)
        if np.isin(y, (0.0, 1.0)).all():  # answers: scores as sure as the bounds allow, or the answers themselves
            sure = np.where(best > 0.5, min(high, _HUGE), max(low, -_HUGE))
            values = [
                v for v in (_value(loss, any_real(b.astype(np.float32)), y) for b in (best, sure)) if v is not None
            ]
            return min((v for v in values if np.isfinite(v)), default=None)
    else:
        return None
    with np.errstate(all="ignore"):
        value = _value(loss, any_real(best.astype(np.float32)), y)
    if value is None or not np.isfinite(value):
        return None
    return value


def mixed_rows(loss: Loss, outputs: Array, y: Array) -> float | None:
    """How far the gradient of one row turns when another row is exchanged, over its size.

    About 0 in a sound loss.

    The gradient of a mean over rows, weighted or not, keeps its direction whatever the other rows are: only a factor
    common to all rows may change. So directions are compared, on eight rows, each of which is exchanged once.

    Args:
        loss: of outputs and targets.
        outputs: of at least nine rows.
        y: their targets.
    """
    if len(outputs) < _ROWS + 1:
        return None
    outputs = _scattered(outputs[: _ROWS + 1].astype(np.float64))
    base = outputs[:_ROWS]
    plain = _gradient(loss, base, y[:_ROWS])
    if plain is None:
        return None
    turns = []
    for k in range(_ROWS):
        changed, targets = base.copy(), y[:_ROWS].copy()
        changed[k], targets[k] = outputs[_ROWS], y[_ROWS]
        other = _gradient(loss, changed, targets)
        if other is None:
            return None
        rest = [i for i in range(_ROWS) if i != k]
        turns.append(_apart(plain[rest], other[rest]))
    return float(np.mean(turns))


def _scattered(outputs: Array) -> Array:
    """Outputs of one kind that are not all alike: any numbers, numbers in [0, 1], or shares."""
    rng = np.random.default_rng(29)
    if outputs.min() >= 0.0 and outputs.max() <= 1.0:
        inside = rng.uniform(0.05, 0.95, outputs.shape)
        whole = outputs.ndim > 1 and outputs.shape[-1] > 1 and np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-3)
        shares: Array = inside / inside.sum(axis=-1, keepdims=True) if whole else inside
        return shares
    moved: Array = outputs + max(1.0, float(outputs.std())) * rng.standard_normal(outputs.shape)
    return moved


def _gradient(loss: Loss, outputs: Array, y: Array) -> Array | None:
    """Gradient of the loss by the outputs; None where it has none."""
    leaf = Tensor(outputs, requires_grad=True)
    with np.errstate(all="ignore"):
        value = loss(leaf, y)
        if not value.requires_grad:
            return None
        gradient = gradients((value,), (np.ones_like(value.data),), [leaf], False)[0]
    if gradient is None or not np.isfinite(gradient).all():
        return None
    g = np.asarray(gradient, dtype=np.float64).reshape(len(outputs), -1)
    return g if float((g**2).sum()) > _LEAST else None


def _apart(a: Array, b: Array) -> float:
    """Distance of `b` from the nearest multiple of `a`, over the size of `b`.

    The sine of the angle between them.
    """
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    if size <= _LEAST:
        return 0.0
    return float(np.sqrt(max(0.0, 1.0 - (float((a * b).sum()) / size) ** 2)))


def odd_shapes(outputs: Array, y: Array) -> str:
    """Shapes of outputs and quantities that differ although their sizes agree, in words.

    Empty if all is well.
    """
    if y.dtype.kind == "f" and outputs.size == y.size and outputs.shape != y.shape:
        return f"outputs {outputs.shape}, targets {y.shape}"
    return ""
