"""Experiments on a loss.

What the best constant answer costs, and whether each row's loss is that row's own affair.

They take the loss as it is, a user's own function included, and need no list of what can be wrong with it: a loss whose
rows are mixed up (a softmax over the rows of the batch, targets of shape (n,) beside outputs of shape (n, 1)) shows in
the gradient, however it came about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minigrad.core.backward import gradients
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.data.arrays import any_real
from minigrad.nn import Loss

__all__ = [
    "bounds_of",
    "constant_loss",
    "is_unbounded",
    "level_at_sure_scores",
    "loss_gradient",
    "lowest_loss",
    "mixed_rows",
    "odd_shapes",
    "scattered",
    "varied_rows",
]

_ROWS, _SORTED = 8, 2_000
_LEAST, _HUGE, _AT_BOUND = 1e-12, 30.0, 0.2
_FAR = (1e2, 1e3, 1e4)


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
        counts = np.bincount(y[y >= 0].astype(np.intp), minlength=shape[-1])
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


def bounds_of(far: Array, further: Array | None = None) -> tuple[float, float]:
    """The bounds that outputs keep to, from outputs for huge inputs of both signs.

    They are those of a sigmoid, tanh or ReLU; or any numbers that many outputs equal, however large the weights are.

    Args:
        far: outputs where a model without bounds gives huge numbers.
        further: the same where these would be ten times as large.
    """
    low, high = float(far.min()), float(far.max())
    if high - low < 1e-3:
        return -np.inf, np.inf  # a model that gives one number only; its bounds do not show
    at_low = float(np.mean(far <= low + 1e-3)) > _AT_BOUND and min(abs(low), abs(low + 1.0)) < 1e-3
    at_high = float(np.mean(far >= high - 1e-3)) > _AT_BOUND and abs(high - 1.0) < 1e-3
    if low >= -1e-6 and high <= 1.0 + 1e-6 and min(np.mean(far < 0.01), np.mean(far > 0.99)) > 0.02:
        return 0.0, 1.0
    if further is not None and further.shape == far.shape:
        reach = max(float(np.abs(a).max()) for a in (far, further))
        if 0.5 < reach <= 1.0 + 1e-6:  # whatever has been reached of it: nothing but a squashing end stays so small
            return (-1.0 if min(low, float(further.min())) < -1e-6 else 0.0), 1.0
        ends = [(low, float(further.min())), (high, float(further.max()))]
        low_stays, high_stays = (abs(a - b) <= 1e-6 * abs(a) and float(np.mean(far == a)) > _AT_BOUND for a, b in ends)
        at_low, at_high = at_low or low_stays, at_high or high_stays
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
    right = _right_scores(shape, y)
    if right is not None:
        return _lowest(loss, [np.where(right > 0.0, min(high, _HUGE), max(low, -_HUGE))], y)
    if y.dtype.kind == "f" and y[0].size == int(np.prod(shape)):
        best = np.clip(y.reshape(len(y), *shape), low, high)
        if np.isin(y, (0.0, 1.0)).all():  # answers: scores as sure as the bounds allow, or the answers themselves
            return _lowest(loss, [best, np.where(best > 0.5, min(high, _HUGE), max(low, -_HUGE))], y)
        return _lowest(loss, [best], y)
    return None


def level_at_sure_scores(loss: Loss, shape: Shape, y: Array) -> float | None:
    """The loss that ever surer right scores of classes level off at.

    0 for most losses, more for a softmax of softmax. None where it goes on falling or rising, as one that wants some
    doubt (smoothed labels) or numbers does, and where the loss takes no scores.

    Args:
        loss: of outputs and targets.
        shape: of the outputs of one row.
        y: class numbers.
    """
    right = _right_scores(shape, y)
    if right is None:
        return None
    with np.errstate(all="ignore"):
        sure, surer = (_value(loss, any_real(right * np.float32(scale)), y) for scale in (_HUGE, 2.0 * _HUGE))
    if sure is None or surer is None or not np.isfinite(surer) or abs(surer - sure) > 1e-3 * abs(surer) + 1e-6:
        return None
    return surer


def _right_scores(shape: Shape, y: Array) -> Array | None:
    """1 for the class of each row and -1 for the others.

    None where targets are no classes of these outputs.
    """
    if y.dtype.kind not in "iu" or y.ndim != 1 or len(shape) != 1 or shape[0] <= int(y.max(initial=0)):
        return None
    return any_real(np.where(np.arange(shape[0]) == y[:, None], 1.0, -1.0).astype(np.float32))


def is_unbounded(loss: Loss, shape: Shape, y: Array) -> bool:
    """Whether the loss falls without end as outputs grow.

    All of them, or each row's towards its target.

    Args:
        loss: of outputs and targets.
        shape: of the outputs of one row.
        y: targets.
    """
    ones, right = any_real(np.ones((len(y), *shape), np.float32)), _right_scores(shape, y)
    directions = [ones, -ones]
    if right is not None:
        directions += [right, -right]
    elif y.ndim == 1 or y[0].size == int(np.prod(shape)):
        fits = y.size == ones.size
        side = np.where(y > y.mean(), 1.0, -1.0).reshape(ones.shape if fits else (len(y), *[1] * len(shape)))
        side = side.astype(np.float32)
        directions += [side * ones, -side * ones]
    for direction in directions:
        with np.errstate(all="ignore"):
            values = [_value(loss, any_real(direction * np.float32(scale)), y) for scale in _FAR]
        near, far, further = (math.nan if v is None else v for v in values)
        if further < far < near and further < 5.0 * far < 0.0:
            return True
    return False


def _lowest(loss: Loss, answers: Sequence[Array], y: Array) -> float | None:
    with np.errstate(all="ignore"):
        values = [_value(loss, any_real(answer.astype(np.float32)), y) for answer in answers]
    return min((v for v in values if v is not None and np.isfinite(v)), default=None)


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
    outputs = scattered(outputs[: _ROWS + 1].astype(np.float64))
    base = outputs[:_ROWS]
    plain = loss_gradient(loss, base, y[:_ROWS])
    if plain is None:
        return None
    turns = []
    for k in range(_ROWS):
        changed, targets = base.copy(), y[:_ROWS].copy()
        changed[k], targets[k] = outputs[_ROWS], y[_ROWS]
        other = loss_gradient(loss, changed, targets)
        if other is None:
            return None
        rest = [i for i in range(_ROWS) if i != k]
        turns.append(_apart(plain[rest], other[rest]))
    return float(np.mean(turns))


def scattered(outputs: Array, draw: int = 0) -> Array:
    """Outputs of one kind that are not all alike, others for each draw.

    Any numbers, numbers in [0, 1], or shares.
    """
    rng = np.random.default_rng(29 + draw)
    if outputs.min() >= 0.0 and outputs.max() <= 1.0:
        inside = rng.uniform(0.05, 0.95, outputs.shape)
        whole = outputs.ndim > 1 and outputs.shape[-1] > 1 and np.allclose(outputs.sum(axis=-1), 1.0, atol=1e-3)
        shares: Array = inside / inside.sum(axis=-1, keepdims=True) if whole else inside
        return shares
    moved: Array = outputs + max(1.0, float(outputs.std())) * rng.standard_normal(outputs.shape)
    return moved


def loss_gradient(loss: Loss, outputs: Array, y: Array) -> Array | None:
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


def varied_rows(y: Array, count: int) -> NDArray[np.intp]:
    """Numbers of rows whose targets are as unlike as they can be.

    All classes in turn, or the quantities in steps. Rows beside each other in a series have nearly the same target, and
    rows of a common class the same: exchanging them shows nothing.

    Args:
        y: targets of all rows; of several columns the first tells.
        count: how many rows.
    """
    key = y.reshape(len(y), -1)[:, 0]
    if key.dtype.kind in "iu":
        order: NDArray[np.intp] = np.argsort(key, kind="stable")
        places = np.concatenate([np.arange(n) for n in np.unique(key, return_counts=True)[1]])
        return order[np.argsort(places, kind="stable")[:count]]
    rows = np.linspace(0, len(key) - 1, min(len(key), _SORTED)).astype(np.intp)
    order = rows[np.argsort(key[rows], kind="stable")]
    return order[np.linspace(0, len(order) - 1, min(len(order), count)).astype(np.intp)]


def odd_shapes(outputs: Array, y: Array) -> str:
    """Shapes of outputs and quantities that differ although their sizes agree, in words.

    Empty if all is well.
    """
    if y.dtype.kind == "f" and outputs.size == y.size and outputs.shape != y.shape:
        return f"outputs {outputs.shape}, targets {y.shape}"
    return ""
