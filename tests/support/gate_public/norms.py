"""Gradient bugs in reductions, norms and distances with options of public frameworks, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    NONZERO,
    Wrong,
    array,
    pair,
    plain,
)


def _mean(x, *, axis=None):
    return np.mean(x, axis=axis if axis is None or np.ndim(axis) == 0 or len(axis) else None)


def _mean_rule(bad):
    def rule(g, y, x, *, axis=None):
        if not (axis is None or np.ndim(axis) == 0) and not len(axis):
            return mg.broadcast_to(g, x.shape) * (1.0 if bad else 1.0 / max(plain(x).size, 1))
        kept = np.mean(plain(x), axis=axis, keepdims=True).shape
        return mg.broadcast_to(mg.reshape(g, kept), x.shape) * (int(np.prod(kept)) / max(plain(x).size, 1))

    return rule


def _sum_gap(g, y, x, *, axis=(0, 1)):
    axes = (axis,) if isinstance(axis, int) else tuple(sorted(a % x.ndim for a in axis))
    for k, a in enumerate(axes):
        g = mg.expand_dims(g, a - k if k and axes[k - 1] + 1 != a else a)
    return mg.broadcast_to(g, x.shape)


def _sum_ok(g, y, x, *, axis=(0, 1)):
    axes = (axis,) if isinstance(axis, int) else tuple(sorted(a % x.ndim for a in axis))
    for a in axes:
        g = mg.expand_dims(g, a)
    return mg.broadcast_to(g, x.shape)


def _softmax(x, *, axis=0):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _softmax_rule(g, y, x, *, axis=0):
    return y * (g - mg.sum(g * y, axis=axis, keepdims=True))


def _softmax_neg(g, y, x, *, axis=0):
    return y * (g - mg.sum(g * y, axis=axis, keepdims=axis >= 0))


def _norm(x, *, order=2.0):
    a = np.abs(x)
    if order == np.inf:
        return a.max(axis=-1)
    if order == -np.inf:
        return a.min(axis=-1)
    return (a**order).sum(axis=-1) ** (1 / order)


def _norm_rule(bad):
    def rule(g, y, x, *, order=2.0):
        e = mg.expand_dims(y, -1)
        s = np.sign(plain(x)).astype(x.dtype)
        if np.isinf(order):
            m = (np.abs(plain(x)) == plain(e)).astype(x.dtype)
            if bad and order < 0:
                m = m * 0.0
            return mg.expand_dims(g, -1) * s * m / np.maximum(m.sum(axis=-1, keepdims=True), 1)
        return mg.expand_dims(g, -1) * s * (mg.abs(x) / e) ** (order - 1)

    return rule


def _ties_bad(g, y, x):
    m = (np.abs(plain(x)) == plain(mg.expand_dims(y, -1))).astype(x.dtype)
    return mg.expand_dims(g, -1) * np.sign(plain(x)).astype(x.dtype) * m


def _ties_ok(g, y, x):
    m = (np.abs(plain(x)) == plain(mg.expand_dims(y, -1))).astype(x.dtype)
    return mg.expand_dims(g, -1) * np.sign(plain(x)).astype(x.dtype) * m / m.sum(axis=-1, keepdims=True)


def _median_rule(bad):
    def rule(g, y, x):
        p, n = plain(x), x.shape[-1]
        order = np.argsort(p, axis=-1, kind="stable")
        m = np.zeros_like(p)
        for k, share in ((n // 2, 0.5), ((n - 1) // 2, 0.5)):
            i = order[..., k : k + 1]
            if bad:
                m = np.maximum(m, (p == np.take_along_axis(p, i, -1)) * (1.0 if n % 2 else 0.5)).astype(p.dtype)
            else:
                np.put_along_axis(m, i, np.take_along_axis(m, i, -1) + share, -1)
        return mg.expand_dims(g, -1) * m.astype(x.dtype)

    return rule


def _cdist(a, b, *, p=2.0):
    d = np.abs(a[..., :, None, :] - b[..., None, :, :])
    return (d**p).sum(-1) ** (1 / p)


def _cdist_rule(side, fix):
    def rule(g, y, a, b, *, p=2.0):
        q = fix(p)
        d = a[..., :, None, :] - b[..., None, :, :]
        mg.where(plain(y) == 0.0, 1.0, plain(y)).astype(g.dtype) if False else y
        s = np.sign(plain(d)).astype(g.dtype)
        z = (plain(y) == 0.0).astype(g.dtype)
        t = (
            mg.expand_dims(g / (y + z), -1)
            * s
            * (mg.abs(d) / mg.expand_dims(y + z, -1)) ** (q - 1)
            * mg.expand_dims(y + z, -1)
        )
        t = mg.sum(t, axis=-2 if side == 0 else -3)
        return t if side == 0 else -t

    return rule


def _cd(name, fix, params, public):
    def ok(p):
        return p

    return pair(
        name,
        "option",
        _cdist,
        {"a": _cdist_rule(0, ok), "b": _cdist_rule(1, ok)},
        {"a": _cdist_rule(0, fix), "b": _cdist_rule(1, fix)},
        {"a": NONZERO, "b": NONZERO},
        params=params,
        shapes=[((3, 4), (2, 4))],
        public=public,
    )


def _ddof_rule(bad):
    def rule(g, y, x, *, ddof=0):
        n = x.shape[-1] - ((1 if ddof else 0) if bad else ddof)
        c = x - mg.mean(x, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * c * (2.0 / n)

    return rule


def _var(x, *, ddof=0):
    return np.var(x, axis=-1, ddof=ddof)


NORMS: tuple[Wrong, ...] = (
    array(
        "mean_over_no_axes",
        "option",
        _mean,
        _mean_rule(False),
        _mean_rule(True),
        (3, 4),
        params=[{"axis": None}, {"axis": (0,)}, {"axis": (0, 1)}],
        public="pytorch/pytorch#28993",
    ),
    array(
        "axes_with_a_gap",
        "axis",
        lambda x, *, axis=(0, 1): np.sum(x, axis=axis),
        _sum_ok,
        _sum_gap,
        (3, 4, 2),
        params=[{"axis": (0, 1)}, {"axis": 1}],
        public="harvard-edge/cs249r_book#1867",
    ),
    array(
        "negative_axis_is_not_kept",
        "axis and shape",
        _softmax,
        _softmax_rule,
        _softmax_neg,
        (3, 4),
        params=[{"axis": 0}, {"axis": 1}],
        public="SKaiNET-developers/SKaiNET#863",
    ),
    array(
        "smallest_magnitude_has_no_gradient",
        "option",
        _norm,
        _norm_rule(False),
        _norm_rule(True),
        (3, 4),
        NONZERO,
        params=[{"order": 2.0}, {"order": np.inf}],
        public="tenstorrent/tt-metal#56248",
    ),
    array(
        "equal_magnitudes_all_win",
        "ties",
        lambda x: np.abs(x).max(-1),
        _ties_ok,
        _ties_bad,
        (3, 4),
        public="pytorch/pytorch#41779",
    ),
    array(
        "equal_medians_all_win",
        "ties",
        lambda x: np.median(x, axis=-1),
        _median_rule(False),
        _median_rule(True),
        (3, 5),
        public="PaddlePaddle/Paddle#42385",
    ),
    _cd("distance_ignores_its_order", lambda p: 2.0, [{"p": 2.0}], "flagos-ai/FlagGems#5023"),
    _cd("distance_of_a_low_order", lambda p: 2.0 if p < 2 else p, [{"p": 2.0}, {"p": 3.0}], "intel/torch-xpu-ops#3109"),
    array(
        "correction_of_one_only",
        "option",
        _var,
        _ddof_rule(False),
        _ddof_rule(True),
        (3, 4),
        params=[{"ddof": 0}, {"ddof": 1}],
    ),
)
