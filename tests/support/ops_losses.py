"""Catalog: normalisation, attention, losses. Oracles are formulas of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

import minigrad as mg
from support.ops_catalog import Entry
from support.ops_draw import DTYPES, Call, Draw, cases


@cases
def _features(draw: Draw) -> Call:
    x = draw.array((3, 4, draw.between(2, 3)), dtype=draw.among(DTYPES))
    return Call((x, draw.array((x.shape[-1],), dtype=x.dtype.type), draw.array((x.shape[-1],), dtype=x.dtype.type)))


@cases
def _channels(draw: Draw) -> Call:
    x = draw.array((3, 4, draw.between(2, 3)), dtype=draw.among(DTYPES))
    return Call((x, draw.array((4,), dtype=x.dtype.type), draw.array((4,), dtype=x.dtype.type)))


def _standard(x: Any, axis: Any, eps: float = 0.1) -> Any:
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + eps)


def _c(w: Any) -> Any:
    return w.reshape(-1, 1)


def _attention(q: Any, k: Any, v: Any) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return special.softmax(scores, -1).astype(q.dtype) @ v


@cases
def _qkv(draw: Draw) -> Call:
    n, width = draw.between(1, 3), draw.between(1, 3)
    dtype = draw.among(DTYPES)
    return Call(tuple(draw.array((2, n, width), dtype=dtype) for _ in range(3)))


@cases
def _classified(draw: Draw, kind: str = "real", high: int = 2) -> Call:
    lead = (draw.between(1, 3), 2)[: draw.between(1, high)]
    scores = draw.array((*lead, 4), kind, draw.among(DTYPES))
    return Call((scores,), {}, (draw.positions(0, 4, lead),))


@cases
def _predicted(draw: Draw, first: str = "real", second: str = "real") -> Call:
    shape = (draw.between(1, 3), draw.between(1, 3))
    dtype = draw.among(DTYPES)
    z = draw.array(shape, second, dtype)
    return Call((draw.array(shape, first, dtype), z if second != "distinct" else z + dtype(0.05)))


def _picked(x: Any, labels: Any) -> Any:
    return np.take_along_axis(x, labels[..., None], -1)[..., 0]


def _ce(x: Any, labels: Any) -> Any:
    return -np.mean(_picked(special.log_softmax(x, -1), labels))


def _t_loss(name: str, **more: Any) -> Any:
    return lambda t, x, z: getattr(t.nn.functional, name)(x, z, **more)


def _t_labels(name: str) -> Any:
    def call(t: Any, x: Any, labels: Any) -> Any:
        return getattr(t.nn.functional, name)(x.reshape(-1, x.shape[-1]), t.from_numpy(labels.ravel()))

    return call


def _huber(x: Any, z: Any) -> Any:
    d = np.abs(x - z)
    return np.mean(np.where(d <= 1, d * d / 2, d - 0.5))


def _hinge(x: Any, labels: Any) -> Any:
    over = np.maximum(x - _picked(x, labels)[..., None] + 0.95, 0)
    return np.mean(over.sum(-1) - 0.95)


ENTRIES = [
    # Normalisation and attention
    Entry(
        "layer_norm",
        lambda x, w, b: mg.layer_norm(x, None, w, b, 0.1),
        lambda x, w, b: _standard(x, -1) * w + b,
        _features(),
        lambda t, x, w, b: t.nn.functional.layer_norm(x, (x.shape[-1],), w, b, 0.1),
    ),
    Entry(
        "rms_norm",
        lambda x, w, b: mg.rms_norm(x, None, w, 1e-5) + b,
        lambda x, w, b: x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5) * w + b,
        _features(),
        lambda t, x, w, b: t.nn.functional.rms_norm(x, (x.shape[-1],), w, 1e-5) + b,
    ),
    Entry(
        "batch_norm",
        lambda x, w, b: mg.batch_norm(x, w, b, 0.1),
        lambda x, w, b: _standard(x, (0, 2)) * _c(w) + _c(b),
        _channels(),
        lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, 0.1),
    ),
    Entry(
        "group_norm",
        lambda x, w, b: mg.group_norm(x, 2, w, b, 0.1),
        lambda x, w, b: _standard(x.reshape(3, 2, -1), -1).reshape(x.shape) * _c(w) + _c(b),
        _channels(),
        lambda t, x, w, b: t.nn.functional.group_norm(x, 2, w, b, 0.1),
    ),
    Entry(
        "instance_norm",
        lambda x, w, b: mg.instance_norm(x, w, b, 0.1),
        lambda x, w, b: _standard(x, -1) * _c(w) + _c(b),
        _channels(),
        lambda t, x, w, b: t.nn.functional.instance_norm(x, None, None, w, b, True, 0.1, 0.1),
    ),
    Entry(
        "scaled_dot_product_attention",
        lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, causal=True),
        _attention,
        _qkv(),
        lambda t, q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
    ),
    Entry(
        "glu",
        lambda q, k, v: mg.glu(mg.concatenate([q, k], axis=-1)) + v,
        lambda q, k, v: q * special.expit(k) + v,
        _qkv(),
        lambda t, q, k, v: t.nn.functional.glu(t.cat([q, k], -1)) + v,
    ),
    # Losses
    Entry("cross_entropy", mg.cross_entropy, _ce, _classified(), _t_labels("cross_entropy")),
    Entry(
        "softmax_cross_entropy",
        mg.softmax_cross_entropy,
        lambda x, labels: -_picked(special.log_softmax(x, -1), labels),
        _classified(),
    ),
    Entry(
        "negative_log_likelihood",
        mg.negative_log_likelihood,
        lambda x, labels: -np.mean(_picked(x, labels)),
        _classified(),
        _t_labels("nll_loss"),
    ),
    Entry("multiclass_hinge", lambda x, labels: mg.multiclass_hinge(x, labels, 0.95), _hinge, _classified("distinct")),
    Entry(
        "focal_loss",
        lambda x, labels: mg.focal_loss(x, labels, 0.5, 2.0),
        lambda x, labels: -np.mean(0.5 * (1 - _picked(x, labels)) ** 2 * np.log(_picked(x, labels))),
        _classified("probability"),
    ),
    Entry(
        "softmax_focal_loss",
        lambda x, labels: mg.softmax_focal_loss(x, labels, 0.5, 2.0),
        lambda x, labels: (
            -np.mean(
                0.5 * (1 - _picked(special.softmax(x, -1), labels)) ** 2 * _picked(special.log_softmax(x, -1), labels)
            )
        ),
        _classified(),
    ),
    Entry("mse_loss", mg.mse_loss, lambda x, z: np.mean((x - z) ** 2), _predicted(), _t_loss("mse_loss")),
    Entry(
        "l1_loss",
        mg.l1_loss,
        lambda x, z: np.mean(np.abs(x - z)),
        _predicted("distinct", "distinct"),
        _t_loss("l1_loss"),
    ),
    Entry("huber_loss", mg.huber_loss, _huber, _predicted("distinct", "distinct"), _t_loss("huber_loss")),
    Entry("smooth_l1_loss", mg.smooth_l1_loss, _huber, _predicted("distinct", "distinct"), _t_loss("smooth_l1_loss")),
    Entry(
        "binary_cross_entropy",
        mg.binary_cross_entropy,
        lambda x, z: -np.mean(z * np.log(x) + (1 - z) * np.log(1 - x)),
        _predicted("probability", "probability"),
        _t_loss("binary_cross_entropy"),
    ),
    Entry(
        "binary_cross_entropy_with_logits",
        mg.binary_cross_entropy_with_logits,
        lambda x, z: np.mean(np.logaddexp(0, x) - x * z),
        _predicted("real", "probability"),
        _t_loss("binary_cross_entropy_with_logits"),
    ),
    Entry(
        "kl_div",
        lambda x, z: mg.kl_div(x, z, "sum"),
        lambda x, z: np.sum(z * (np.log(z) - x)),
        _predicted("real", "probability"),
        _t_loss("kl_div", reduction="sum"),
    ),
    Entry("soft_margin_loss", mg.soft_margin_loss, lambda x, z: np.mean(np.log1p(np.exp(-x * z))), _predicted()),
    Entry(
        "margin_ranking_loss",
        lambda x, z: mg.margin_ranking_loss(
            x, z, np.ones_like(x.data if hasattr(x, "data") and not isinstance(x, np.ndarray) else x), 0.012
        ),
        lambda x, z: np.mean(np.maximum(0, 0.012 - (x - z))),
        _predicted("distinct", "distinct"),
    ),
    Entry(
        "poisson_nll_loss",
        mg.poisson_nll_loss,
        lambda x, z: np.mean(np.exp(x) - z * x),
        _predicted(),
        _t_loss("poisson_nll_loss"),
    ),
    Entry(
        "cosine_similarity",
        mg.cosine_similarity,
        lambda x, z: np.sum(x * z, -1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(z, axis=-1),
        _predicted(),
        _t_loss("cosine_similarity", dim=-1),
    ),
]
