"""Rules that are wrong for some value of an option."""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    NONZERO,
    POSITIVE,
    REAL,
    Wrong,
    plain,
)
from support.gate_forms import grown, option_and_shape, turned


def _sp(x, *, beta=1.0, threshold=20.0):
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x).astype(x.dtype) / beta)


def _spr(bad):
    def r(g, y, x, *, beta=1.0, threshold=20.0):
        return (
            g * mg.where(plain(x) * (1.0 if bad else beta) > threshold, 1.0, mg.sigmoid(x * beta))
            if bad
            else g * mg.where(plain(x) * beta > threshold, 1.0, mg.sigmoid(x * beta))
        )

    return r


def _celu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _celur(bad):
    def r(g, y, x, *, alpha=1.0):
        return g * mg.where(plain(x) > 0, 1.0, mg.exp(mg.minimum(x, 0.0) / (1.0 if bad else alpha)))

    return r


def _lse(x, *, axis=-1, keepdims=False):
    m = x.max(axis=axis, keepdims=True)
    r = np.log(np.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return r if keepdims else r.reshape(np.sum(x, axis=axis).shape)


def _lser(bad):
    def r(g, y, x, *, axis=-1, keepdims=False):
        s = np.sum(plain(x), axis=axis, keepdims=True).shape
        y = mg.reshape(y, s)
        if bad and keepdims and isinstance(axis, tuple):
            g = mg.mean(g, axis=0, keepdims=True) + g * 0.0
        return mg.reshape(g, s) * mg.exp(x - y)

    return r


def _std(x, *, ddof=0):
    return np.sqrt(x.var(-1, ddof=ddof) + 1e-5)


def _stdr(bad):
    def r(g, y, x, *, ddof=0):
        c = x - mg.mean(x, axis=-1, keepdims=True)
        return grown(g) * c / (grown(y) + (1e-5 if bad else 0.0)) / (x.shape[-1] - ddof)

    return r


def _cp(x):
    return np.cumprod(x, -1)


def _cpr(bad):
    def r(g, y, x):
        rev = mg.flip(mg.cumsum(mg.flip(g * y, axis=-1), axis=-1), axis=-1)
        z = rev / x
        return z + (z * 1e-4 if bad and x.dtype == np.float32 and x.shape[-1] > 3 else 0.0)

    return r


def _emb(w, i, *, scale=False):
    return w[i % w.shape[0]]


def _embr(bad):
    def r(g, y, w, i, *, scale=False):
        n = w.shape[0]
        h = np.eye(n, dtype=w.dtype)[plain(i).ravel() % n]
        if bad and scale:
            h = h / np.maximum(h.sum(0), 1)
        return h.T @ mg.reshape(g, (h.shape[0], w.shape[1]))

    return r


def _ps(x, *, r=2):
    n = x.shape[-1] // r if x.shape[-1] % r == 0 else None
    return x.reshape(*x.shape[:-1], n, r).swapaxes(-1, -2).reshape(x.shape)


def _psr(bad):
    def rule(g, y, x, *, r=2):
        k = x.shape[-1] // r
        s = (*x.shape[:-1], r, k) if not bad else (*x.shape[:-1], k, r)
        z = mg.reshape(g, s)
        return mg.reshape(turned(z), x.shape)

    return rule


def _dot(q, k, *, scale=1.0):
    return scale * (q @ np.swapaxes(k, -1, -2))


def _nz(x, *, eps=1e-3):
    n = np.sqrt((x * x).sum(-1, keepdims=True))
    return x / np.maximum(n, eps)


def _nzr(bad):
    def r(g, y, x, *, eps=1e-3):
        n = mg.sqrt(mg.sum(x * x, axis=-1, keepdims=True))
        small = plain(n) < eps
        s = mg.where(small, 1.0, n)
        full = (g - x * mg.sum(g * x, axis=-1, keepdims=True) / (s * s)) / s
        return full if bad else mg.where(np.broadcast_to(small, x.shape), g / eps, full)

    return r


def _kl(x, t, *, log_target=False):
    return np.exp(t) * (t - x) if log_target else np.where(t > 0, t, 1) * (np.log(np.where(t > 0, t, 1)) - x)


def _klx(bad):
    def r(g, y, x, t, *, log_target=False):
        return -g * (mg.exp(t) if log_target and not bad else mg.where(plain(t) > 0, t, 1.0))

    return r


def _klt(g, y, x, t, *, log_target=False):
    if log_target:
        return g * mg.exp(t) * (t - x + 1.0)
    p = plain(t) > 0
    q = mg.where(p, t, 1.0)
    return g * mg.where(p, mg.log(q) - x + 1.0, 0.0)


def _cl(x, *, low=None, high=None):
    y = x if low is None else np.maximum(x, x.dtype.type(low))
    return y if high is None else np.minimum(y, x.dtype.type(high))


def _clr(bad):
    def r(g, y, x, *, low=None, high=None):
        m = np.ones(x.shape, bool)
        if low is not None:
            m &= plain(x) > low
        if high is not None:
            m &= plain(x) < high
        if bad and low is not None and high is not None and low >= high:
            m |= True
        return g * m.astype(g.dtype)

    return r


OPTIONS: tuple[Wrong, ...] = (
    option_and_shape(
        "softplus_threshold_without_beta",
        _sp,
        {"x": _spr(False)},
        {"x": _spr(True)},
        {"x": REAL},
        params=[{"beta": 1.0, "threshold": 20.0}, {"beta": 2.0, "threshold": 4.0}],
        elementwise=True,
        kinks=(),
    ),
    option_and_shape(
        "celu_without_alpha",
        _celu,
        {"x": _celur(False)},
        {"x": _celur(True)},
        {"x": REAL},
        params=[{"alpha": 1.0}],
        elementwise=True,
    ),
    option_and_shape(
        "logsumexp_keeps_a_tuple",
        _lse,
        {"x": _lser(False)},
        {"x": _lser(True)},
        {"x": REAL},
        params=[{"axis": -1, "keepdims": False}, {"axis": (0, 1), "keepdims": False}, {"axis": 0, "keepdims": True}],
        shapes=[((3, 4, 2),)],
    ),
    option_and_shape(
        "epsilon_twice",
        _std,
        {"x": _stdr(False)},
        {"x": _stdr(True)},
        {"x": REAL},
        params=[{"ddof": 0}],
        shapes=[((3, 4),)],
    ),
    option_and_shape(
        "float32_running_product", _cp, {"x": _cpr(False)}, {"x": _cpr(True)}, {"x": NONZERO}, shapes=[((3, 4),)]
    ),
    option_and_shape(
        "gradient_by_frequency",
        _emb,
        {"w": _embr(False)},
        {"w": _embr(True)},
        {"w": REAL, "i": mg.integer_index(4)},
        params=[{"scale": False}],
        shapes=[((4, 2), (5,))],
    ),
    option_and_shape(
        "shuffle_of_three",
        _ps,
        {"x": _psr(False)},
        {"x": _psr(True)},
        {"x": REAL},
        params=[{"r": 2}],
        shapes=[((2, 4),)],
    ),
    option_and_shape(
        "scale_of_a_product_once",
        _dot,
        {
            "q": lambda g, y, q, k, *, scale=1.0: g @ k * scale,
            "k": lambda g, y, q, k, *, scale=1.0: turned(g) @ q * scale,
        },
        {"k": lambda g, y, q, k, *, scale=1.0: turned(g) @ q * (scale if scale >= 1.0 else 1.0)},
        {"q": REAL, "k": REAL},
        params=[{"scale": 1.0}, {"scale": 2.0}],
        shapes=[((3, 4), (2, 4))],
    ),
    option_and_shape(
        "normalised_below_epsilon",
        _nz,
        {"x": _nzr(False)},
        {"x": _nzr(True)},
        {"x": REAL},
        params=[{"eps": 1e-3}],
        shapes=[((3, 4),)],
    ),
    option_and_shape(
        "target_is_a_logarithm",
        _kl,
        {"x": _klx(False), "t": _klt},
        {"x": _klx(True)},
        {"x": REAL, "t": POSITIVE},
        params=[{"log_target": False}],
        elementwise=True,
    ),
    option_and_shape(
        "bounds_in_the_wrong_order",
        _cl,
        {"x": _clr(False)},
        {"x": _clr(True)},
        {"x": REAL},
        params=[{"low": -1.0, "high": 2.0}, {"low": 0.5, "high": None}],
        elementwise=True,
    ),
)
