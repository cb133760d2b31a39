"""Weights of rows: what a row, or a class, counts in the loss that is minimised."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core import Tensor
from minigrad.core.errors import nearest
from minigrad.core.tensor import as_array
from minigrad.core.types import Array, BoolArray
from minigrad.nn import (
    BinaryCrossEntropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    cross_entropy,
)
from minigrad.nn.losses.regression import paired
from minigrad.ops.elementwise.arithmetic import square
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.functions import clip
from minigrad.train.errors import TrainError
from minigrad.train.splits import Split

__all__ = ["ClassWeight", "WeightedLoss", "row_weights", "weighted"]

ClassWeight: TypeAlias = "str | Mapping[str | int, float] | Sequence[float]"
WeightedLoss: TypeAlias = Callable[[Tensor, Array, Tensor], Tensor]
"""Type of a loss of outputs, targets and weights `(N,)`, of mean 1 over all rows."""


def row_weights(
    split: Split, class_weight: ClassWeight | None, sample_weight: Sequence[float] | Array | None
) -> Array | None:
    """What each training row counts, with a mean of 1; None where all count alike.

    Args:
        split: whose training rows are weighed.
        class_weight: "balanced" for one over the share of each class, a weight for each class by name or number, or
            one for each in order.
        sample_weight: `(N,)`, one for each training row.

    Raises:
        TrainError: a weight is negative or not finite, their number is wrong, or targets are no classes.
    """
    if class_weight is None and sample_weight is None:
        return None
    weights: Array = np.ones(len(split.train), dtype=np.float64)
    if sample_weight is not None:
        given = np.asarray(sample_weight, dtype=np.float64)
        if given.shape != weights.shape:
            raise TrainError(f"sample_weight has shape {given.shape}, and there are {len(weights)} training rows")
        weights = weights * given
    if class_weight is not None:
        labels = split.train.y
        if labels.dtype.kind not in "iu" or labels.ndim != 1:
            raise TrainError("class_weight is for targets that are one class a row: use sample_weight for others")
        weights = weights * _class_weights(split, class_weight)[labels]
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if bad.size:
        raise TrainError(f"the weight of training row {bad[0]} is {weights[bad[0]]:g}: give finite ones of 0 or more")
    if not weights.sum() > 0.0:
        raise TrainError("all weights are 0, so there is nothing to learn")
    return np.asarray((weights / weights.mean()).astype(split.train.x.dtype if _floats(split) else np.float32))


def _floats(split: Split) -> bool:
    return split.train.x.dtype.kind == "f"


def _class_weights(split: Split, choice: ClassWeight) -> Array:
    """A weight for each class number."""
    labels = split.train.y
    names = () if split.dataset is None else split.dataset.class_names
    count = max(len(names), int(labels.max()) + 1)
    if isinstance(choice, str):
        if choice != "balanced":
            raise TrainError(f"class_weight={choice!r}: give 'balanced', or a weight for each class")
        sizes = np.bincount(labels, minlength=count)
        return np.asarray(len(labels) / (np.count_nonzero(sizes) * np.maximum(sizes, 1)), dtype=np.float64)
    if not isinstance(choice, Mapping):
        if len(choice) != count:
            raise TrainError(f"class_weight holds {len(choice)} weights for {count} classes")
        return np.asarray(choice, dtype=np.float64)
    known = list(names) or [str(k) for k in range(count)]
    weights = np.ones(count)
    for name, weight in choice.items():
        if isinstance(name, int) and 0 <= name < count:
            weights[name] = weight
        elif str(name) in known:
            weights[known.index(str(name))] = weight
        else:
            raise TrainError(f"class_weight: there is no class {name!r}.{nearest(str(name), known)}")
    return weights


def weighted(loss: Loss) -> WeightedLoss:
    """The loss as a mean of weighted rows.

    A function of the user's own takes the weights as its third argument.

    Raises:
        TrainError: the loss does not know what a row contributes, or has weights of its own.
    """
    if getattr(loss, "weight", None) is not None:
        raise TrainError(
            f"{type(loss).__name__} has weights of classes, and rows are weighed besides: leave out its weight, and "
            "give class_weight=[...] to fit"
        )
    entries, ignored = _entries(loss), getattr(loss, "ignore_index", None)
    if entries is not None and ignored is None:
        return lambda outputs, targets, weights: _mean(entries(outputs, targets), weights)
    if entries is not None:
        return lambda outputs, targets, weights: _mean(entries(outputs, targets), weights, as_array(targets) != ignored)
    if inspect.isfunction(loss) and len(inspect.signature(loss).parameters) >= 3:
        third: WeightedLoss = loss
        return third
    raise TrainError(
        f"{loss!r:.60} does not say what a row contributes, so rows cannot be weighed: choose softmax, bce, mse, mae "
        "or huber, or give a function of outputs, targets and weights"
    )


def _entries(loss: Loss) -> Callable[[Tensor, Array], Tensor] | None:
    """The loss of each entry of the targets, where that is known."""
    if isinstance(loss, SoftmaxCrossEntropy):
        smoothing, ignored = loss.label_smoothing, loss.ignore_index
        return lambda x, y: cross_entropy(x, y, smoothing, ignore_index=ignored, reduction="none")
    if isinstance(loss, MeanSquaredError):
        return lambda x, y: square(_difference(x, y))
    if isinstance(loss, MeanAbsoluteError):
        return lambda x, y: absolute(_difference(x, y))
    if isinstance(loss, Huber):
        return lambda x, y: _huber(_difference(x, y), loss.delta)
    if isinstance(loss, BinaryCrossEntropy):
        return _logistic
    if getattr(loss, "reduction", None) == "mean" and attrs.has(type(loss)):  # one under PyTorch's name
        each: Callable[[Tensor, Array], Tensor] = attrs.evolve(loss, reduction="none")  # type: ignore[misc]
        return each
    return None


def _difference(outputs: Tensor, targets: Array) -> Tensor:
    x, y = paired("a weighted loss", outputs, targets)
    return x - y


def _huber(d: Tensor, delta: float) -> Tensor:
    core = clip(d, -delta, delta)
    return core * (d - core * 0.5)


def _logistic(outputs: Tensor, targets: Array) -> Tensor:
    x, y = paired("a weighted loss", outputs, targets)
    losses: Tensor = lazy.load("minigrad.ops.network.logistic_loss", "logistic_loss")(x, y, 1.0)
    return losses


def _mean(losses: Tensor, weights: Tensor, counted: BoolArray | None = None) -> Tensor:
    """The mean over losses `(N, ...)` that count, each by the weight of its row."""
    weighed = losses * weights.reshape(weights.shape[0], *(1,) * (losses.ndim - 1))
    if counted is None:
        return weighed.mean()
    return weighed.sum() / (weighed * 0.0 + counted.astype(losses.dtype)).sum()
