"""Gradient bugs of public frameworks in functions of one number, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from support.gate_case import NONZERO, POSITIVE, UNIT, Wrong, either, one, plain

_PI = math.pi


def _isrlu(x):
    m = mg.minimum(x, 0.0)
    return 1.0 / mg.sqrt(m * m + 1.0)


def _sinc_slope(x, near=1e-2):
    """Slope of sin(x) / x, by its series within `near` of zero."""
    close = np.abs(plain(x)) < near
    safe = mg.where(close, 1.0, x)
    series = x * (-1 / 3) + x * x * x * (1 / 30) - x * x * x * x * x * (1 / 840)
    return mg.where(close, series, (mg.cos(safe) - mg.sin(safe) / safe) / safe)


def _sinc(x):
    near = np.abs(x) < 1e-2
    return np.where(near, 1.0 - x * x / 6.0 + x**4 / 120.0, np.sin(x) / np.where(near, 1.0, x))


def _gelu_slope(x, cubic=0.134145):
    t = mg.tanh((x + x * x * x * 0.044715) * 0.7978845608)
    return (t + 1.0) * 0.5 + x * (1.0 - t * t) * (x * x * cubic + 1.0) * 0.3989422804


def _softplus(x):
    return np.logaddexp(x, np.zeros((), x.dtype))


ACTIVATIONS: tuple[Wrong, ...] = (
    one(
        "isrlu_leaves_g_out", "g forgotten", lambda x: x / np.sqrt(1.0 + np.minimum(x, 0.0) ** 2),
        lambda g, y, x: g * _isrlu(x) ** 3.0, lambda g, y, x: _isrlu(x) ** 3.0, public="pytorch/pytorch#4355",
    ),
    one(
        "square_of_the_example", "factor", lambda x: x * x, lambda g, y, x: g * x * 2.0, lambda g, y, x: g * x,
        public="jax-ml/jax#29485",
    ),
    one(
        "cube_loses_its_exponent", "factor", lambda x: x * x * x * 0.1, lambda g, y, x: g * x * x * 0.3,
        lambda g, y, x: g * x * x * 0.1, public="SciSharp/TensorFlow.NET#303",
    ),
    one(
        "arcsine_has_none_at_zero", "at zero", lambda x: np.arcsin(x), lambda g, y, x: g / mg.sqrt(1.0 - x * x),
        lambda g, y, x: g / mg.sqrt(1.0 - x * x) * either(plain(x) == 0.0, 0.0, 1.0, x), UNIT,
        public="tenstorrent/tt-metal#6536",
    ),
    one(
        "hardsigmoid_has_a_slope_outside", "region", lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
        lambda g, y, x: g * either(np.abs(plain(x)) < 3.0, 1 / 6, 0.0, x), lambda g, y, x: g * (1 / 6),
        kinks=[-3.0, 3.0], public="tenstorrent/tt-metal#6534",
    ),
    one(
        "softplus_without_its_threshold", "region", lambda x: np.where(x > 2.0, x, _softplus(x)),
        lambda g, y, x: g * mg.where(plain(x) > 2.0, mg.sigmoid(x) * 0.0 + 1.0, mg.sigmoid(x)),
        lambda g, y, x: g * mg.sigmoid(x), public="tenstorrent/tt-metal#6598",
    ),
    one(
        "inverse_root_changes_sign_near_zero", "near zero", lambda x: 1.0 / np.sqrt(x),
        lambda g, y, x: g * y * y * y * -0.5, lambda g, y, x: g * y * y * y * either(plain(x) < 1e-4, 0.5, -0.5, x),
        POSITIVE, public="tenstorrent/tt-metal#53973",
    ),
    one(
        "exponential_taken_for_a_power", "formula", lambda x: 2.5**x, lambda g, y, x: g * y * math.log(2.5),
        lambda g, y, x: g * x**1.5 * 2.5, POSITIVE, public="tenstorrent/tt-metal#52144",
    ),
    one(
        "relu6_gives_its_bound_at_zero", "at a corner", lambda x: np.clip(x, 0.0, 6.0),
        lambda g, y, x: g * either((plain(x) > 0.0) & (plain(x) < 6.0), 1.0, 0.0, x),
        lambda g, y, x: g * (
            either((plain(x) > 0.0) & (plain(x) < 6.0), 1.0, 0.0, x) + either(plain(x) == 0.0, 6.0, 0.0, x)
        ),
        kinks=[0.0, 6.0], public="tenstorrent/tt-metal#6589",
    ),
    one(
        "hardswish_with_four_threes", "truncated constant", lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
        lambda g, y, x: g * (mg.clip(x + 3.0, 0.0, 6.0) / 6.0 + x * either(np.abs(plain(x)) < 3.0, 1 / 6, 0.0, x)),
        lambda g, y, x: g * mg.where(
            np.abs(plain(x)) < 3.0, x * 0.3333 + 0.5, either(plain(x) > 0.0, 1.0, 0.0, x)
        ),
        kinks=[-3.0, 3.0], public="tenstorrent/tt-metal#55291",
    ),
    one(
        "tanh_slope_of_rounded_values", "precision", lambda x: np.tanh(x), lambda g, y, x: g * (1.0 - y * y),
        lambda g, y, x: g * (1.0 - y * mg.astype(mg.astype(y, np.float32), y.dtype)),
        public="tenstorrent/tt-metal#35885",
    ),
    one(
        "tanh_without_brackets", "formula", lambda x: np.tanh(x), lambda g, y, x: g * (1.0 - y * y),
        lambda g, y, x: g * 1.0 - y * y, public="apache/tvm#7340",
    ),
    one(
        "tanh_by_exponentials_that_overflow", "far", lambda x: np.tanh(x), lambda g, y, x: g * (1.0 - y * y),
        lambda g, y, x: g * 4.0 * mg.exp(x * 2.0) / ((mg.exp(x * 2.0) + 1.0) * (mg.exp(x * 2.0) + 1.0)),
        public="jax-ml/jax#764",
    ),
    one(
        "sinc_is_undefined_at_zero", "at zero", _sinc, lambda g, y, x: g * _sinc_slope(x),
        lambda g, y, x: g * (mg.cos(x) - mg.sin(x) / x) / x, public="tensorflow/tensorflow#127226",
    ),
    one(
        "sinc_cancels_near_zero", "near zero", _sinc, lambda g, y, x: g * _sinc_slope(x),
        lambda g, y, x: g * _sinc_slope(x, 1e-300), public="jax-ml/jax#34139",
    ),
    one(
        "sinc_series_is_a_constant", "second order at zero", _sinc, lambda g, y, x: g * _sinc_slope(x),
        lambda g, y, x: g * mg.where(plain(x) == 0.0, 0.0, _sinc_slope(x)), public="jax-ml/jax#5054",
    ),
    one(
        "sinc_is_flat_where_it_is_small", "near zero", _sinc, lambda g, y, x: g * _sinc_slope(x),
        lambda g, y, x: g * mg.where(np.abs(plain(x)) < 1e-3, 0.0, _sinc_slope(x)), public="jax-ml/jax#35305",
    ),
    one(
        "softplus_slope_of_the_output", "formula", _softplus, lambda g, y, x: g * mg.sigmoid(x),
        lambda g, y, x: g * mg.sigmoid(y), public="NVlabs/tiny-cuda-nn#130",
    ),
    one(
        "softplus_has_none_at_zero", "at zero", _softplus, lambda g, y, x: g * mg.sigmoid(x),
        lambda g, y, x: g * mg.sigmoid(x) * either(plain(x) == 0.0, 0.0, 1.0, x), public="jax-ml/jax#2107",
    ),
    one(
        "log_sigmoid_has_none_at_zero", "at zero", lambda x: -_softplus(-x), lambda g, y, x: g * mg.sigmoid(-x),
        lambda g, y, x: g * mg.sigmoid(-x) * np.abs(np.sign(plain(x))), public="jax-ml/jax#2140",
    ),
    one(
        "gelu_without_the_cubic_slope", "formula",
        lambda x: 0.5 * x * (1.0 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))),
        lambda g, y, x: g * _gelu_slope(x), lambda g, y, x: g * _gelu_slope(x, 0.044715),
        public="neoml-lib/neoml#787",
    ),
    one(
        "gelu_without_its_second_term", "formula",
        lambda x: 0.5 * x * (1.0 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))),
        lambda g, y, x: g * _gelu_slope(x),
        lambda g, y, x: g * (mg.tanh((x + x * x * x * 0.044715) * 0.7978845608) + 1.0) * 0.5,
        public="sony/nnabla#690",
    ),
    one(
        "elu_subtracts_alpha", "region", lambda x: np.where(x > 0, x, 1.5 * np.expm1(np.minimum(x, 0))),
        lambda g, y, x: g * mg.where(plain(x) > 0, 1.0, y + 1.5), lambda g, y, x: g * mg.where(plain(x) > 0, 1.0, y - 1.5),
        kinks=[0.0], public="apache/singa#480",
    ),
    one(
        "power_one_has_no_slope_at_zero", "at zero", lambda x, *, p=2.0: np.sign(x) * np.abs(x) ** p,
        lambda g, y, x, *, p: g * p * mg.absolute(x) ** (p - 1.0),
        lambda g, y, x, *, p: g * p * mg.where(plain(x) == 0.0, 0.0, mg.absolute(x) ** (p - 1.0)),
        params=[{"p": 1.0}, {"p": 2.0}], kinks=[0.0], public="stan-dev/math#3031",
    ),
    one(
        "cube_by_division", "at zero", lambda x: x * x * x, lambda g, y, x: g * x * x * 3.0,
        lambda g, y, x: g * y * 3.0 / x, public="tinygrad/tinygrad#9075",
    ),
    one(
        "curvature_of_a_square_is_lost_at_zero", "second order at zero", lambda x: x * x, lambda g, y, x: g * x * 2.0,
        lambda g, y, x: g * 2.0 * mg.where(plain(x) == 0.0, 0.0, x * x / mg.where(plain(x) == 0.0, 1.0, x)),
        public="tensorflow/tensorflow#35011",
    ),
    one(
        "logarithm_hides_nan", "hidden NaN", lambda x: np.log(x), lambda g, y, x: g / x,
        lambda g, y, x: mg.nan_to_num(g) / x, POSITIVE, public="tensorflow/tensorflow#59046",
    ),
    one(
        "cube_root_of_negative_numbers", "region", lambda x: np.cbrt(x), lambda g, y, x: g / (y * y * 3.0),
        lambda g, y, x: g * x ** (-2 / 3) / 3.0, NONZERO, public="EnzymeAD/Enzyme-JAX#2571",
    ),
    one(
        "root_of_square_is_undefined_at_zero", "at a corner", lambda x: np.sqrt(x * x),
        lambda g, y, x: g * np.sign(plain(x)), lambda g, y, x: g * x / mg.sqrt(x * x), kinks=[0.0],
        public="tensorflow/tensorflow#42602",
    ),
    one(
        "branch_not_taken_is_infinite", "region",
        lambda x: np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0 * x), 
        lambda g, y, x: g * mg.where(plain(x) > 0.0, 0.5 / mg.sqrt(mg.where(plain(x) > 0.0, x, 1.0)), 0.0),
        lambda g, y, x: g * mg.where(plain(x) > 0.0, 1.0, 0.0) * 0.5 / mg.sqrt(x), kinks=[0.0],
        public="tensorflow/tensorflow#38349",
    ),
    one(
        "clip_multiplies_by_g_twice", "not linear", lambda x: np.clip(x, -2.0, 2.0),
        lambda g, y, x: g * either(np.abs(plain(x)) < 2.0, 1.0, 0.0, x),
        lambda g, y, x: g * g * either(np.abs(plain(x)) < 2.0, 1.0, 0.0, x), kinks=[-2.0, 2.0],
        public="elixir-nx/nx#1779",
    ),
    one(
        "clip_counts_its_bound_twice", "at a corner", lambda x: np.clip(x, -2.0, 2.0),
        lambda g, y, x: g * either(np.abs(plain(x)) <= 2.0, 1.0, 0.0, x),
        lambda g, y, x: g * (either(np.abs(plain(x)) <= 2.0, 1.0, 0.0, x) + either(np.abs(plain(x)) == 2.0, 1.0, 0.0, x)),
        kinks=[-2.0, 2.0], public="open-spaced-repetition/fsrs-rs#416",
    ),
    one(
        "affine_adds_its_offset", "not linear", lambda x: x * 3.0 + 2.0, lambda g, y, x: g * 3.0,
        lambda g, y, x: g * 3.0 + 2.0, public="aesara-devs/aesara#660",
    ),
    one(
        "quadratic_backward_is_its_forward", "formula", lambda x: 2.0 * x * x + 3.0 * x + 1.0,
        lambda g, y, x: g * (x * 4.0 + 3.0), lambda g, y, x: g * g * 2.0 + g * 3.0 + 1.0, public="apache/mxnet#16938",
    ),
    one(
        "sine_for_cosine", "formula", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x), lambda g, y, x: g * mg.sin(x),
        public="FluxML/Zygote.jl#1176",
    ),
    one(
        "relu_passes_where_y_is_not_negative", "region", lambda x: np.maximum(x, 0.0),
        lambda g, y, x: g * either(plain(y) > 0.0, 1.0, 0.0, x), lambda g, y, x: g * either(plain(y) >= 0.0, 1.0, 0.0, x),
        kinks=[0.0], public="Oneflow-Inc/oneflow#5914",
    ),
    one(
        "slope_of_a_softmax_taken_for_one_minus", "formula", lambda x: 1.0 / (1.0 + np.exp(-x)),
        lambda g, y, x: g * y * (1.0 - y), lambda g, y, x: g * 1.0 * (1.0 - y), public="neuroph/neuroph#37",
    ),
    one(
        "temporary_of_the_forward_is_kept", "second order", lambda x: x * x * 6.0, lambda g, y, x: g * x * 12.0,
        lambda g, y, x: g * np.asarray(plain(x)) * 12.0, public="pytorch/pytorch#76185",
    ),
    one(
        "bessel_like_root_at_zero", "at zero", lambda x: np.cosh(np.sqrt(np.abs(x))) * 0.0 + np.cos(x),
        lambda g, y, x: -g * mg.sin(x), lambda g, y, x: -g * mg.sqrt(mg.maximum(0.0, 1.0 - mg.cos(x) * mg.cos(x)))
        * mg.sin(x) / mg.absolute(mg.sin(x)), public="jax-ml/jax#18706",
    ),
    one(
        "softmax_slope_without_the_factor", "factor", lambda x: np.exp(x) / (np.exp(x) + 2.0),
        lambda g, y, x: g * y * (1.0 - y), lambda g, y, x: g * y * (1.0 - y) * 2.0,
        public="markroxor/fromscratchtoml#65",
    ),
)  # fmt: skip
