"""Loss functions. `reduction` is "mean", "sum" or "none" throughout.

Registered on first use.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import as_array
from minigrad.core.types import Array, IndexArray
from minigrad.ops.arguments import require_array
from minigrad.ops.arrangement.gather import pick, take_along
from minigrad.ops.elementwise.arithmetic import masked_multiply, multiply, square, where
from minigrad.ops.elementwise.piecewise_constant import equal, greater
from minigrad.ops.elementwise.piecewise_linear import absolute, relu
from minigrad.ops.elementwise.transcendental import exp, expm1, log, power, softplus
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import (
    broadcast_to,
    clip,
    log_softmax,
    moveaxis,
    reshape,
    squeeze,
    sum,
    xlogy,
)
from minigrad.ops.index import all_below
from minigrad.ops.network.logistic_loss import log_loss, logistic_loss
from minigrad.ops.network.loss_checks import (
    LabelError,
    apply_reduction,
    require_between,
    require_class_weight,
    require_labels,
    require_pairs,
    require_shares,
    require_signs,
)
from minigrad.ops.reduce import finite_max, softmax
from minigrad.runtime.numpy_fast import add_reduce
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import integer_index, real

family = OpFamily(lazy=True)


@op(labels=integer_index(4), like=real(), piecewise_constant=True, shapes=[((2,), (2, 4))], name="one_hot")
def one_hot_like(labels: IndexArray, like: Array) -> Array:
    """Zeros of the shape and dtype of `like`, with ones where its last axis is at the label.

    A negative label counts from the end, as in any index. One that is out of range has no one.
    """
    labels, classes = np.asarray(labels), like.shape[-1]
    if all_below(labels, classes):
        ones: Array = np.zeros((labels.size, classes), like.dtype)
        ones[np.arange(labels.size), labels.ravel()] = 1.0
        return ones.reshape(*labels.shape, classes)
    places = np.where(np.less(labels, 0), np.add(labels, classes), labels)
    return np.equal(np.arange(classes), places[..., None]).astype(like.dtype)


_LABELLED = [((3, 4), (3,)), ((2, 3, 4), (2, 3))]


def _odds_against(
    logits: Array, labels: IndexArray
) -> tuple[Array, Array, Array, tuple[IndexArray, IndexArray], Array]:
    """Compute what softmax cross-entropy and its slope are made of.

    Beside a label that is certain the other classes are not rounded away.

    Returns:
        `exp(x - max(x))` as rows, with 0 at the label; the sum of each row; that sum with the label's exponential and
        less 1, which is at least 0; the places of the labels; and `x[label] - max(x)` there.
    """
    rows = (logits - finite_max(logits, -1)).reshape(-1, logits.shape[-1])
    at = np.arange(len(rows)), np.ravel(labels)
    picked = rows[at]
    others = np.exp(rows)
    others[at] = 0.0
    total = add_reduce(others, -1)
    return others, total, np.maximum(total + np.expm1(picked), 0.0), at, picked


@op(logits=real(), labels=integer_index(4), shapes=_LABELLED)
def softmax_cross_entropy(logits: Array, labels: IndexArray) -> Array:
    """Compute -log softmax(logits)[label] over the last axis, without overflow.

    One number for each label.

    log(sum(exp(x)) / exp(x[label])), where the label's own part of the sum is left out and log1p taken instead: beside
    it the others would be rounded away.
    """
    if labels.shape != logits.shape[:-1]:
        raise ShapeError(f"scores of shape {logits.shape} need labels of shape {logits.shape[:-1]}, not {labels.shape}")
    if labels.size and labels.min() < 0:
        raise LabelError(f"softmax_cross_entropy: label {labels.min()} is out of range; a class is 0 or more")
    _, _, more, _, picked = _odds_against(logits, labels)
    y: Array = np.log1p(more) - picked
    return y.reshape(logits.shape[:-1])


@softmax_cross_entropy.vjp("logits")
def _(g: V, y: V, logits: V, labels: V) -> V:
    return reshape(g, (*g.shape, 1)) * softmax_cross_entropy_slope(logits, labels)


@op(logits=real(), labels=integer_index(4), shapes=_LABELLED)
def softmax_cross_entropy_slope(logits: Array, labels: IndexArray) -> Array:
    """softmax(logits) over the last axis, less 1 at the label: the slope of the loss.

    At the label it is less the sum of the others: p - 1 would be rounded away next to certainty.
    """
    others, total, more, at, _ = _odds_against(logits, labels)
    others[at] = -total
    others /= (more + 1.0)[:, None]
    return others.reshape(logits.shape)


@softmax_cross_entropy_slope.vjp("logits")
def _(g: V, y: V, logits: V, labels: V) -> V:
    # The label's entry moves as its probability does, so the curvature is that of softmax; see its rule.
    p: V = softmax(logits, axis=-1)
    g = g - sum(g * p, -1, True)
    return p * (g - sum(g * p, -1, True))


@softmax_cross_entropy.batch
def _(batched: tuple[bool, bool], logits: V, labels: V) -> V:
    return softmax_cross_entropy(*_both_stacks(batched, logits, labels))


@softmax_cross_entropy_slope.batch
def _(batched: tuple[bool, bool], logits: V, labels: V) -> V:
    return softmax_cross_entropy_slope(*_both_stacks(batched, logits, labels))


def _both_stacks(batched: tuple[bool, bool], logits: V, labels: V) -> tuple[V, V]:
    """Scores and labels as stacks, of the same number of rows.

    One of them may be one value for all, and one label that of all scores.
    """
    count = (logits if batched[0] else labels).shape[0]
    scores: V = logits if batched[0] else broadcast_to(logits, (count, *logits.shape))
    stack: V = labels if batched[1] else broadcast_to(labels, (count, *labels.shape))
    if stack.size == count:
        stack = broadcast_to(reshape(stack, (count, *(1,) * (scores.ndim - 2))), scores.shape[:-1])
    return scores, stack


for _op in (one_hot_like, softmax_cross_entropy, softmax_cross_entropy_slope):
    family.add(_op)
family.register()


def cross_entropy(logits: V, labels: IndexArray, axis: int = -1, reduction: str = "mean", weight: V | None = None,
                  ignore_index: int | None = None, label_smoothing: float = 0.0) -> V:  # fmt: skip
    """Softmax cross-entropy of logits with integer labels.

    Args:
        logits: scores, classes along `axis`.
        labels: integers, of the shape of the logits without that axis; or probabilities, of the shape of the logits.
        axis: of the classes.
        reduction: "mean" divides by the total weight, as PyTorch does; by the number of rows for probabilities.
        weight: of each class.
        ignore_index: a label that counts for nothing.
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        LabelError: a label is negative, or not below the number of classes, and not `ignore_index`; a row of
            probabilities does not add up to 1.
        ShapeError: the labels have not the shape of the logits without the axis of the classes.
    """
    require_array("cross_entropy", logits)
    scores: V = logits if axis in (-1, logits.ndim - 1) else moveaxis(logits, axis, -1)
    if np.shape(labels) == logits.shape:
        shares: V = labels if axis in (-1, logits.ndim - 1) else moveaxis(labels, axis, -1)  # type: ignore[arg-type, assignment, type-var]
        return _soft_cross_entropy(scores, shares, reduction, weight, label_smoothing)
    require_labels("cross_entropy", labels, scores.shape, ignore_index)
    require_class_weight("cross_entropy", weight, scores.shape[-1])
    if weight is None and ignore_index is None and label_smoothing == 0.0:
        return apply_reduction(softmax_cross_entropy(scores, labels), reduction)
    kept = np.ones(np.shape(labels), dtype=bool) if ignore_index is None else as_array(labels) != ignore_index
    valid = np.where(kept, labels, 0)
    present = kept.astype(scores.dtype)
    counts: V = greater(scores[..., 0], np.inf) + present
    if weight is not None:
        counts = multiply(take_along(weight, valid, axis=0), present)
    losses: V = masked_multiply(softmax_cross_entropy(scores, valid), counts)
    if label_smoothing:
        logs: V = log_softmax(scores, -1)
        weighted: V = logs if weight is None else logs * weight
        even: V = -masked_multiply(sum(weighted, -1), present) / float(scores.shape[-1])
        losses = losses * (1.0 - label_smoothing) + even * label_smoothing
    return sum(losses) / sum(counts) if reduction == "mean" else apply_reduction(losses, reduction)


def _soft_cross_entropy(scores: V, targets: V, reduction: str, weight: V | None, label_smoothing: float) -> V:
    """-sum(p log softmax(scores)) over the last axis, for probabilities p.

    What has probability 0 costs nothing.
    """
    require_shares("cross_entropy", targets, scores.shape)
    require_class_weight("cross_entropy", weight, scores.shape[-1])
    shares: V = targets * (1.0 - label_smoothing) + label_smoothing / scores.shape[-1] if label_smoothing else targets
    if weight is not None:
        shares = shares * weight
    logs: V = log_softmax(scores, -1)
    return apply_reduction(-sum(where(equal(shares, 0.0) * equal(logs, -np.inf), 0.0, logs) * shares, -1), reduction)


def negative_log_likelihood(log_probabilities: V, labels: IndexArray, reduction: str = "mean",
                            weight: V | None = None, ignore_index: int | None = None) -> V:  # fmt: skip
    """Compute -log p[label] for log-probabilities with classes on the last axis.

    "mean" divides by the total weight; the label `ignore_index` counts for nothing.
    """
    require_labels("negative_log_likelihood", labels, log_probabilities.shape, ignore_index)
    require_class_weight("negative_log_likelihood", weight, log_probabilities.shape[-1])
    kept = np.ones(np.shape(labels), dtype=bool) if ignore_index is None else as_array(labels) != ignore_index
    valid = np.where(kept, labels, 0)
    picked: V = squeeze(pick(log_probabilities, valid[..., None], axis=-1), -1)
    if weight is None and ignore_index is None:
        return apply_reduction(-picked, reduction)
    present = kept.astype(log_probabilities.dtype)
    shares: V = greater(picked, np.inf) + present if weight is None else take_along(weight, valid, axis=0) * present
    losses: V = -masked_multiply(picked, shares)
    return sum(losses) / sum(shares) if reduction == "mean" else apply_reduction(losses, reduction)


nll_loss = negative_log_likelihood


def mse_loss(x: V, target: V, reduction: str = "mean") -> V:
    """(x - target) ** 2."""
    require_pairs("mse_loss", x, target)
    return apply_reduction(square(x - target), reduction)


def l1_loss(x: V, target: V, reduction: str = "mean") -> V:
    """|x - target|."""
    require_pairs("l1_loss", x, target)
    return apply_reduction(absolute(x - target), reduction)


def huber_loss(x: V, target: V, delta: float = 1.0, reduction: str = "mean") -> V:
    """Compute d ** 2 / 2 for |d| <= delta, and delta (|d| - delta / 2) beyond.

    With d = x - target (Huber, 1964).
    """
    require_pairs("huber_loss", x, target)
    if not delta > 0.0:
        raise ValueError(f"huber_loss: delta must be above 0, not {delta}")
    d: V = x - target
    core: V = clip(d, -delta, delta)
    return apply_reduction(core * (d - core * 0.5), reduction)


def smooth_l1_loss(x: V, target: V, beta: float = 1.0, reduction: str = "mean") -> V:
    """The Huber loss over beta; |x - target| for beta = 0."""
    if beta == 0.0:
        return l1_loss(x, target, reduction)
    if not beta > 0.0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, but it is {beta}")
    return huber_loss(x, target, beta, reduction) / beta


def binary_cross_entropy(p: V, target: V, reduction: str = "mean", weight: V | float = 1.0) -> V:
    """-(target log p + (1 - target) log(1 - p)), where 0 log 0 is 0; times `weight`.

    Infinite where p is certain and wrong, with an infinite slope, as the formula says; PyTorch has 100 and 1e12 there.
    What is certain and right has loss 0, slope 1 or -1 and curvature 1. Scores cannot run into this:
    `binary_cross_entropy_with_logits`.
    """
    require_pairs("binary_cross_entropy", p, target)
    require_between("binary_cross_entropy", "p", p, 0.0, 1.0)
    require_between("binary_cross_entropy", "target", target, 0.0, 1.0)
    losses: V = log_loss(p, target)
    return apply_reduction(losses if isinstance(weight, float) and weight == 1.0 else losses * weight, reduction)


def binary_cross_entropy_with_logits(x: V, target: V, reduction: str = "mean", pos_weight: V | float = 1.0,
                                     weight: V | float = 1.0) -> V:  # fmt: skip
    """Binary cross-entropy of sigmoid(x).

    Args:
        x: scores.
        target: 0 or 1, or probabilities, of the shape of x.
        reduction: "mean", "sum" or "none".
        pos_weight: factor of the positive part; one for all, or one for each class, on the last axis.
        weight: factor of each loss, which broadcasts.
    """
    require_pairs("binary_cross_entropy_with_logits", x, target)
    require_between("binary_cross_entropy_with_logits", "target", target, 0.0, 1.0)
    losses: V = logistic_loss(x, target, pos_weight)
    if losses.shape != np.shape(x):
        raise ShapeError(
            f"binary_cross_entropy_with_logits: a pos_weight of shape {np.shape(pos_weight)} does not fit scores "
            f"{np.shape(x)}: one for all, or one for each class, on the last axis"
        )
    return apply_reduction(losses if isinstance(weight, float) and weight == 1.0 else losses * weight, reduction)


def kl_div(log_q: V, p: V, reduction: str = "mean", log_target: bool = False) -> V:
    """Compute p (log p - log q), as PyTorch's.

    From the log-probabilities `log_q` and the target p (or its logarithm). "batchmean" divides the sum by the number of
    rows.
    """
    require_pairs("kl_div", log_q, p)
    if not log_target:
        require_between("kl_div", "p", p, 0.0, np.inf)
    if reduction == "batchmean":
        total: V = kl_div(log_q, p, "sum", log_target)
        return total / float(log_q.shape[0])
    if log_target:
        nothing: V = equal(p, -np.inf)
        gap: V = where(nothing, 0.0, p) - where(nothing, 0.0, log_q)
        return apply_reduction(exp(p) * gap, reduction)
    # What has probability 0 costs nothing, even where log q is -inf.
    log_q = where(equal(p, 0.0) * equal(log_q, -np.inf), 0.0, log_q)
    return apply_reduction(xlogy(p, p) - p * log_q, reduction)


def margin_ranking_loss(x: V, z: V, y: V, margin: float = 0.0, reduction: str = "mean") -> V:
    """max(0, margin - y (x - z)): y = 1 where x should rank above z, -1 below."""
    require_pairs("margin_ranking_loss", x, z)
    require_pairs("margin_ranking_loss", x, y)
    require_signs("margin_ranking_loss", y)
    return apply_reduction(relu(margin - y * (x - z)), reduction)


def multiclass_hinge(scores: V, labels: IndexArray, margin: float = 1.0, reduction: str = "mean") -> V:
    """Sum max(0, score - right score + margin) over the wrong classes."""
    require_labels("multiclass_hinge", labels, scores.shape)
    right: V = pick(scores, as_array(labels)[..., None], axis=-1)
    over: V = relu(scores - right + margin)
    return apply_reduction(sum(masked_multiply(over, 1.0 - one_hot_like(labels, scores)), -1), reduction)


def hinge_embedding_loss(x: V, y: V, margin: float = 1.0, reduction: str = "mean") -> V:
    """x where y = 1, max(0, margin - x) where y = -1."""
    require_pairs("hinge_embedding_loss", x, y)
    require_signs("hinge_embedding_loss", y)
    return apply_reduction(where(equal(y, 1.0), x, relu(margin - x)), reduction)


def soft_margin_loss(x: V, y: V, reduction: str = "mean") -> V:
    """log(1 + exp(-y x)), for y = 1 and -1."""
    require_pairs("soft_margin_loss", x, y)
    return apply_reduction(softplus(-(y * x)), reduction)


def focal_loss(probabilities: V, labels: IndexArray, alpha: float = 1.0, gamma: float = 0.0,
               reduction: str = "mean") -> V:  # fmt: skip
    """-alpha (1 - p) ** gamma log p of the labelled class (Lin et al., 2017)."""
    require_labels("focal_loss", labels, probabilities.shape)
    p: V = squeeze(pick(probabilities, as_array(labels)[..., None], axis=-1), -1)
    return apply_reduction(_focal(log(p), 1.0 - p, alpha, gamma), reduction)


def softmax_focal_loss(scores: V, labels: IndexArray, alpha: float = 1.0, gamma: float = 0.0,
                       reduction: str = "mean") -> V:  # fmt: skip
    """The focal loss of softmax(scores), without overflow."""
    require_labels("softmax_focal_loss", labels, scores.shape)
    log_p: V = -softmax_cross_entropy(scores, labels)
    return apply_reduction(_focal(log_p, -expm1(log_p), alpha, gamma), reduction)


def _focal(log_p: V, missing: V, alpha: float, gamma: float) -> V:
    return -(alpha * power(relu(missing), gamma) * log_p)


def one_hot(labels: IndexArray, classes: int, dtype: type[np.floating] = np.float64) -> Array:
    """A plain array (*labels.shape, classes) of zeros, with a one at each label."""
    require_labels("one_hot", labels, (*np.shape(labels), classes))
    return np.asarray(np.equal(np.arange(classes), as_array(labels)[..., None]), dtype)
