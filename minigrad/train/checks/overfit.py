"""Can the model learn 20 examples by heart?

If not, no amount of data will help (course notes, sanity check 2).
"""

from __future__ import annotations

import time

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module, find_baseline
from minigrad.optim import Need, NonFiniteGradient, StatefulOptimizer, available, optimizer
from minigrad.train.evaluation import count_correct
from minigrad.train.label_weights import loss_terms
from minigrad.train.splits import Rows

__all__ = ["Overfit", "few", "fit_copy", "overfit"]

EXAMPLES, STEPS, SECONDS = 20, 300, 1.0


@attrs.frozen
class Overfit:
    """How learning a few rows by heart went.

    Loss before and after, the loss aimed at, accuracy, steps, and whether the loss got there (with every row right, for
    labels).
    """

    rows: int
    first: float
    last: float
    target: float
    accuracy: float | None
    steps: int
    solved: bool
    timed_out: bool


def overfit(model: Module, rows: Rows, loss: Loss, *, otherwise: str = "sgd", seed: int = 0) -> Overfit:
    """Train a copy of `model` on 20 rows, all in one batch, without regularisation.

    For at most 300 steps or a second.

    The copy is in evaluation mode, so dropout is off. Adam at lr 0.01 does it, whatever will train the model itself;
    where it is not installed, the optimizer called `otherwise` at its own defaults.
    """
    return fit_copy(model, few(rows, EXAMPLES, seed), loss, otherwise=otherwise)


def fit_copy(
    model: Module, batch: Rows, loss: Loss, *, otherwise: str = "sgd", steps: int = STEPS, seconds: float = SECONDS
) -> Overfit:
    """Train a copy of `model` on a batch as it is; see `overfit`.

    For at most `steps` steps or `seconds`.
    """
    copy = model.copy().eval()
    opt = _learner(copy, otherwise)
    inputs = from_array(batch.x)
    began = time.perf_counter()
    first = last = float("inf")
    target, accuracy, solved, timed_out = 0.0, None, False, False
    step = 0
    for step in range(steps + 1):
        opt.zero_grad()
        outputs = copy(inputs)
        value = loss(outputs, batch.y)
        last = value.item()
        if step == 0:
            first, target = last, _target(loss, batch, last)
        if last <= target:
            accuracy = _accuracy(loss, outputs.numpy(), batch.y)
            solved = accuracy in (None, 1.0)
        timed_out = time.perf_counter() - began > seconds
        if solved or timed_out or step == steps or not np.isfinite(last):
            break
        value.backward()
        try:
            opt.step() if opt.needs == Need.GRAD else opt.step(lambda: loss(copy(inputs), batch.y))
        except NonFiniteGradient:
            break
    if accuracy is None:
        accuracy = _accuracy(loss, outputs.numpy(), batch.y)
    return Overfit(len(batch), first, last, target, accuracy, step, solved, timed_out)


def _accuracy(loss: Loss, outputs: Array, labels: Array) -> float | None:
    """The share of labels that are right, of those that the loss counts."""
    ignored = loss_terms(loss, outputs.shape, labels).ignored
    right = count_correct(outputs, labels, ignored)
    count = labels.size if ignored is None else int(np.count_nonzero(labels != ignored))
    return None if right is None else right / max(count, 1)


def _learner(model: Module, otherwise: str) -> StatefulOptimizer:
    if {"adam", "minigrad:adam"} & available().keys():
        return optimizer("minigrad:adam", model.named_parameters(), missing="zero", nonfinite="raise", lr=1e-2)
    return optimizer(otherwise, model.named_parameters(), missing="zero", nonfinite="raise")


def _target(loss: Loss, batch: Rows, first: float) -> float:
    with_baseline = find_baseline(loss)
    return 0.01 * first if with_baseline is None else with_baseline.fit_threshold(batch.y)


def few(rows: Rows, count: int, seed: int) -> Rows:
    """Choose up to `count` rows, no two with equal inputs.

    With as many classes among them as possible.
    """
    order = np.random.default_rng(seed).permutation(len(rows))[: 50 * count]
    _, first = np.unique(rows.x[order].reshape(len(order), -1), axis=0, return_index=True)
    order = order[np.sort(first)]
    if rows.y.ndim == 1 and rows.has_labels:
        order = order[np.argsort(_rounds(rows.y[order]), kind="stable")]
    return rows.take(order[:count])


def _rounds(labels: NDArray[np.generic]) -> NDArray[np.intp]:
    """Count for each row how many rows of its class come before it.

    Sorting by this deals the classes out in turn.
    """
    seen: dict[object, int] = {}
    turns = []
    for label in labels.tolist():
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    return np.array(turns, dtype=np.intp)
