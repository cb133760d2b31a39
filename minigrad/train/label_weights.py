"""What a loss is a mean over: what each label counts in it, and which one it ignores.

Losses of minigrad say it in their fields. A function is asked by experiment: two entries together against each alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import from_array
from minigrad.core.types import Array, Shape
from minigrad.data import check_labels
from minigrad.nn import Loss, Module, find_baseline
from minigrad.runtime.no_grad import no_grad
from minigrad.text import finite_or_none
from minigrad.train.splits import Split

__all__ = ["LossTerms", "check_labels_of", "class_axis", "ignored_label", "loss_terms"]

_MOST_LABELS = 256
"""Distinct labels that a function is asked about."""
_CLOSE = 1e-4
"""Weights that differ by less are the same: losses may be computed in float32."""


@attrs.frozen
class LossTerms:
    """What the loss of a batch is the mean or the sum of.

    Attributes:
        weights: what each label counts in the mean; labels that are not named count 1.
        ignored: the label that counts for nothing, None where all count.
        summed: whether the loss is a sum, and no mean.
        entries: whether the mean is over labels, of which a row may have several; otherwise it is over rows.
    """

    weights: Mapping[int, float] = attrs.field(factory=dict)
    ignored: int | None = None
    summed: bool = False
    entries: bool = False

    def total(self, targets: Array) -> float:
        """What the loss of a batch is divided by: a number of rows, or a sum of weights."""
        if not self.entries:
            return float(len(targets))
        share: Array = np.ones(targets.shape)
        for label, weight in self.weights.items():
            share[targets == label] = weight
        share[targets == self.ignored] = 0.0
        return float(share.sum())


def loss_terms(loss: Loss, shape: Shape, targets: Array) -> LossTerms:
    """What a loss is a mean over, for such outputs and targets.

    Args:
        loss: of outputs and targets; it may depend on rows one by one only.
        shape: of the outputs of a batch, `(N, ...)`.
        targets: `(N, ...)` of which some labels, where they are integers, are asked about.
    """
    labels = targets.dtype.kind in "iu" and len(shape) == targets.ndim + 1
    summed = getattr(loss, "reduction", "mean") == "sum"
    if labels and (hasattr(loss, "ignore_index") or hasattr(loss, "weight")):
        return _from_fields(loss, summed)
    if find_baseline(loss) is not None or not len(targets):
        return LossTerms(summed=summed)
    if not labels:
        return LossTerms(summed=summed or _is_sum(loss, shape, targets))
    return _by_experiment(loss, shape, targets)


def check_labels_of(model: Module, split: Split, loss: Loss) -> LossTerms:
    """Try a model on two rows, and say what the loss is a mean over.

    So labels are wrong before anything runs. A loss that is a function is not called where all are classes.

    Raises:
        DataValueError: a label is none of the model's classes, and the loss does not ignore it; names the row.
    """
    shape = _output_shape(model, split)
    parts = [(name, rows) for name, rows in (("y_train", split.train), ("y_val", split.val)) if rows is not None]
    labelled = [(name, rows.y) for name, rows in parts if rows.has_labels and len(shape) == rows.y.ndim + 1]
    if not labelled:
        return LossTerms()
    classes = shape[class_axis(shape, labelled[0][1][:2].shape)]
    terms = LossTerms()
    if hasattr(loss, "ignore_index") or any(((y < 0) | (y >= classes)).any() for _, y in labelled):
        terms = loss_terms(loss, shape, np.concatenate([y for _, y in labelled]))
    for name, y in labelled:
        check_labels(y, classes, name, terms.ignored)
    return terms


def ignored_label(model: Module, split: Split, loss: Loss) -> int | None:
    """The training label that a loss ignores, such as that of padding, or None."""
    shape = _output_shape(model, split)
    return loss_terms(loss, shape, split.train.y).ignored


def _output_shape(model: Module, split: Split) -> Shape:
    """The shape of the outputs for two rows."""
    with model.mode(training=False), no_grad():
        return model(from_array(split.train.x[:2])).shape


def class_axis(outputs: Shape, labels: Shape) -> int:
    """The axis of the classes in scores: the last one, or 1 where only that fits."""
    return 1 if outputs[:-1] != labels and (*outputs[:1], *outputs[2:]) == labels else len(outputs) - 1


def _from_fields(loss: Loss, summed: bool) -> LossTerms:
    weight: object = getattr(loss, "weight", None)
    ignored: int | None = getattr(loss, "ignore_index", None)
    each = {} if weight is None else dict(enumerate(np.asarray(weight, dtype=np.float64).reshape(-1).tolist()))
    return LossTerms(each, ignored, summed, entries=bool(each) or ignored is not None)


def _by_experiment(loss: Loss, shape: Shape, targets: Array) -> LossTerms:
    """The weight of each label, from entries of it beside as many of another one.

    In a mean of two, (w0 l0 + w1 l1) / (w0 + w1), the ratio w1 / w0 is (l0 - l) / (l - l1).
    """
    present = np.unique(targets)[:_MOST_LABELS].tolist()
    scores = np.random.default_rng(0).normal(size=(2, *shape[1:]))
    classes = range(min(shape[class_axis(shape, targets.shape)], _MOST_LABELS))
    rows = {k: np.full((1, *targets.shape[1:]), k, dtype=targets.dtype) for k in (*classes, *present)}
    values = {k: _value(loss, scores[:1], rows[k]) for k in classes[:8]}
    first, alone = next(((k, v) for k, v in values.items() if v), (0, None))
    if alone is None:
        return LossTerms()
    weights: dict[int, float] = {}
    ignored = None
    for label in present:
        together = _value(loss, scores, np.concatenate([rows[first], rows[label]]))
        other = _value(loss, scores[1:], rows[label])
        if together is None:
            continue  # the loss itself will say what is wrong with this label
        if not other:
            ignored = label if abs(together - alone) <= _CLOSE * abs(alone) else ignored
        elif abs(together - alone - other) <= _CLOSE * abs(together):
            return LossTerms(summed=True)
        elif abs(together - other) > _CLOSE * abs(other):
            ratio = (alone - together) / (together - other)
            if ratio > 0.0 and abs(ratio - 1.0) > _CLOSE:
                weights[label] = ratio
    return LossTerms(weights, ignored, entries=bool(weights) or ignored is not None)


def _is_sum(loss: Loss, shape: Shape, targets: Array) -> bool:
    """Whether the loss of two rows is the sum of theirs, and not their mean."""
    if len(targets) < 2:
        return False
    outputs = np.random.default_rng(0).normal(size=(2, *shape[1:]))
    both, *each = (_value(loss, outputs[part], targets[:2][part]) for part in (slice(2), slice(1), slice(1, 2)))
    if both is None or None in each:
        return False
    total = float(sum(v for v in each if v is not None))
    return total != 0.0 and abs(both - total) <= _CLOSE * abs(total)


def _value(loss: Loss, outputs: Array, targets: Array) -> float | None:
    """The loss; None where it is not finite, or refuses such rows."""
    with no_grad(), np.errstate(all="ignore"):
        try:
            value = float(loss(Tensor(outputs), targets).item())
        except Exception:
            return None
    return cast("float | None", finite_or_none(value))
