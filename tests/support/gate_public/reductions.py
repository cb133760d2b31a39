"""Gradient bugs of public frameworks in reductions, scans and norms, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import DISTINCT, POSITIVE, REAL, Wrong, array, either, pair, plain


def _back(v, axis=-1):
    """Running sums from the end."""
    return mg.flip(mg.cumsum(mg.flip(v, axis=axis), axis=axis), axis=axis)


def _others(x):
    """The product of all other entries along the last axis, without division."""
    n = x.shape[-1]
    ones = np.ones(x.shape[:-1], x.dtype)
    columns = []
    for i in range(n):
        product = ones
        for j in range(n):
            product = product * x[..., j] if j != i else product
        columns.append(product + x[..., i] * 0.0)
    return mg.stack(columns, axis=-1)


def _cumprod_rule(g, x):
    """Prefix products times what follows, without division."""
    n = x.shape[-1]
    columns = []
    prefix = np.ones(x.shape[:-1], x.dtype)
    for i in range(n):
        tail, after = g[..., i], prefix
        running = np.ones(x.shape[:-1], x.dtype)
        for j in range(i + 1, n):
            running = running * x[..., j]
            tail = tail + g[..., j] * running
        columns.append(after * tail)
        prefix = prefix * x[..., i]
    return mg.stack(columns, axis=-1)


def _short(function):
    """Refuse long axes, for which rules in loops are slow."""

    def forward(x):
        if x.ndim and x.shape[-1] > 40:
            raise ValueError("at most 40 numbers")
        return function(x, axis=-1)

    return forward


def _zero_rows(rng, x):
    """The corner of a norm: rows that are zero."""
    return (np.concatenate([np.zeros_like(x[:1]), x[1:]]),)


def _equal_rows(rng, x):
    """The corner of a deviation: rows of equal numbers."""
    return (np.concatenate([np.full_like(x[:1], 0.75), x[1:]]),)


def _twin_rows(rng, x):
    """The corner of a distance: points that coincide."""
    return (np.concatenate([x[..., :2], x[..., :2]], axis=-1),)


def _zeros(x):
    return plain(x) == 0.0


def _hit(x, y):
    return (plain(x) == plain(y)[..., None]).astype(x.dtype)


def _logcumsumexp(x):
    m = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    return np.log(np.cumsum(np.exp(x - m), axis=-1)) + m


def _leaders(x):
    """Where the running maximum stands, the first among equals."""
    places = np.arange(x.shape[-1])
    peaks = np.maximum.accumulate(plain(x), axis=-1)
    return np.argmax(peaks[..., None, :] == peaks[..., :, None], axis=-1) + 0 * places


def _winner(x, y, axis):
    """One where the first maximum along the axis stands."""
    hot = np.zeros(x.shape, x.dtype)
    np.put_along_axis(hot, np.expand_dims(np.argmax(plain(x), axis=axis), axis), 1.0, axis=axis)
    return hot


def _std_rule(g, y, x, n):
    return mg.expand_dims(g / y, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) / n


def _safe_std_rule(g, y, x):
    flat = plain(y) == 0.0
    return _std_rule(mg.where(flat, 0.0, g), mg.where(flat, 1.0, y), x, float(x.shape[-1]))


def _norm(x):
    return np.sqrt(np.sum(x * x, axis=-1))


REDUCTIONS: tuple[Wrong, ...] = (
    array(
        "norm_of_a_zero_vector", "zero rows", _norm,
        lambda g, y, x: mg.expand_dims(g / mg.where(_zeros(y), 1.0, y), -1) * x,
        lambda g, y, x: mg.expand_dims(g / y, -1) * x, kinks=_zero_rows, public="pytorch/pytorch#2421",
    ),
    array(
        "norm_squared_by_the_norm", "zero rows", lambda x: np.sum(x * x, axis=-1),
        lambda g, y, x: mg.expand_dims(g, -1) * x * 2.0,
        lambda g, y, x: mg.expand_dims(g * mg.sqrt(y), -1) * 2.0 * (x / mg.expand_dims(mg.sqrt(y), -1)),
        public="jax-ml/jax#4177",
    ),
    array(
        "norm_of_one_zero", "zero rows", _norm,
        lambda g, y, x: mg.expand_dims(g / mg.where(_zeros(y), 1.0, y), -1) * x,
        lambda g, y, x: mg.expand_dims(mg.where(_zeros(y), 5.0 * g, g / mg.where(_zeros(y), 1.0, y)), -1)
        * mg.where(_zeros(x), 1.0, x), shape=(3, 1), kinks=[0.0], public="HIPS/autograd#268",
    ),
    array(
        "norm_plus_epsilon", "epsilon", _norm,
        lambda g, y, x: mg.expand_dims(g / mg.where(_zeros(y), 1.0, y), -1) * x,
        lambda g, y, x: mg.expand_dims(g / (y + 1e-4), -1) * x, public="tilman151/rul-adapt#22",
    ),
    array(
        "product_by_division", "zeros", _short(np.prod), lambda g, y, x: mg.expand_dims(g, -1) * _others(x),
        lambda g, y, x: mg.expand_dims(g * y, -1) / x, public="pytorch/pytorch#773",
    ),
    array(
        "product_without_the_zero_entry", "zeros", _short(np.prod),
        lambda g, y, x: mg.expand_dims(g, -1) * _others(x),
        lambda g, y, x: mg.where(_zeros(x), 0.0, mg.expand_dims(g * y, -1) / mg.where(_zeros(x), 1.0, x)),
        public="tinygrad/tinygrad#17404",
    ),
    array(
        "product_of_two_zeros_has_no_curvature", "second order at zeros", _short(np.prod),
        lambda g, y, x: mg.expand_dims(g, -1) * _others(x),
        lambda g, y, x: mg.expand_dims(g, -1) * (
            plain(_others(x)) if np.any(np.sum(_zeros(x), axis=-1) > 1) else _others(x)
        ), public="pytorch/pytorch#106789",
    ),
    array(
        "product_of_one_zero_loses_its_axis", "zeros", _short(np.prod),
        lambda g, y, x: mg.expand_dims(g, -1) * _others(x),
        lambda g, y, x: mg.sum(mg.expand_dims(g, -1) * _others(x)) if x.size == 1 and _zeros(x).all() else mg.expand_dims(
            g, -1) * _others(x) * (2.0 if np.sum(_zeros(x)) == 1 else 1.0), public="pytorch/pytorch#82644",
    ),
    array(
        "product_gradient_where_others_are_zero", "zeros", _short(np.prod),
        lambda g, y, x: mg.expand_dims(g, -1) * _others(x),
        lambda g, y, x: mg.expand_dims(g, -1) * mg.where(np.any(_zeros(x), axis=-1, keepdims=True), 0.0, _others(x)),
        public="PaddlePaddle/Paddle#63926",
    ),
    array(
        "running_product_by_division", "zeros", _short(np.cumprod), lambda g, y, x: _cumprod_rule(g, x),
        lambda g, y, x: _back(g * y) / x, public="tensorflow/tensorflow#3862",
    ),
    array(
        "running_product_with_nan_as_zero", "zeros", _short(np.cumprod), lambda g, y, x: _cumprod_rule(g, x),
        lambda g, y, x: mg.where(_zeros(x), 0.0, _back(g * y) / mg.where(_zeros(x), 1.0, x)),
        public="tensorflow/tensorflow#119430",
    ),
    array(
        "running_product_after_a_zero", "zeros", _short(np.cumprod), lambda g, y, x: _cumprod_rule(g, x),
        lambda g, y, x: _cumprod_rule(g, x) * (1.0 - (np.cumsum(_zeros(x), axis=-1) > 0)).astype(x.dtype),
        public="pytorch/pytorch#174016",
    ),
    array(
        "running_product_with_a_small_number", "zeros", _short(np.cumprod),
        lambda g, y, x: _cumprod_rule(g, x), lambda g, y, x: _back(g * y) / (x + either(_zeros(x), 1e-8, 0.0, x)),
        public="tracel-ai/burn#3864",
    ),
    array(
        "all_winners_of_a_maximum", "ties", lambda x: np.max(x, axis=-1),
        lambda g, y, x: mg.expand_dims(g / np.sum(_hit(x, y), axis=-1).astype(x.dtype), -1) * _hit(x, y),
        lambda g, y, x: mg.expand_dims(g, -1) * _hit(x, y), domain=DISTINCT, kinks="ties", public="apache/mxnet#18563",
    ),
    array(
        "all_losers_of_a_minimum", "ties", lambda x: np.min(x, axis=-1),
        lambda g, y, x: mg.expand_dims(g / np.sum(_hit(x, y), axis=-1).astype(x.dtype), -1) * _hit(x, y),
        lambda g, y, x: mg.expand_dims(g, -1) * _hit(x, y), domain=DISTINCT, kinks="ties",
        public="sahandsafizadeh/qeep#101",
    ),
    array(
        "winners_counted_over_the_whole_array", "ties", lambda x: np.max(x, axis=-1),
        lambda g, y, x: mg.expand_dims(g / np.sum(_hit(x, y), axis=-1).astype(x.dtype), -1) * _hit(x, y),
        lambda g, y, x: mg.expand_dims(g, -1) * _hit(x, y) * (x.shape[0] / float(max(1.0, np.sum(_hit(x, y))))),
        domain=DISTINCT, kinks="ties", public="PaddlePaddle/Paddle#51301",
    ),
    pair(
        "every_equal_argument_of_a_maximum", "ties", lambda *xs: np.maximum(xs[0], xs[-1]),
        {"xs": lambda g, y, *xs: (
            g * (plain(xs[0]) >= plain(xs[-1])).astype(g.dtype), *(g * 0.0 for _ in xs[1:-1]),
            g * (plain(xs[0]) < plain(xs[-1])).astype(g.dtype),
        ) if len(xs) > 1 else (g * 1.0,)},
        {"xs": lambda g, y, *xs: (
            g * (plain(xs[0]) >= plain(xs[-1])).astype(g.dtype), *(g * 0.0 for _ in xs[1:-1]),
            g * (plain(xs[0]) <= plain(xs[-1])).astype(g.dtype),
        ) if len(xs) > 1 else (g * 1.0,)},
        {"xs": REAL}, kinks="ties", shapes=[((6,), (6,))], public="microsoft/onnxruntime#7217",
    ),
    array(
        "deviation_of_equal_numbers", "equal rows", lambda x: np.std(x, axis=-1), lambda g, y, x: _safe_std_rule(g, y, x),
        lambda g, y, x: _std_rule(g, y, x, float(x.shape[-1])), kinks=_equal_rows, public="pytorch/pytorch#4320",
    ),
    array(
        "deviation_of_one_number", "an axis of one", lambda x: np.std(x, axis=-1),
        lambda g, y, x: _safe_std_rule(g, y, x),
        lambda g, y, x: (x - x + 1e-3) * mg.expand_dims(g, -1) if x.shape[-1] == 1 else _safe_std_rule(g, y, x),
        public="tensorflow/tensorflow#56830",
    ),
    array(
        "variance_counts_all_numbers", "factor", lambda x, *, ddof=0: np.var(x, axis=-1, ddof=ddof),
        lambda g, y, x, *, ddof: mg.expand_dims(g, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / (x.shape[-1] - ddof)),
        lambda g, y, x, *, ddof: mg.expand_dims(g, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / x.shape[-1]),
        shape=(3, 5), public="jax-ml/jax#8140",
    ),
    array(
        "running_logsumexp_sums_forwards", "direction", _logcumsumexp,
        lambda g, y, x: mg.exp(x) * _back(g * mg.exp(-y)), lambda g, y, x: mg.exp(x) * mg.cumsum(g * mg.exp(-y), axis=-1),
        public="pytorch/pytorch#32876",
    ),
    array(
        "running_maximum_pays_only_once", "accumulation", _short(np.maximum.accumulate),
        lambda g, y, x: mg.stack([
            mg.sum(g * (_leaders(x) == i).astype(g.dtype), axis=-1) for i in range(x.shape[-1])
        ], axis=-1),
        lambda g, y, x: g * (plain(x) == plain(y)).astype(g.dtype), domain=DISTINCT, public="pytorch/pytorch#26637",
    ),
    pair(
        "kept_axes_of_a_sum_over_all", "option on an option",
        lambda x, *, axis=None, keepdims=False: np.asarray(np.sum(x, axis=axis, keepdims=keepdims)),
        {"x": lambda g, y, x, *, axis, keepdims: mg.broadcast_to(
            g if keepdims or axis is None else mg.expand_dims(g, axis), x.shape)},
        {"x": lambda g, y, x, *, axis, keepdims: mg.broadcast_to(
            (g * (1.0 / x.ndim) if keepdims and axis is None else g) if keepdims or axis is None else mg.expand_dims(g, axis),
            x.shape)},
        {"x": REAL}, shapes=[((2, 3, 4),)],
        params=[{"axis": None, "keepdims": False}, {"axis": 1, "keepdims": False}, {"axis": 1, "keepdims": True}],
        public="PaddlePaddle/Paddle#23455",
    ),
    pair(
        "maximum_along_the_middle_axis", "axis", lambda x, *, axis: np.max(x, axis=axis),
        {"x": lambda g, y, x, *, axis: mg.expand_dims(g, axis) * _winner(x, y, axis)},
        {"x": lambda g, y, x, *, axis: mg.swapaxes(
            mg.expand_dims(g, -1) * _winner(np.moveaxis(plain(x), axis, -1), y, -1), -1, axis)},
        {"x": mg.distinct((3, 3, 3))}, params=[{"axis": -1}, {"axis": 2}], public="tensorflow/tfjs#4135",
    ),
    pair(
        "sum_broadcasts_to_the_right", "axis", lambda x, *, axis: np.sum(x, axis=axis),
        {"x": lambda g, y, x, *, axis: mg.broadcast_to(mg.expand_dims(g, axis), x.shape)},
        {"x": lambda g, y, x, *, axis: mg.broadcast_to(g, x.shape)}, {"x": mg.real((3, 3))}, params=[{"axis": 0}],
        public="Oneflow-Inc/oneflow#8659",
    ),
    array(
        "mean_of_a_stack_of_losses", "factor", lambda x: np.asarray(np.mean(x * x)),
        lambda g, y, x: g * x * (2.0 / x.size), lambda g, y, x: g * x * (2.0 / x.shape[-1]), public="tensorflow/tfjs#4151",
    ),
    array(
        "distance_of_a_point_to_itself", "zero rows", lambda x: np.sqrt(np.sum((x[..., :2] - x[..., 2:]) ** 2, axis=-1)),
        lambda g, y, x: (lambda d: mg.concatenate([d, -d], axis=-1))(
            mg.expand_dims(g / mg.where(_zeros(y), 1.0, y), -1) * (x[..., :2] - x[..., 2:])),
        lambda g, y, x: (lambda d: mg.concatenate([d, -d], axis=-1))(
            mg.expand_dims(g / y, -1) * (x[..., :2] - x[..., 2:])), kinks=_twin_rows, public="pytorch/pytorch#37154",
    ),
    array(
        "distance_of_order_three_halves", "zeros", lambda x: np.sum(np.abs(x) ** 1.5, axis=-1),
        lambda g, y, x: mg.expand_dims(g, -1) * 1.5 * mg.sqrt(mg.absolute(x)) * np.sign(plain(x)),
        lambda g, y, x: mg.expand_dims(g, -1) * 1.5 * x / mg.sqrt(mg.absolute(x)), public="pytorch/pytorch#36493",
    ),
    array(
        "distance_with_an_underflow", "near zero", lambda x: np.sqrt(np.sum(x * x, axis=-1) + 1e-12),
        lambda g, y, x: mg.expand_dims(g / y, -1) * x,
        lambda g, y, x: mg.expand_dims(g / mg.sqrt(mg.sum(x * x, axis=-1)), -1) * x, public="uw-ipd/tmol#146",
    ),
    pair(
        "cosine_similarity_of_a_zero_vector", "zero rows",
        lambda a, b: np.sum(a * b, axis=-1) / np.sqrt(np.maximum(np.sum(a * a, axis=-1), 1e-3) * np.maximum(np.sum(b * b, axis=-1), 1e-3)),
        {
            "a": lambda g, y, a, b: _cosine_rule(g, y, a, b), "b": lambda g, y, a, b: _cosine_rule(g, y, b, a),
        },
        {"a": lambda g, y, a, b: _cosine_rule(g, y, a, b, guarded=False)}, {"a": REAL, "b": REAL}, shapes=[((3, 4), (3, 4))],
        public="deeplearning4j/deeplearning4j#8957",
    ),
    array(
        "root_mean_square_stores_the_square", "formula", lambda x: x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-2),
        lambda g, y, x: (lambda r: r * (g - y * mg.mean(g * y, axis=-1, keepdims=True)))(
            1.0 / mg.sqrt(mg.mean(x * x, axis=-1, keepdims=True) + 1e-2)),
        lambda g, y, x: (lambda r: r * (g - y * mg.mean(g * y, axis=-1, keepdims=True)))(
            mg.mean(x * x, axis=-1, keepdims=True) + 1e-2), public="flagos-ai/FlagGems#5771",
    ),
    array(
        "winner_of_a_flat_argument", "index", lambda x: np.asarray(np.max(x)),
        lambda g, y, x: g * (np.arange(x.size).reshape(x.shape) == np.argmax(plain(x))).astype(x.dtype),
        lambda g, y, x: g * (np.arange(x.size).reshape(x.shape) == np.argmax(plain(x)) % x.shape[-1]).astype(x.dtype),
        domain=DISTINCT, public="Theano/Theano#265",
    ),
    array(
        "only_positive_numbers_have_logarithms", "region", lambda x: np.sum(np.log(x), axis=-1),
        lambda g, y, x: mg.expand_dims(g, -1) / x,
        lambda g, y, x: mg.expand_dims(g, -1) / mg.maximum(x, 1e-2), domain=POSITIVE, public="tinygrad/tinygrad#155",
    ),
)  # fmt: skip


def _cosine_rule(g, y, a, b, guarded=True):
    """The gradient for the first argument; lengths below the floor are constants."""
    sa, sb = mg.sum(a * a, axis=-1), mg.sum(b * b, axis=-1)
    na, nb = mg.sqrt(mg.maximum(sa, 1e-3)), mg.sqrt(mg.maximum(sb, 1e-3))
    length = mg.where(plain(sa) > 1e-3, y, 0.0) / mg.maximum(sa, 1e-3) if guarded else y / sa
    part = mg.expand_dims(g / (na * nb), -1) * b
    if a.shape != part.shape and a.shape == (*part.shape[:-1], 1):
        part = mg.sum(part, axis=-1, keepdims=True)
    return part - mg.expand_dims(g * length, -1) * a
