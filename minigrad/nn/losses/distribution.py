"""Losses that compare distributions."""

from __future__ import annotations

import math

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.nn.errors import LabelError
from minigrad.nn.losses.baseline import OLD_METHODS, Targets, UninformedLoss
from minigrad.nn.losses.regression import reduced
from minigrad.ops import reduce
from minigrad.ops.functions import xlogy
from minigrad.runtime.effects import runtime_check

__all__ = ["KLDivergence", "kl_divergence"]


def kl_divergence(scores: Tensor, targets: Targets, *, reduction: str = "mean") -> Tensor:
    """Mean over rows of sum_c p_c (log p_c - log softmax(scores)_c), where 0 log 0 is 0.

    Source: Kullback & Leibler 1951.
    PyTorch's `kl_div(log_softmax(scores), p, reduction="batchmean")` for scores of two axes.

    Args:
        scores: `(..., C)`, logits.
        targets: probabilities p of the same shape; each row adds up to 1.
        reduction: "mean" over rows, "sum", or "none" for the divergence of each row.

    Raises:
        LabelError: a row of the targets is not a distribution (to 1e-3).
        ShapeError: the shapes differ.
    """
    p = targets.detach() if isinstance(targets, Tensor) else as_array(targets)
    if p.shape != scores.shape or p.ndim == 0 or not p.size:
        raise ShapeError(f"KL divergence: scores have shape {scores.shape}, targets {p.shape}; needed are rows of both")
    runtime_check(p, _distributions)
    p = p if p.dtype == scores.dtype else p.astype(scores.dtype)
    gaps = xlogy(p, p) - reduce.log_softmax(scores, axis=-1) * p  # type: ignore[type-var]  # a Tensor or an array
    if reduction == "mean":
        return gaps.sum() / float(p.size // p.shape[-1])
    return reduced(gaps.sum(axis=-1), reduction, p.shape[:-1])


def _distributions(p: Array) -> None:
    """Raise LabelError unless the rows are distributions."""
    wrong = (p.min(axis=-1) < 0.0) | ~(np.abs(p.sum(axis=-1) - 1.0) <= 1e-3)
    if wrong.any():
        row = [int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape)]
        raise LabelError(f"KL divergence: row {row} of the targets is no distribution: {p[tuple(row)].tolist()}")


def _entropy(p: Array) -> float:
    """Mean over rows of -sum p log p."""
    inside = p[p > 0.0].astype(np.float64)
    rows: int = p.size // p.shape[-1]
    return -float(np.sum(inside * np.log(inside))) / rows


@lazy.renamed_fields(**OLD_METHODS)
@attrs.frozen
class KLDivergence:
    """`kl_divergence` for a training loop."""

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and distributions, both `(N, C)` -> the loss."""
        return kl_divergence(outputs, targets)

    def uninformed_loss(self, outputs: int, targets: Targets) -> UninformedLoss:
        """ln C less the mean entropy of the targets: every class is equally likely."""
        return UninformedLoss(math.log(outputs) - _entropy(as_array(targets)), f"ln {outputs} - entropy of the targets")

    def fit_threshold(self, targets: Targets) -> float:
        """0.01; the loss reaches 0 itself where softmax(scores) equals the targets."""
        return 0.01
