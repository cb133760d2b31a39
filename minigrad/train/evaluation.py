"""Loss and accuracy of a model on rows it is not being trained on at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module, find_loss
from minigrad.runtime.no_grad import no_grad
from minigrad.train.errors import TrainError
from minigrad.train.label_weights import LossTerms, class_axis, loss_terms
from minigrad.train.process_group import ProcessGroup
from minigrad.train.splits import Raw, Rows, as_split

__all__ = [
    "EVAL_BATCH_SIZE",
    "Score",
    "count_correct",
    "eval_mode",
    "evaluate",
    "outputs_of",
    "probabilities_of",
    "shares_of",
]

EVAL_BATCH_SIZE = 250
"""Rows that go through a model together in evaluation.

Enough for matrix products, few enough for the cache (2.6 times as fast as 1,000 for a small convolutional network).
"""


@attrs.frozen
class Score:
    """Mean data loss of a row (also of a loss that is a sum), and the share of right rows.

    A row is right if its largest score is that of its class (None: no classes).
    """

    loss: float
    accuracy: float | None


@contextmanager
def eval_mode(model: Module) -> Iterator[None]:
    """Evaluate without recording inside the block.

    The mode of each part is put back afterwards.
    """
    with model.mode(training=False), no_grad():
        yield


def count_correct(outputs: Array, labels: Array, ignored: int | None = None) -> int | None:
    """Count the labels that have the largest score of their row.

    None when these are not scores and labels.

    Args:
        outputs: scores `(..., C)`, or `(N, C, ...)`.
        labels: integers `(...)`, or `(N, ...)`.
        ignored: a label that is never right.
    """
    if labels.dtype.kind not in "iu" or outputs.ndim != labels.ndim + 1:
        return None
    right = outputs.argmax(axis=class_axis(outputs.shape, labels.shape)) == labels
    return int(np.count_nonzero(right if ignored is None else right & (labels != ignored)))


def outputs_of(model: Module, x: Array, batch_size: int = EVAL_BATCH_SIZE) -> Array:
    """What the model gives for inputs `(N, ...)`, in evaluation mode, without building graphs."""
    with eval_mode(model):
        starts = range(0, max(len(x), 1), batch_size)
        return np.concatenate([model(from_array(x[k : k + batch_size])).numpy() for k in starts])


def evaluate(
    model: Module,
    rows: Rows | tuple[Raw, Raw],
    loss: str | Loss,
    *,
    batch_size: int = EVAL_BATCH_SIZE,
    group: ProcessGroup | None = None,
    keep: list[Array] | None = None,
) -> Score:
    """Score `model` on all rows, in evaluation mode, without building graphs.

    Args:
        model: run in evaluation mode; every part has its own mode back afterwards.
        rows: inputs and targets, as `Rows` or a pair of arrays.
        loss: the data loss, or its name, such as "softmax".
        batch_size: rows that go through the model together.
        group: of several processes, each of which takes a part of the rows; all get the same score.
        keep: takes the outputs of the rows of this process, batch by batch, for figures of other kinds.

    Raises:
        TrainError: rows are neither.
        DataValueError: values are not finite.
        UnknownLoss: there is no loss of that name.
    """
    loss = find_loss(loss)
    if isinstance(rows, tuple):
        rows = as_split(rows, model.parameters()[0].dtype).train
    part = slice(None)
    if group is not None:
        part = slice(group.rank * len(rows) // group.size, (group.rank + 1) * len(rows) // group.size)
    sums = _sums(model, rows.x[part], rows.y[part], loss, batch_size, keep)
    total, counted, right, labels, uncounted = (sums if group is None else group.sum_over_processes(sums)).tolist()
    return Score(total / max(counted, 1.0), None if uncounted else right / max(labels, 1.0))


def _sums(model: Module, x: Array, y: Array, loss: Loss, batch_size: int, keep: list[Array] | None) -> Array:
    """Sum over rows.

    Losses and what they are means over, correct labels, labels, and batches whose outputs are no scores of classes.
    A label counts what it counts in the loss, one that the loss ignores for nothing.
    """
    sums = np.zeros(5)
    terms: LossTerms | None = None
    with eval_mode(model):
        for start in range(0, len(x), batch_size):
            inputs, targets = x[start : start + batch_size], y[start : start + batch_size]
            outputs = model(from_array(inputs))
            terms = terms or loss_terms(loss, outputs.shape, y)
            if keep is not None:
                keep.append(outputs.numpy())
            correct = count_correct(outputs.numpy(), targets, terms.ignored)
            labels = targets.size if terms.ignored is None else int(np.count_nonzero(targets != terms.ignored))
            weight = terms.total(targets)
            value = loss(outputs, targets).item() if weight else 0.0
            sums += value * (1.0 if terms.summed else weight), weight, correct or 0, labels, correct is None
    return sums


def shares_of(scores: Array) -> Array:
    """The sigmoid of scores, in float64, without overflow."""
    wide = scores.astype(np.float64)
    raised = np.exp(-np.abs(wide))
    return np.asarray(np.where(wide >= 0.0, 1.0, raised) / (1.0 + raised))


def probabilities_of(scores: Array) -> Array:
    """The softmax of scores `(N, classes)`, in float64.

    Raises:
        TrainError: outputs of another shape, which are no scores.
    """
    if scores.ndim != 2:
        raise TrainError(f"outputs of shape {scores.shape} are no scores of classes")
    wide = scores.astype(np.float64)
    raised: Array = np.exp(wide - wide.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
