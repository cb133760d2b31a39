"""Losses of a user's own, each with a mistake."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor
from minigrad.data.arrays import any_real
from minigrad.nn import Loss

__all__ = ["OWN_LOSSES"]


def _tensor(targets: nn.Targets) -> Tensor:
    return targets if isinstance(targets, Tensor) else mg.tensor(any_real(np.asarray(targets)))


def _of_shares(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """Cross-entropy, which takes a softmax, of what has been through one."""
    return nn.cross_entropy(mg.softmax(outputs), targets)


def _over_rows(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A softmax that runs over the rows of the batch."""
    scores = outputs - mg.logsumexp(outputs, axis=0, keepdims=True)
    return -scores[np.arange(outputs.shape[0]), np.asarray(targets)].mean()


def _broadcast(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A mean square of outputs (n, 1) less targets (n,), which is (n, n)."""
    difference = outputs - _tensor(targets)
    return (difference * difference).mean()


def _without_targets(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A mean square of the outputs alone."""
    return (outputs * outputs).mean()


def _constant_class(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """Cross-entropy with class 0 for every row."""
    return nn.cross_entropy(outputs, np.zeros(len(np.asarray(targets)), np.int64))


def _first_row(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """Cross-entropy of the first row of a batch."""
    return nn.cross_entropy(outputs[0:1], np.asarray(targets)[0:1])


def _first_column(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A mean square of the first of several columns."""
    difference = outputs[:, 0] - _tensor(targets)[:, 0]
    return (difference * difference).mean()


def _opposite(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A mean square of outputs plus targets."""
    goal = _tensor(targets)
    total = outputs + goal.reshape(outputs.shape)
    return (total * total).mean()


def _of_sizes(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """Cross-entropy of the magnitudes of scores."""
    return nn.cross_entropy(mg.abs(outputs), targets)


def _worst_row(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """The largest loss of a row instead of the mean."""
    scores = mg.log_softmax(outputs, axis=-1)
    return mg.max(-scores[np.arange(outputs.shape[0]), np.asarray(targets)])


def _log_of_loss(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """The logarithm of a mean square, without a floor, of outputs in other units."""
    difference = outputs * 100.0 - _tensor(targets).reshape(outputs.shape)
    return mg.log((difference * difference).mean())


def _of_ranks(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """Cross-entropy with the classes of the batch in ascending order."""
    return nn.cross_entropy(outputs, np.sort(np.asarray(targets)))


OWN_LOSSES: Mapping[str, Loss] = {
    "over rows": _over_rows,
    "of shares": _of_shares,
    "broadcast": _broadcast,
    "without targets": _without_targets,
    "constant class": _constant_class,
    "first row": _first_row,
    "first column": _first_column,
    "opposite": _opposite,
    "of sizes": _of_sizes,
    "worst row": _worst_row,
    "log of loss": _log_of_loss,
    "of ranks": _of_ranks,
}
