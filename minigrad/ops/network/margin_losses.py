"""Losses of several labels, of margins and of angles, as PyTorch's.

They are compositions of registered ops.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import as_array
from minigrad.core.types import Array, BoolArray, IndexArray
from minigrad.ops.arrangement.gather import pick, take_along
from minigrad.ops.elementwise.arithmetic import masked_multiply, where
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.piecewise_linear import minimum, relu
from minigrad.ops.elementwise.transcendental import power
from minigrad.ops.functions import expand_dims, mean, sum
from minigrad.ops.network.distance import cosine_similarity, pairwise_distance
from minigrad.ops.network.logistic_loss import logistic_loss
from minigrad.ops.network.loss import one_hot_like
from minigrad.ops.network.loss_checks import (
    LabelError,
    apply_reduction,
    require_between,
    require_class_weight,
    require_labels,
    require_pairs,
    require_signs,
)
from minigrad.typing import V

__all__ = [
    "cosine_embedding_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_loss",
]


def cosine_embedding_loss(x1: V, x2: V, y: V, margin: float = 0.0, reduction: str = "mean") -> V:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1.

    Vectors are on the last axis.
    """
    require_pairs("cosine_embedding_loss", x1, x2)
    if np.shape(y) != x1.shape[:-1]:
        raise ShapeError(f"cosine_embedding_loss: inputs of {x1.shape} need a y of {x1.shape[:-1]}, not {np.shape(y)}")
    require_signs("cosine_embedding_loss", y)
    cosine: V = cosine_similarity(x1, x2)
    return apply_reduction(where(equal(y, 1.0), 1.0 - cosine, relu(cosine - margin)), reduction)


def multi_margin_loss(scores: V, labels: IndexArray, p: float = 1.0, margin: float = 1.0, weight: V | None = None,
                      reduction: str = "mean") -> V:  # fmt: skip
    """Mean of max(0, margin - score of the label + score) ** p over all other classes.

    Classes are on the last axis.
    Args:
        scores: (..., C).
        labels: integers, of the leading shape.
        p: the exponent.
        margin: distance at which a wrong class costs nothing.
        weight: of each class, (C,).
        reduction: "mean", "sum" or "none".
    """
    require_labels("multi_margin_loss", labels, scores.shape)
    require_class_weight("multi_margin_loss", weight, scores.shape[-1])
    index = as_array(labels)[..., None]
    over: V = relu(scores - pick(scores, index, axis=-1) + margin)
    losses: V = masked_multiply(over if p == 1.0 else power(over, p), 1.0 - one_hot_like(labels, scores))
    total: V = sum(losses, -1) / float(scores.shape[-1])
    if weight is not None:
        total = total * take_along(weight, labels, axis=0)
    return apply_reduction(total, reduction)


def multilabel_margin_loss(scores: V, labels: IndexArray, reduction: str = "mean") -> V:
    """Mean over classes of max(0, 1 - right score + wrong score).

    Over all pairs of a right and a wrong class.
    Args:
        scores: (N, C), or (C,).
        labels: integers of the same shape: the right classes of each row, then -1.
        reduction: "mean", "sum" or "none".
    """
    index: Array = as_array(labels)
    if index.shape != scores.shape:
        raise ShapeError(
            f"multilabel_margin_loss: scores of {scores.shape} need labels of that shape, not {index.shape}"
        )
    if index.dtype.kind not in "iu" or (index < -1).any() or (index >= scores.shape[-1]).any():
        raise LabelError(f"multilabel_margin_loss needs class numbers below {scores.shape[-1]}, then -1 in each row")
    listed: BoolArray = np.cumsum(index < 0, axis=-1) == 0
    right = np.zeros(scores.shape, dtype=bool)
    rows: tuple[IndexArray, ...] = np.nonzero(listed)
    right[(*rows[:-1], index[rows])] = True
    valid = np.where(listed, index, 0)
    over: V = relu(1.0 - expand_dims(pick(scores, valid, axis=-1), -1) + expand_dims(scores, -2))
    pairs = (listed[..., :, None] & ~right[..., None, :]).astype(scores.dtype)
    losses: V = sum(masked_multiply(over, pairs), (-2, -1)) / float(scores.shape[-1])
    return apply_reduction(losses, reduction)


def multilabel_soft_margin_loss(x: V, target: V, weight: V | None = None, reduction: str = "mean") -> V:
    """Mean over classes, the last axis, of the binary cross-entropy of sigmoid(x).

    `weight` is of each class.
    """
    require_pairs("multilabel_soft_margin_loss", x, target)
    require_between("multilabel_soft_margin_loss", "target", target, 0.0, 1.0)
    losses: V = logistic_loss(x, target, 1.0)
    return apply_reduction(mean(losses if weight is None else losses * weight, -1), reduction)


def triplet_margin_loss(anchor: V, positive: V, negative: V, margin: float = 1.0, reduction: str = "mean",
                        p: float = 2.0, eps: float = 0.0, swap: bool = False) -> V:  # fmt: skip
    """max(0, |anchor - positive| - |anchor - negative| + margin), p-norms along the last axis.

    `eps` is added to each difference (1e-6 in PyTorch); with `swap` the negative may be nearer to the positive instead.
    """
    require_pairs("triplet_margin_loss", anchor, positive)
    require_pairs("triplet_margin_loss", anchor, negative)
    far: V = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return apply_reduction(relu(pairwise_distance(anchor, positive, p, eps) - far + margin), reduction)
