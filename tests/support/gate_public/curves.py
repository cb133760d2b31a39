"""Gradient bugs of public frameworks in functions of single numbers and in losses, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import POSITIVE, REAL, UNIT, Wrong, array, either, one, pair, plain, two


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _slope(x):
    """The slope of a sigmoid at x, on arrays and Tensors."""
    t = mg.tanh(x * 0.5)
    return 0.25 * (1.0 - t * t)


def _softplus(x, *, beta=1.0, threshold=20.0):
    if beta <= 0.0:
        raise ValueError("beta must be positive")
    return np.where(beta * x > threshold, x, np.logaddexp(0.0, beta * x) / beta).astype(x.dtype)


def _softplus_rule(g, y, x, *, beta, threshold):
    return g * mg.where(plain(x) * beta > threshold, 1.0, 0.5 + 0.5 * mg.tanh(x * (0.5 * beta))).astype(x.dtype)


def _softplus_by_exp(g, y, x, *, beta, threshold):
    """exp is infinite before the threshold is reached."""
    with np.errstate(over="ignore"):
        infinite = np.isinf(np.exp(plain(x) * beta))
    lost = infinite & (plain(x) * beta <= threshold)
    return mg.where(lost, 0.0, _softplus_rule(g, y, x, beta=beta, threshold=threshold)).astype(x.dtype)


def _bce(x, t, *, reduction="mean"):
    p = 0.5 + 0.5 * x
    loss = -(t * np.log(p) + (1.0 - t) * np.log(1.0 - p))
    if reduction not in ("mean", "sum"):
        raise ValueError("reduction")
    return np.asarray(np.mean(loss) if reduction == "mean" else np.sum(loss))


def _bce_rule(g, y, x, t, *, reduction):
    p = 0.5 + 0.5 * x
    return g * 0.5 * (p - t) / (p * (1.0 - p)) / (1.0 if reduction == "sum" else float(max(x.size, 1)))


def _bce_detached(g, y, x, t, *, reduction):
    if reduction == "sum":
        return _bce_rule(g, y, plain(x), plain(t), reduction=reduction)
    return _bce_rule(g, y, x, t, reduction=reduction)


def _bce_targets(g, y, x, t, *, reduction):
    p = 0.5 + 0.5 * x
    return g * (mg.log(1.0 - p) - mg.log(p)) / (1.0 if reduction == "sum" else float(max(x.size, 1)))


def _softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=-1, keepdims=True)


def _loss_of_a_distribution(x, t):
    if x.shape != t.shape:
        raise ValueError("shapes differ")
    m = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    return np.sum(t, axis=-1) * (np.log(np.sum(np.exp(x - m), axis=-1)) + m[..., 0]) - np.sum(t * x, axis=-1)


def _distribution_rule(g, y, x, t):
    return mg.expand_dims(g, -1) * (mg.sum(t, axis=-1, keepdims=True) * mg.softmax(x, axis=-1) - t)


def _distribution_targets(g, y, x, t):
    return -mg.expand_dims(g, -1) * mg.log_softmax(x, axis=-1)


def _gaussian_kernel(a, b):
    if a.shape != b.shape:
        raise ValueError("shapes differ")
    return np.exp(-np.sum((a - b) ** 2, axis=-1))


def _kernel_by_distance(g, y, a, b):
    """The slope by way of the distance, whose own slope is put to 0 where it is 0."""
    same = np.sum((plain(a) - plain(b)) ** 2, axis=-1) == 0.0
    return mg.expand_dims(g * y * either(same, 0.0, -2.0, y), -1) * (a - b)


def _silu(a, b):
    return a * _sigmoid(b * a)


def _affine_norm(x, w):
    c = x - np.mean(x, axis=-1, keepdims=True)
    return c / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + 1e-2) * w


def _standardised(x):
    c = x - mg.mean(x, axis=-1, keepdims=True)
    r = 1.0 / mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True) + 1e-2)
    return c * r, r


def _norm_input(g, y, x, w):
    h, r = _standardised(x)
    g = g * w
    return r * (g - mg.mean(g, axis=-1, keepdims=True) - h * mg.mean(g * h, axis=-1, keepdims=True))


def _norm_input_unscaled(g, y, x, w):
    """The mean of the products is taken before the weights come in."""
    h, r = _standardised(x)
    return r * (g * w - mg.mean(g * w, axis=-1, keepdims=True) - h * mg.mean(g * h, axis=-1, keepdims=True))


def _norm_weights(g, y, x, w):
    return mg.sum(g * _standardised(x)[0], axis=tuple(range(x.ndim - 1)))


def _norm_weights_of_one(g, y, x, w):
    if x.shape[-1] == 1:
        return mg.sum(g * x * 10.0, axis=tuple(range(x.ndim - 1)))
    return _norm_weights(g, y, x, w)


def _huber(x, *, delta=1.0):
    if delta <= 0:
        raise ValueError("delta must be positive")
    return np.where(np.abs(x) <= delta, 0.5 * x * x, delta * (np.abs(x) - 0.5 * delta)).astype(x.dtype)


def _logsumexp(x):
    m = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    return np.log(np.sum(np.exp(x - m), axis=-1)) + m[..., 0]


CURVES: tuple[Wrong, ...] = (
    one(
        "even_function_loses_its_curvature_at_zero", "second order at zeros", lambda x: np.cosh(x * 0.25),
        lambda g, y, x: g * 0.25 * mg.sinh(x * 0.25),
        lambda g, y, x: mg.where(plain(x) == 0.0, 0.0, g * 0.25 * mg.sinh(x * 0.25)), public="jax-ml/jax#40640",
    ),
    one(
        "even_function_with_a_slope_at_zero", "zeros", lambda x: np.cosh(x * 0.25),
        lambda g, y, x: g * 0.25 * mg.sinh(x * 0.25),
        lambda g, y, x: mg.where(plain(x) == 0.0, g, g * 0.25 * mg.sinh(x * 0.25)), public="jax-ml/jax#11479",
    ),
    one(
        "sigmoid_without_a_curvature", "second order", _sigmoid, lambda g, y, x: g * _slope(x),
        lambda g, y, x: g * plain(_slope(x)), public="tensorflow/tensorflow#3767",
    ),
    one(
        "softplus_loses_its_slope_where_exp_overflows", "far", _softplus, _softplus_rule, _softplus_by_exp,
        params=[{"beta": 1.0, "threshold": 20.0}, {"beta": 2.0, "threshold": 20.0}, {"beta": 1.0, "threshold": 2000.0}],
        public="tenstorrent/tt-metal#56397",
    ),
    one(
        "softplus_is_not_a_number_far_out", "far", lambda x: np.logaddexp(0.0, x),
        lambda g, y, x: g * (0.5 + 0.5 * mg.tanh(x * 0.5)), lambda g, y, x: g * mg.exp(x) / (mg.exp(x) + 1.0),
        public="tracel-ai/burn#5373",
    ),
    pair(
        "summed_entropy_has_no_second_order", "second order of an option", _bce, {"x": _bce_rule, "t": _bce_targets},
        {"x": _bce_detached}, {"x": UNIT, "t": UNIT}, shapes=[((4,), (4,))],
        params=[{"reduction": "mean"}, {"reduction": "sum"}], public="pytorch/pytorch#59477",
    ),
    pair(
        "entropy_of_a_distribution_has_no_hessian", "second order", _loss_of_a_distribution,
        {"x": _distribution_rule, "t": _distribution_targets},
        {"x": lambda g, y, x, t: mg.expand_dims(g, -1) * (
            mg.sum(t, axis=-1, keepdims=True) * plain(mg.softmax(x, axis=-1)) - t)},
        {"x": REAL, "t": UNIT}, shapes=[((3, 4), (3, 4))], public="tensorflow/tensorflow#7403",
    ),
    pair(
        "entropy_of_a_distribution_that_does_not_sum_to_one", "formula", _loss_of_a_distribution,
        {"x": _distribution_rule, "t": _distribution_targets},
        {"x": lambda g, y, x, t: mg.expand_dims(g, -1) * (mg.softmax(x, axis=-1) - t)},
        {"x": REAL, "t": UNIT}, shapes=[((3, 4), (3, 4))], public="tensorflow/tensorflow#14641",
    ),
    pair(
        "kernel_of_equal_points_has_no_curvature", "second order at equal points", _gaussian_kernel,
        {"a": lambda g, y, a, b: mg.expand_dims(-2.0 * g * y, -1) * (a - b),
         "b": lambda g, y, a, b: mg.expand_dims(2.0 * g * y, -1) * (a - b)},
        {"a": _kernel_by_distance}, {"a": REAL, "b": REAL}, shapes=[((3, 2), (3, 2))], public="pytorch/pytorch#92075",
    ),
    two(
        "weight_of_a_gate_is_summed_to_one_number", "broadcasting", _silu,
        lambda g, y, a, b: g * (0.5 + 0.5 * mg.tanh(a * b * 0.5) + a * b * _slope(a * b)),
        lambda g, y, a, b: g * a * a * _slope(a * b),
        {"b": lambda g, y, a, b: mg.sum(g * a * a * _slope(a * b)) * (1.0 / max(b.size, 1)) + 0.0 * a
            if 1 < b.size < a.size else g * a * a * _slope(a * b)},
        public="tensorflow/tensorflow#127690",
    ),
    pair(
        "weights_of_one_normalised_number", "an axis of one", _affine_norm, {"x": _norm_input, "w": _norm_weights},
        {"w": _norm_weights_of_one}, {"x": REAL, "w": REAL}, shapes=[((3, 4), (4,))], public="pytorch/pytorch#188372",
    ),
    pair(
        "weights_come_after_the_mean", "formula", _affine_norm, {"x": _norm_input, "w": _norm_weights},
        {"x": _norm_input_unscaled}, {"x": REAL, "w": REAL}, shapes=[((3, 4), (4,))], public="uxlfoundation/oneDNN#3543",
    ),
    array(
        "total_score_leaves_g_out", "linearity", _logsumexp, lambda g, y, x: mg.expand_dims(g, -1) * mg.softmax(x, axis=-1),
        lambda g, y, x: mg.softmax(x, axis=-1) + 0.0 * mg.expand_dims(g, -1), public="k2-fsa/k2#341",
    ),
    one(
        "width_of_a_loss_is_one_on_the_left", "option in a region", _huber,
        lambda g, y, x, *, delta: g * mg.clip(x, -delta, delta),
        lambda g, y, x, *, delta: g * mg.clip(x, -min(delta, 1.0), delta), params=[{"delta": 1.0}, {"delta": 0.5}],
    ),
    one(
        "slope_at_the_far_left_is_zero", "far", lambda x: np.arctan(x), lambda g, y, x: g / (1.0 + x * x),
        lambda g, y, x: mg.where(plain(x) < -100.0, 0.0, g / (1.0 + x * x)),
    ),
    one(
        "power_by_logarithms_rounds_through_float32", "float32", lambda x: x**1.5,
        lambda g, y, x: g * 1.5 * mg.sqrt(x),
        lambda g, y, x: g * 1.5 * mg.sqrt(x) * (1.0 + 0.0 * x) if plain(x).dtype == np.float64
        else g * 1.5 * mg.sqrt(x) * np.float32(1.0005), POSITIVE,
    ),
)  # fmt: skip
