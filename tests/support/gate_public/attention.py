"""Gradient bugs in attention, moved and repeated axes of public frameworks, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    REAL,
    Wrong,
    array,
    pair,
    plain,
)
from support.gate_forms import turned


def _mask(n, m, causal, window):
    i, j = np.arange(n)[:, None], np.arange(m)
    ok = np.ones((n, m), bool)
    if causal:
        ok &= j <= i
    if window:
        ok &= j > i - window if causal else np.abs(i - j) < window
    if not ok.any(axis=-1).all():
        raise ValueError("a query has no key to look at")
    return ok


def _att(q, k, v, *, causal=False, window=0):
    s = q @ np.swapaxes(k, -1, -2) + np.where(_mask(q.shape[-2], k.shape[-2], causal, window), 0.0, -1e9).astype(
        q.dtype
    )
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


def _att_p(q, k, causal, window):
    s = q @ turned(k) + np.where(_mask(q.shape[-2], k.shape[-2], causal, window), 0.0, -1e9).astype(q.dtype)
    return mg.softmax(s, axis=-1)


def _att_rules(bad):
    def s(g, q, k, v, causal, window):
        P = _att_p(q, k, causal, window)
        d = g @ turned(v)
        return P, P * (d - mg.sum(d * P, axis=-1, keepdims=True))

    def dq(g, y, q, k, v, *, causal=False, window=0):
        return s(g, q, k, v, causal, window)[1] @ k

    def dk(g, y, q, k, v, *, causal=False, window=0):
        S = s(g, q, k, v, causal, window)[1]
        n, m = q.shape[-2], k.shape[-2]
        if bad == "long" and causal and n > m:
            S = S * (np.arange(n)[:, None] < m).astype(g.dtype)
        return turned(S) @ q

    def dv(g, y, q, k, v, *, causal=False, window=0):
        w = 0 if bad == "window" and causal else window
        return turned(_att_p(q, k, causal, w)) @ g

    return {"q": dq, "k": dk, "v": dv}


def _at(name, bad, params, public):
    good, flawed = _att_rules(""), _att_rules(bad)
    return pair(
        name,
        "options that meet",
        _att,
        good,
        flawed,
        {"q": REAL, "k": REAL, "v": REAL},
        params=params,
        shapes=[((3, 2), (3, 2), (3, 2))],
        public=public,
    )


def _trace_rule(bad):
    def rule(g, y, x):
        e = np.eye(x.shape[0], dtype=x.dtype)[:, :, None]
        return e * (mg.expand_dims(turned(g), 1) if bad else mg.expand_dims(g, 1))

    return rule


def _roll(x, *, axis=2, start=0):
    return np.rollaxis(x, axis, start)


def _roll_rule(bad):
    def rule(g, y, x, *, axis=2, start=0):
        if bad and axis == 0 and start == 0:
            return mg.moveaxis(g, -1, 0)
        a = axis % x.ndim
        s = start + x.ndim if start < 0 else start
        s = s - 1 if a < s else s
        return mg.moveaxis(g, s, a)

    return rule


def _repeat(x, *, times=2, axis=0):
    return np.repeat(x, times, axis=axis)


def _repeat_rule(bad):
    def rule(g, y, x, *, times=2, axis=0):
        a = axis % x.ndim
        s = x.shape
        if bad and axis < 0:
            return mg.sum(mg.reshape(g, (*s[:a], times, s[a], *s[a + 1 :])), axis=a)
        return mg.sum(mg.reshape(g, (*s[: a + 1], times, *s[a + 1 :])), axis=a + 1)

    return rule


def _scatter_mul(x, v, i):
    y = x.copy()
    np.multiply.at(y, i, v)
    return y


def _others(v, i, n):
    """Product of the values put at the same place by the others."""
    cols = []
    p = plain(i) % n
    for k in range(len(p)):
        q = None
        for j in range(len(p)):
            if j != k and p[j] == p[k]:
                q = v[j] if q is None else q * v[j]
        cols.append(q if q is not None else v[k] * 0.0 + 1.0)
    return cols


def _mul_v(bad):
    def rule(g, y, x, v, i):
        p = plain(i) % x.shape[0]
        oth = _others(v, i, x.shape[0])
        if not len(p):
            return v * 0.0
        return mg.stack([g[int(p[k])] * x[int(p[k])] * (1.0 if bad else oth[k]) for k in range(len(p))])

    return rule


def _mul_x(g, y, x, v, i):
    p = plain(i) % x.shape[0]
    rows = []
    for n in range(x.shape[0]):
        f = g[n]
        for k in np.flatnonzero(p == n):
            f = f * v[int(k)]
        rows.append(f)
    return mg.stack(rows) if rows else x * 0.0


ATTENTION: tuple[Wrong, ...] = (
    _at("more_queries_than_keys", "long", [{"causal": False}, {"causal": True}], "flagos-ai/FlagGems#3607"),
    _at(
        "window_of_a_causal_mask",
        "window",
        [{"causal": False, "window": 2}, {"causal": True, "window": 0}],
        "XPU-Forces/mojo_opset#386",
    ),
    array(
        "diagonal_of_two_axes_transposed",
        "einsum",
        lambda x: np.einsum("iij->ij", x),
        _trace_rule(False),
        _trace_rule(True),
        (3, 3, 3),
        public="tinygrad/tinygrad#18229",
    ),
    array(
        "axis_that_stays",
        "option",
        _roll,
        _roll_rule(False),
        _roll_rule(True),
        (2, 3, 4),
        params=[{"axis": 2, "start": 0}, {"axis": 1, "start": 3}],
        public="chainer/chainer#4836",
    ),
    array(
        "repeats_along_a_negative_axis",
        "axis",
        _repeat,
        _repeat_rule(False),
        _repeat_rule(True),
        (3, 4),
        params=[{"times": 2, "axis": 0}, {"times": 3, "axis": 1}],
        public="tinygrad/tinygrad#7734",
    ),
    pair(
        "factors_of_a_repeated_index",
        "repeated index",
        _scatter_mul,
        {"x": _mul_x, "v": _mul_v(False)},
        {"v": _mul_v(True)},
        {"x": REAL, "v": REAL, "i": mg.integer_index(3)},
        shapes=[((3,), (4,), (4,))],
        public="tracel-ai/burn#4909",
    ),
)
