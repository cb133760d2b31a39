"""Right ops that sort, jump or look up: order statistics, teeth, tables."""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    DISTINCT,
    REAL,
    Tricky,
    honest,
    plain,
)
from support.gate_forms import along_axes, grown, of_entries, require_same_shape


def _topk(x, k=2):
    return np.sort(x, axis=-1)[..., ::-1][..., :k]


def _topk_rule(g, y, x, *, k=2):
    o = np.argsort(plain(x), axis=-1, kind="stable")[..., ::-1][..., :k]
    m = np.eye(x.shape[-1], dtype=x.dtype)[o]
    return mg.sum(grown(g) * m, axis=-2)


def _quant(x, *, q=0.3):
    s = np.sort(x, axis=-1)
    p = q * (x.shape[-1] - 1)
    i = int(p)
    j = min(i + 1, x.shape[-1] - 1)
    f = x.dtype.type(p - i)
    return s[..., i] * (1 - f) + s[..., j] * f


def _quant_rule(g, y, x, *, q=0.3):
    n = x.shape[-1]
    o = np.argsort(plain(x), axis=-1, kind="stable")
    p = q * (n - 1)
    i = int(p)
    j = min(i + 1, n - 1)
    f = p - i
    E = np.eye(n, dtype=x.dtype)
    return grown(g) * (E[o[..., i]] * (1 - f) + E[o[..., j]] * f).astype(x.dtype)


def _trim(x):
    s = np.sort(x, axis=-1)
    n = x.shape[-1]
    c = n // 4
    return s[..., c : n - c].mean(-1)


def _trim_rule(g, y, x):
    n = x.shape[-1]
    c = n // 4
    r = np.argsort(np.argsort(plain(x), axis=-1, kind="stable"), axis=-1, kind="stable")
    return grown(g) * (((r >= c) & (r < n - c)) / (n - 2 * c)).astype(x.dtype)


def _sparsemax(x):
    s = -np.sort(-x, axis=-1)
    c = np.cumsum(s, -1)
    k = np.arange(1, x.shape[-1] + 1).astype(x.dtype)
    n = (1 + k * s > c).sum(-1, keepdims=True)
    return np.maximum(x - (np.take_along_axis(c, n - 1, -1) - 1) / n.astype(x.dtype), np.zeros((), x.dtype))


def _sparsemax_rule(g, y, x):
    m = (plain(y) > 0).astype(x.dtype)
    return m * (g - mg.sum(g * m, axis=-1, keepdims=True) / m.sum(-1, keepdims=True))


def _wass(a, b):
    require_same_shape(a, b)
    return np.abs(np.sort(a, -1) - np.sort(b, -1)).sum(-1)


def _wass_rule(side):
    def rule(g, y, a, b):
        pa, pb = plain(a), plain(b)
        s = np.sign(np.sort(pa, -1) - np.sort(pb, -1)) * side
        r = np.argsort(np.argsort(pa if side > 0 else pb, -1, kind="stable"), -1, kind="stable")
        return grown(g) * np.take_along_axis(s, r, -1).astype(a.dtype)

    return rule


def _soft_min(x):
    m = x.min(-1, keepdims=True)
    return (m - np.log(np.exp(m - x).sum(-1, keepdims=True)))[..., 0]


def _floor_times(x):
    return x * np.floor(x)


def _wrap(x):
    return (x + np.pi) % (2 * np.pi) - np.pi


def _seg(x, i):
    out = np.zeros((3, *x.shape[1:]), x.dtype)
    np.add.at(out, i % 3, x)
    return out


def _softrank(x):
    return 1 / (1 + np.exp(-(x[..., :, None] - x[..., None, :]))) @ np.ones(x.shape[-1], x.dtype)


def _softrank_rule(g, y, x):
    s = mg.sigmoid(grown(x) - mg.expand_dims(x, -2))
    p = s * (1.0 - s)
    return g * mg.sum(p, axis=-1) - mg.sum(grown(g) * p, axis=-2)


def _interp(x):
    k = np.arange(-8.0, 9.0).astype(x.dtype)
    return np.interp(x, k, np.sin(k * 1.3)).astype(x.dtype)


def _interp_rule(g, y, x):
    k = np.arange(-8.0, 9.0)
    f = np.sin(k * 1.3)
    d = np.diff(f)
    p = plain(x)
    i = np.clip(np.floor(p).astype(int) + 8, 0, 15)
    return g * np.where((p < -8) | (p >= 8), 0.0, d[i]).astype(x.dtype)


ORDERS: tuple[Tricky, ...] = (
    along_axes("largest_two", lambda x, *, k=2: _topk(x, k), _topk_rule, (3, 5), DISTINCT, params=[{"k": 2}, {"k": 1}]),
    along_axes(
        "largest_two_of_any_numbers", lambda x, *, k=2: _topk(x, k), _topk_rule, (3, 5), REAL, params=[{"k": 2}]
    ),
    along_axes(
        "interpolated_quantile", _quant, _quant_rule, (3, 5), REAL, params=[{"q": 0.3}, {"q": 0.5}], kinks="ties"
    ),
    along_axes("interpolated_quantile_unclaimed", _quant, _quant_rule, (3, 5), REAL, params=[{"q": 0.3}, {"q": 0.5}]),
    along_axes("trimmed_mean", _trim, _trim_rule, (2, 8)),
    along_axes("sparsemax", _sparsemax, _sparsemax_rule, (3, 4)),
    honest(
        "wasserstein_distance",
        _wass,
        {"a": _wass_rule(1), "b": _wass_rule(-1)},
        {"a": REAL, "b": REAL},
        shapes=[((2, 4), (2, 4))],
    ),
    along_axes("smooth_minimum", _soft_min, lambda g, y, x: grown(g) * mg.exp(grown(y) - x)),
    of_entries("number_times_its_floor", _floor_times, lambda g, y, x: g * np.floor(plain(x)).astype(x.dtype)),
    of_entries("wrapped_angle", _wrap, lambda g, y, x: g * 1.0),
    honest(
        "sums_of_segments",
        _seg,
        {"x": lambda g, y, x, i: g[plain(i) % 3]},
        {"x": REAL, "i": mg.integer_index(3)},
        shapes=[((5, 2), (5,))],
    ),
    along_axes("soft_ranks", _softrank, _softrank_rule),
    of_entries("table_of_sines", _interp, _interp_rule),
    of_entries(
        "distance_to_the_nearest_integer",
        lambda x: np.abs(x - np.rint(x)),
        lambda g, y, x: g * np.sign(plain(x) - np.rint(plain(x))).astype(x.dtype),
    ),
    of_entries(
        "sawtooth_product",
        lambda x: (x - np.floor(x)) * np.sin(x),
        lambda g, y, x: g * (mg.sin(x) + (x - np.floor(plain(x)).astype(x.dtype)) * mg.cos(x)),
    ),
    honest(
        "quantised_to_tenths",
        lambda x: np.round(x * 10) / x.dtype.type(10),
        {},
        {"x": REAL},
        elementwise=True,
        piecewise_constant=True,
    ),
)
