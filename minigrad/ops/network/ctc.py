"""Connectionist temporal classification: labels of a sequence without places."""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import as_array
from minigrad.core.types import Array, IndexArray
from minigrad.ops.arrangement.gather import take_along
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.functions import logsumexp, mean, reshape
from minigrad.ops.index import getitem
from minigrad.ops.network.loss_checks import LabelError, apply_reduction
from minigrad.typing import V

__all__ = ["ctc_loss"]


def ctc_loss(log_probs: V, targets: IndexArray, input_lengths: IndexArray, target_lengths: IndexArray, blank: int = 0,
             reduction: str = "mean", zero_infinity: bool = False) -> V:  # fmt: skip
    """-log of the probability of all alignments of the targets, as PyTorch's.

    Source: Graves et al., 2006.
    Args:
        log_probs: (time, N, C), logarithms of probabilities.
        targets: (N, longest) labels, filled up with anything; or all labels one after another, (total,).
        input_lengths: (N,), how many steps of each row count.
        target_lengths: (N,), how many labels of each row count.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its number of labels first; "sum" or "none".
        zero_infinity: losses of targets that do not fit into their row are 0, with gradient 0, instead of infinite.

    Raises:
        LabelError: a label is no class or the blank, or a length is out of range.
        ShapeError: other shapes.
    """
    if log_probs.ndim != 3:
        raise ShapeError(f"ctc_loss: log_probs must be (time, N, C), not {log_probs.shape}")
    time, rows, classes = log_probs.shape
    steps, counts = _lengths("input_lengths", input_lengths, rows), _lengths("target_lengths", target_lengths, rows)
    if steps.size and (steps.min() < 0 or steps.max() > time):
        raise LabelError(f"ctc_loss: input_lengths must be in 0 to {time}, got {steps.tolist()}")
    labels = _rows(np.asarray(as_array(targets)), counts, rows)
    _check_labels(labels, counts, classes, blank)
    alphas = _forward(log_probs, _with_blanks(labels, blank), steps, blank)
    ends = 2 * counts
    last = np.stack([ends, np.maximum(ends - 1, 0)], axis=1)
    reach: V = getitem(alphas, key=(np.arange(rows)[:, None], last))
    reach = where(np.stack([ends >= 0, ends >= 1], axis=1), reach, -np.inf)
    losses: V = -logsumexp(reach, axis=1)
    if zero_infinity:
        losses = where(equal(losses, np.inf), 0.0, losses)
    if reduction == "mean":
        return mean(losses / np.maximum(counts, 1).astype(log_probs.dtype))
    return apply_reduction(losses, reduction)


def _lengths(name: str, lengths: IndexArray, rows: int) -> Array:
    numbers = np.asarray(as_array(lengths))
    if numbers.shape != (rows,) or numbers.dtype.kind not in "iu":
        raise ShapeError(f"ctc_loss: {name} must be {rows} whole numbers, got {numbers.dtype} {numbers.shape}")
    return numbers


def _rows(targets: Array, counts: Array, rows: int) -> Array:
    """Labels of each row, filled up with 0."""
    if targets.dtype.kind not in "iu":
        raise LabelError(f"ctc_loss needs integer labels, got dtype {targets.dtype}")
    longest = int(counts.max(initial=0))
    if counts.size and counts.min() < 0:
        raise LabelError(f"ctc_loss: target_lengths must not be negative, got {counts.tolist()}")
    if targets.ndim == 2 and targets.shape[0] == rows and targets.shape[1] >= longest:
        return np.where(np.arange(longest) < counts[:, None], targets[:, :longest], 0)
    if targets.ndim != 1 or targets.size != counts.sum():
        raise ShapeError(
            f"ctc_loss: targets must be ({rows}, {longest} or more), or ({int(counts.sum())},), not {targets.shape}"
        )
    labels = np.zeros((rows, longest), dtype=targets.dtype)
    labels[np.arange(longest) < counts[:, None]] = targets
    return labels


def _check_labels(labels: Array, counts: Array, classes: int, blank: int) -> None:
    inside = np.arange(labels.shape[1]) < counts[:, None]
    wrong = inside & ((labels < 0) | (labels >= classes) | (labels == blank))
    if wrong.any():
        row, place = (int(i) for i in np.argwhere(wrong)[0])
        raise LabelError(f"ctc_loss: label {labels[row, place]} of row {row} is the blank or not in 0 to {classes - 1}")


def _with_blanks(labels: Array, blank: int) -> Array:
    """Labels with a blank before, between and after them: (N, 2 longest + 1)."""
    extended = np.full((len(labels), 2 * labels.shape[1] + 1), blank)
    extended[:, 1::2] = labels
    return extended


def _forward(log_probs: V, extended: Array, steps: Array, blank: int) -> V:
    """Log-probability of having reached each place of `extended` at the end of each row.

    (N, places).
    """
    time, rows, classes = log_probs.shape
    places = extended.shape[1]
    flat = (np.arange(rows)[:, None] * classes + extended).reshape(-1)
    emitted: V = reshape(take_along(reshape(log_probs, (time, rows * classes)), flat, axis=1), (time, rows, places))
    # A label may follow another one without a blank between, if they differ.
    jumps = np.zeros((rows, places), dtype=bool)
    jumps[:, 2:] = (extended[:, 2:] != blank) & (extended[:, 2:] != extended[:, :-2])
    start = np.zeros((rows, places), dtype=bool)
    start[:, 0] = True
    before: Array = np.where(start, 0.0, -np.inf).astype(log_probs.dtype)
    if not time:
        return before  # type: ignore[return-value]  # nothing to differentiate
    begun: V = where(np.arange(places) < 2, emitted[0], -np.inf)
    state: V = where((steps > 0)[:, None], begun, before)
    for t in range(1, time):
        shifted: list[V] = [pad(state, [(0, 0), (k, 0)], constant_values=-np.inf)[:, :places] for k in (1, 2)]
        ways: V = stack([state, shifted[0], where(jumps, shifted[1], -np.inf)], axis=0)
        after: V = logsumexp(ways, axis=0) + emitted[t]
        state = where((t < steps)[:, None], after, state)
    return state
