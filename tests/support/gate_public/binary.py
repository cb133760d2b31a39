"""Gradient bugs of public frameworks in functions of several numbers, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import math

import attrs
import numpy as np

import minigrad as mg
from support.gate_case import INCONCLUSIVE, INVALID, MISMATCH, NONZERO, POSITIVE, REAL, Wrong, either, pair, plain, two

_LN2 = math.log(2.0)


def _float(condition, like):
    return np.asarray(condition).astype(like.dtype)


def _sum_axes(v, axes):
    for axis in axes:
        v = mg.sum(v, axis=axis, keepdims=True)
    return v


def _undo(v, shape, shifted):
    """Un-broadcast by hand; `shifted` counts axes as they were before the leading ones went."""
    lead = len(v.shape) - len(shape)
    for _ in range(lead):
        v = mg.sum(v, axis=0)
    for i, n in enumerate(shape):
        axis = min(i + lead, len(shape) - 1) if shifted else i
        if n == 1 and v.shape[axis] != 1:
            v = mg.sum(v, axis=axis, keepdims=True)
    return mg.broadcast_to(v[tuple(slice(0, n) for n in shape)], shape)


def _first_copy(v, shape):
    """One of the broadcast copies in place of their sum."""
    v = v[(0,) * (len(v.shape) - len(shape))]
    return v[tuple(slice(0, n) for n in shape)]


def _fit(v, shape):
    return mg.sum(v, axis=tuple(range(len(v.shape) - len(shape)))) if len(v.shape) > len(shape) else v


def _only_leading(v, shape):
    """Sums over axes that were added in front, and takes the first entry along those of length one."""
    return _fit(v, shape)[tuple(slice(0, n) for n in shape)]


def _zero_if_added(v, shape):
    return _fit(v, shape) * (0.0 if len(v.shape) > len(shape) else 1.0)


BINARY: tuple[Wrong, ...] = (
    two(
        "product_with_sine_has_a_sign", "sign", lambda a, b: np.sin(a) * b, lambda g, y, a, b: g * mg.cos(a) * b,
        lambda g, y, a, b: g * mg.sin(a), {"b": lambda g, y, a, b: -(g * mg.sin(a))}, public="jax-ml/jax#3213",
    ),
    two(
        "difference_without_its_minus", "sign", lambda a, b: a - b, lambda g, y, a, b: g, lambda g, y, a, b: -g,
        {"b": lambda g, y, a, b: g * 1.0}, public="KhawajaAbaid/micrograd_c#1",
    ),
    two(
        "squared_difference_returns_its_inputs", "g forgotten", lambda a, b: (a - b) ** 2,
        lambda g, y, a, b: g * (a - b) * 2.0, lambda g, y, a, b: g * (a - b) * -2.0,
        {"a": lambda g, y, a, b: a + b * 0.0, "b": lambda g, y, a, b: b + a * 0.0},
        public="SciSharp/TensorFlow.NET#787",
    ),
    two(
        "power_of_two_by_exp", "formula", lambda a, b: a * np.exp2(b), lambda g, y, a, b: g * mg.exp2(b),
        lambda g, y, a, b: g * y * _LN2,
        {"a": lambda g, y, a, b: mg.exp(b) * _LN2, "b": lambda g, y, a, b: a * mg.exp(b) * _LN2 * _LN2},
        public="tenstorrent/tt-metal#6533",
    ),
    two(
        "power_of_two_by_the_output", "at zero", lambda a, b: a * np.exp2(b), lambda g, y, a, b: g * mg.exp2(b),
        lambda g, y, a, b: g * y * _LN2, {"a": lambda g, y, a, b: g * y / a}, public="jax-ml/jax#38001",
    ),
    two(
        "arctangent_swaps_its_arguments", "order", lambda a, b: np.arctan2(a, b),
        lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -(g * a / (a * a + b * b)),
        {"a": lambda g, y, a, b: -(g * a / (a * a + b * b)), "b": lambda g, y, a, b: g * b / (a * a + b * b)},
        (NONZERO, NONZERO), public="getkeops/keops#155",
    ),
    two(
        "arctangent_has_its_minus_in_the_wrong_place", "sign", lambda a, b: np.arctan2(a, b),
        lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -(g * a / (a * a + b * b)),
        {"a": lambda g, y, a, b: -(g * b / (a * a + b * b)), "b": lambda g, y, a, b: g * a / (a * a + b * b)},
        (NONZERO, NONZERO), public="EnzymeAD/Enzyme-JAX#2066",
    ),
    two(
        "arctangent_gives_one_gradient_for_both", "order", lambda a, b: np.arctan2(a, b),
        lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -(g * a / (a * a + b * b)),
        {"b": lambda g, y, a, b: g * b / (a * a + b * b)}, (NONZERO, NONZERO), public="ml-explore/mlx#2453",
    ),
    pair(
        "power_zero_of_zero", "at zero", lambda x, n: np.power(x, n).astype(x.dtype),
        {"x": lambda g, y, x, n: g * _float(n, x) * mg.where(plain(n) == 0, 1.0, x ** np.maximum(plain(n) - 1, 0).astype(x.dtype))},
        {"x": lambda g, y, x, n: g * _float(n, x) * x ** (plain(n) - 1).astype(x.dtype)},
        {"x": REAL, "n": mg.integer_index(4)}, elementwise=True, public="RobotLocomotion/drake#23862",
    ),
    two(
        "logarithm_of_a_negative_base", "region", lambda a, b: np.abs(a) ** b, lambda g, y, a, b: g * y * b / a,
        lambda g, y, a, b: g * y * mg.log(mg.absolute(a)), {"b": lambda g, y, a, b: g * y * mg.log(a)},
        (NONZERO, REAL), public="tensorflow/tfjs#346",
    ),
    two(
        "logarithm_is_left_out_at_zero", "at zero", lambda a, b: a * np.log1p(b), lambda g, y, a, b: g * mg.log1p(b),
        lambda g, y, a, b: g * a / (b + 1.0),
        {"a": lambda g, y, a, b: g * mg.where(plain(a) == 0.0, 0.0, mg.log1p(b))}, (REAL, POSITIVE),
        public="tensorflow/tensorflow#56873",
    ),
    pair(
        "where_gives_its_gradient_to_both", "mask", lambda c, a, b: np.where(c, a, b),
        {"a": lambda g, y, c, a, b: mg.where(c, g, 0.0), "b": lambda g, y, c, a, b: mg.where(c, 0.0, g)},
        {"b": lambda g, y, c, a, b: g * 1.0}, {"c": mg.boolean(), "a": REAL, "b": REAL}, elementwise=True,
        public="HIPS/autograd#396",
    ),
    pair(
        "bounds_of_a_clip_are_constants", "gradient missing", lambda x, low, high: np.minimum(np.maximum(x, low), low + high),
        {
            "x": lambda g, y, x, low, high: g * _float((plain(x) > plain(low)) & (plain(x) < plain(low + high)), g),
            "low": lambda g, y, x, low, high: g * _float((plain(x) <= plain(low)) | (plain(x) >= plain(low + high)), g),
            "high": lambda g, y, x, low, high: g * _float(plain(x) >= plain(low + high), g),
        },
        {"low": lambda g, y, x, low, high: g * 0.0}, {"x": REAL, "low": REAL, "high": POSITIVE}, elementwise=True,
        public="Theano/Theano#1010",
    ),
    two(
        "bound_of_a_clip_is_not_summed", "un-broadcasting", lambda a, b: np.maximum(a, b),
        lambda g, y, a, b: g * _float(plain(a) > plain(b), g), lambda g, y, a, b: g * _float(plain(a) <= plain(b), g),
        {"b": lambda g, y, a, b: _first_copy(g * _float(plain(a) <= plain(b), g), b.shape)}, kinks="ties",
        public="elixir-nx/nx#972",
    ),
    two(
        "partial_derivatives_in_the_wrong_order", "order", lambda a, b: np.log(a) - a * b,
        lambda g, y, a, b: g * (1.0 / a - b), lambda g, y, a, b: -(g * a),
        {"a": lambda g, y, a, b: -(g * a), "b": lambda g, y, a, b: g * (1.0 / a - b)}, (POSITIVE, POSITIVE),
        public="openturns/openturns#1556",
    ),
    two(
        "cut_point_without_its_sign", "sign", lambda a, b: -np.logaddexp(np.zeros((), a.dtype), b - a),
        lambda g, y, a, b: g * mg.sigmoid(b - a), lambda g, y, a, b: -(g * mg.sigmoid(b - a)),
        {"b": lambda g, y, a, b: g * mg.sigmoid(b - a)}, public="stan-dev/math#1248",
    ),
    two(
        "approximation_for_large_numbers", "far", lambda a, b: a * np.log1p(b), lambda g, y, a, b: g * mg.log1p(b),
        lambda g, y, a, b: g * a / (b + 1.0),
        {"a": lambda g, y, a, b: g * mg.where(plain(a) > 300.0, b, mg.log1p(b))}, (REAL, POSITIVE),
        public="stan-dev/math#1578",
    ),
    pair(
        "multiply_add_forgets_what_it_adds", "formula", lambda x, w, b: x * w + b,
        {"x": lambda g, y, x, w, b: g * w, "w": lambda g, y, x, w, b: g * x, "b": lambda g, y, x, w, b: g * 1.0},
        {"b": lambda g, y, x, w, b: g * b}, {"x": REAL, "w": REAL, "b": REAL}, elementwise=True,
        public="chainer/chainer#6953",
    ),
    two(
        "equal_numbers_are_one_variable", "equal numbers", lambda a, b: a + b, lambda g, y, a, b: g * 1.0,
        lambda g, y, a, b: g * 1.0, {"a": lambda g, y, a, b: g * either(plain(a) == plain(b), 2.0, 1.0, g)},
        public="tinygrad/tinygrad#9597",
    ),
    two(
        "both_of_two_equal_maxima", "ties", lambda a, b: np.maximum(a, b),
        lambda g, y, a, b: g * (_float(plain(a) > plain(b), g) + 0.5 * _float(plain(a) == plain(b), g)),
        lambda g, y, a, b: g * (_float(plain(a) < plain(b), g) + 0.5 * _float(plain(a) == plain(b), g)),
        {
            "a": lambda g, y, a, b: g * _float(plain(a) >= plain(b), g),
            "b": lambda g, y, a, b: g * _float(plain(a) <= plain(b), g),
        },
        kinks="ties", public="pytorch/pytorch#56734",
    ),
    two(
        "none_of_two_equal_maxima", "ties", lambda a, b: np.minimum(a, b),
        lambda g, y, a, b: g * _float(plain(a) <= plain(b), g), lambda g, y, a, b: g * _float(plain(a) > plain(b), g),
        {"a": lambda g, y, a, b: g * _float(plain(a) < plain(b), g)}, kinks="ties", public="tensorflow/swift-apis#480",
    ),
    attrs.evolve(
        two(
        "winner_found_by_bits", "rounding", lambda a, b: np.maximum(a / 3.0, b),
        lambda g, y, a, b: g * _float(plain(a) / 3.0 > plain(b), g) / 3.0,
        lambda g, y, a, b: g * _float(plain(a) / 3.0 <= plain(b), g),
        {"a": lambda g, y, a, b: g * _float(plain(a) * (1.0 / 3.0) == plain(y), g) / 3.0}, public="jax-ml/jax#40578",
    ), expected=(INVALID, MISMATCH, INCONCLUSIVE)),
    two(
        "axes_counted_after_the_leading_ones_went", "un-broadcasting", lambda a, b: a * b,
        lambda g, y, a, b: _undo(g * b, a.shape, False), lambda g, y, a, b: _undo(g * a, b.shape, False),
        {"a": lambda g, y, a, b: _undo(g * b, a.shape, True), "b": lambda g, y, a, b: _undo(g * a, b.shape, True)},
        public="HomericIntelligence/Odyssey#2080",
    ),
    two(
        "broadcast_in_place_of_a_sum", "un-broadcasting", lambda a, b: a - b, lambda g, y, a, b: g, lambda g, y, a, b: -g,
        {"b": lambda g, y, a, b: _first_copy(-g, b.shape)}, public="apache/tvm#2465",
    ),
    two(
        "axis_that_turns_out_to_be_one", "un-broadcasting", lambda a, b: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g,
        {"a": lambda g, y, a, b: _only_leading(g, a.shape)}, public="aesara-devs/aesara#1089",
    ),
    two(
        "axis_that_is_added_gives_nothing", "un-broadcasting", lambda a, b: (a + b) * (a + b),
        lambda g, y, a, b: g * (a + b) * 2.0, lambda g, y, a, b: g * (a + b) * 2.0,
        {"a": lambda g, y, a, b: mg.reshape(_sum_axes(
            _zero_if_added(g * (a + b) * 2.0, a.shape),
            [i for i, n in enumerate(a.shape) if n == 1 and _fit(g, a.shape).shape[i] != 1],
        ), a.shape)},
        public="ml-explore/mlx#610",
    ),
    two(
        "last_axis_is_not_reduced", "un-broadcasting", lambda a, b: a * b, lambda g, y, a, b: g * b,
        lambda g, y, a, b: g * a,
        {"b": lambda g, y, a, b: (g * a)[..., :1] if b.shape[-1:] == (1,) and g.ndim == b.ndim else g * a},
        public="tenstorrent/tt-metal#40008",
    ),
    two(
        "base_of_zero_is_not_a_number", "at zero", lambda a, b: a * a * b, lambda g, y, a, b: g * a * b * 2.0,
        lambda g, y, a, b: g * a * a, {"b": lambda g, y, a, b: g * mg.exp(mg.log(mg.absolute(a)) * 2.0) * a / a},
        public="vgvassilev/clad#1385",
    ),
    two(
        "exponent_of_zero_is_not_a_number", "at zero", lambda a, b: a**b, lambda g, y, a, b: g * b * a ** (b - 1.0),
        lambda g, y, a, b: g * y * mg.log(a), {"a": lambda g, y, a, b: g * y / a * b * b / b}, (POSITIVE, REAL),
        public="tenstorrent/tt-metal#5082",
    ),
    pair(
        "probability_of_the_first_count_only", "first entry", lambda n, a: n.astype(a.dtype) * np.log(a) - a,
        {"a": lambda g, y, n, a: g * (_float(n, g) / a - 1.0)},
        {"a": lambda g, y, n, a: g * (float(plain(n).flat[0] if plain(n).size else 0) / a - 1.0)},
        {"n": mg.integer_index(5), "a": POSITIVE}, elementwise=True, public="stan-dev/math#1662",
    ),
    two(
        "smooth_l1_without_its_width", "factor",
        lambda a, b: np.where(np.abs(a - b) < 2.0, 0.25 * (a - b) ** 2, np.abs(a - b) - 1.0),
        lambda g, y, a, b: g * mg.clip((a - b) * 0.5, -1.0, 1.0), lambda g, y, a, b: -(g * mg.clip((a - b) * 0.5, -1.0, 1.0)),
        {"a": lambda g, y, a, b: g * mg.clip(a - b, -1.0, 1.0)}, public="keras-team/keras-cv#920",
    ),
    two(
        "smooth_l1_decides_at_one", "region",
        lambda a, b: np.where(np.abs(a - b) < 2.0, 0.25 * (a - b) ** 2, np.abs(a - b) - 1.0),
        lambda g, y, a, b: g * mg.clip((a - b) * 0.5, -1.0, 1.0), lambda g, y, a, b: -(g * mg.clip((a - b) * 0.5, -1.0, 1.0)),
        {"b": lambda g, y, a, b: -g * mg.where(np.abs(plain(a - b)) < 1.0, (a - b) * 0.5, np.sign(plain(a - b)))},
        public="pytorch/pytorch#17447",
    ),
    two(
        "squared_difference_of_the_wrong_side", "sign", lambda a, b: (a - b) * (a - b) * 0.5,
        lambda g, y, a, b: g * (a - b), lambda g, y, a, b: g * (b - a), {"b": lambda g, y, a, b: g * (a - b)},
        public="ml-explore/mlx#1986",
    ),
)  # fmt: skip
