"""Loss and accuracy of a model on rows it is not being trained on at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import numpy as np

from minigrad.core import Tensor, no_grad
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.parallel import Ranks
from minigrad.train.splits import Rows

__all__ = ["AT_ONCE", "Score", "evaluate", "evaluating", "hits"]

AT_ONCE = 250
"""Rows that go through a model together: enough for matrix products, few enough for the cache (2.6 times as fast as
1,000 for a small convolutional network)."""


@attrs.frozen
class Score:
    """Mean data loss a row, and the share of rows whose largest score is that of their class (None: no classes)."""

    loss: float
    accuracy: float | None


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode and no recording inside the block; the mode of each part is put back afterwards."""
    before = [(part, part.training) for _, part in model.named_modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for part, mode in before:
            object.__setattr__(part, "_evaluating", not mode)


def hits(outputs: Array, labels: Array) -> int | None:
    """How many labels have the largest score of their row; None when these are not scores and labels."""
    if labels.dtype.kind not in "iu" or outputs.ndim != labels.ndim + 1:
        return None
    return int(np.count_nonzero(outputs.argmax(axis=-1) == labels))


def evaluate(model: Module, rows: Rows, loss: Loss, *, batch_size: int = AT_ONCE, ranks: Ranks | None = None) -> Score:
    """Score `model` on all rows, in evaluation mode, `batch_size` at a time, without building graphs.

    With `ranks` each of several processes takes a part of the rows, and all get the same score.
    """
    part = slice(None)
    if ranks is not None:
        part = slice(ranks.rank * len(rows) // ranks.size, (ranks.rank + 1) * len(rows) // ranks.size)
    found = _tally(model, rows.x[part], rows.y[part], loss, batch_size)
    total, right, labels, uncounted = (found if ranks is None else ranks.total(found)).tolist()
    return Score(total / len(rows), None if uncounted else right / labels)


def _tally(model: Module, x: Array, y: Array, loss: Loss, batch_size: int) -> Array:
    """Sum of losses, hits, labels, and whether some outputs are no scores of classes: sums over rows, all of them."""
    tally = np.zeros(4)
    with evaluating(model):
        for start in range(0, len(x), batch_size):
            inputs, targets = x[start : start + batch_size], y[start : start + batch_size]
            outputs = model(from_array(inputs))
            found = hits(_values(outputs), targets)
            tally += len(inputs) * loss(outputs, targets).item(), found or 0, targets.size, found is None
    return tally


def _values(outputs: Tensor) -> Array:
    return outputs.numpy()
