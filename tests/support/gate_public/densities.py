"""Gradient bugs in densities, activations and functions of two numbers of public frameworks, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    NONZERO,
    POSITIVE,
    REAL,
    Wrong,
    either,
    one,
    pair,
    plain,
    two,
)


def _gelu_sig(x):
    return x / (1 + np.exp(-1.702 * x))


def _gelu_ok(g, y, x):
    s = mg.sigmoid(x * 1.702)
    return g * (s + x * 1.702 * s * (1.0 - s))


def _gelu_tanh(g, y, x):
    t = mg.tanh((x + x * x * x * 0.044715) * 0.7978845608)
    return g * ((t + 1.0) * 0.5 + x * (1.0 - t * t) * (x * x * 0.134145 + 1.0) * 0.3989422804)


def _tanh_half(g, y, x):
    if x.dtype == np.float32:
        h = plain(y).astype(np.float16)
        return g * (1 - (h * h)).astype(np.float32)
    return g * (1.0 - y * y)


def _bern(t, *, n=1):
    return -np.logaddexp(np.zeros((), t.dtype), t if n == 0 else -t)


def _bern_rule(bad):
    def rule(g, y, t, *, n=1):
        r = -mg.sigmoid(t) if n == 0 else mg.sigmoid(-t)
        if bad and n == 1:
            r = mg.where(plain(t) > 20.0, -r, r)
        return g * r

    return rule


def _lap(x, m, s):
    return np.abs(x - m) * np.exp(-s) + s


_LAP = {
    "x": lambda g, y, x, m, s: g * np.sign(plain(x) - plain(m)).astype(g.dtype) * mg.exp(-s),
    "m": lambda g, y, x, m, s: g * np.sign(plain(m) - plain(x)).astype(g.dtype) * mg.exp(-s),
    "s": lambda g, y, x, m, s: g * (1.0 - mg.abs(x - m) * mg.exp(-s)),
}


def _xlogy(a, b):
    return np.where(a == 0.0, np.zeros((), a.dtype), a * np.log(b))


def _power_rule(bad):
    def rule(g, y, x, *, power=2):
        return g * x ** float(power - 1) * float(abs(power) if bad else power)

    return rule


DENSITIES: tuple[Wrong, ...] = (
    one("gelu_of_two_formulas", "formula", _gelu_sig, _gelu_ok, _gelu_tanh, public="harvard-edge/cs249r_book#1399"),
    one(
        "square_rounded_to_half",
        "float32",
        lambda x: np.tanh(x),
        lambda g, y, x: g * (1.0 - y * y),
        _tanh_half,
        public="intel/torch-xpu-ops#3043",
    ),
    pair(
        "upper_tail_of_a_logit_has_its_sign",
        "far",
        _bern,
        {"t": _bern_rule(False)},
        {"t": _bern_rule(True)},
        {"t": REAL},
        params=[{"n": 0}, {"n": 1}],
        elementwise=True,
        public="stan-dev/math#3397",
    ),
    pair(
        "location_taken_for_the_scale",
        "wrong variable",
        _lap,
        _LAP,
        {"m": lambda g, y, x, m, s: g * np.sign(plain(s) - plain(x)).astype(g.dtype) * mg.exp(-s)},
        {"x": REAL, "m": REAL, "s": REAL},
        elementwise=True,
        public="stanfordmlgroup/ngboost#177",
    ),
    one(
        "logarithm_for_a_logit",
        "formula",
        lambda x: -0.5 * (np.log(x) - np.log(8.5 - x)) ** 2,
        lambda g, y, x: -g * (mg.log(x) - mg.log(8.5 - x)) * (1.0 / x + 1.0 / (8.5 - x)),
        lambda g, y, x: -g * mg.log(x) * (1.0 / x + 1.0 / (8.5 - x)),
        POSITIVE,
        public="JuliaStats/Distributions.jl#1221",
    ),
    two(
        "no_slope_where_the_factor_is_zero",
        "at zero",
        _xlogy,
        lambda g, y, a, b: g * mg.log(b),
        lambda g, y, a, b: g * a / b,
        {"a": lambda g, y, a, b: g * mg.log(b) * (plain(a) != 0.0).astype(g.dtype)},
        (REAL, POSITIVE),
        public="pytorch/pytorch#82713",
    ),
    one(
        "exponent_without_its_sign",
        "option",
        lambda x, *, power=2: x ** float(power),
        _power_rule(False),
        _power_rule(True),
        NONZERO,
        params=[{"power": 2}, {"power": 3}],
        public="tinygrad/tinygrad#9217",
    ),
    two(
        "one_side_of_a_hypotenuse",
        "formula",
        lambda a, b: np.hypot(a, b),
        lambda g, y, a, b: g * a / y,
        lambda g, y, a, b: g * b / y,
        {"b": lambda g, y, a, b: g * a / y},
        (NONZERO, NONZERO),
        public="JuliaDiff/ChainRules.jl#74",
    ),
    one(
        "rate_on_a_logarithmic_scale",
        "factor",
        lambda x: np.tanh(np.exp(x * 0.02)),
        lambda g, y, x: g * (1.0 - y * y) * mg.exp(x * 0.02) * 0.02,
        lambda g, y, x: g * (1.0 - y * y) * 0.02,
        public="alan-turing-institute/stat-fem#35",
    ),
    two(
        "minimum_gives_both_ties",
        "ties",
        lambda a, b: np.minimum(a, b),
        lambda g, y, a, b: (
            g * np.where(plain(a) < plain(b), 1.0, np.where(plain(a) == plain(b), 0.5, 0.0)).astype(g.dtype)
        ),
        lambda g, y, a, b: (
            g * np.where(plain(b) < plain(a), 1.0, np.where(plain(a) == plain(b), 0.5, 0.0)).astype(g.dtype)
        ),
        {
            "a": lambda g, y, a, b: g * (plain(a) <= plain(b)).astype(g.dtype),
            "b": lambda g, y, a, b: g * (plain(b) <= plain(a)).astype(g.dtype),
        },
        public="huggingface/candle#534",
    ),
    one(
        "negative_base_is_infinite",
        "region",
        lambda x: x * x * x,
        lambda g, y, x: g * x * x * 3.0,
        lambda g, y, x: g * x * x * either(plain(x) < 0, np.inf, 3.0, x),
        public="tenstorrent/tt-metal#54440",
    ),
)
