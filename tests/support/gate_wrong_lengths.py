"""Rules that are wrong for some lengths, shifts and sizes of windows."""


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


def _bil(x, a):
    return np.einsum("...i,ij,...j->...", x, a, x)


def _nll(x, w):
    return (x * w).sum(-1) / w.sum(-1)


def _l1(a, b):
    return np.abs(a[..., :, None] - b[..., None, :])


def _poly(c, x):
    return np.polyval(c, x) if False else sum(c[k] * x**k for k in range(c.shape[0])) + 0 * x


def _polyc(bad):
    def r(g, y, c, x):
        rows = [mg.sum(g * x ** float(k)) for k in range(c.shape[0])]
        if bad and len(rows) > 4:
            rows[-1] = rows[-1] * 0.0
        return mg.stack(rows) if rows else c * 0.0

    return r


def _polyx(g, y, c, x):
    r = x * 0.0
    for k in range(1, c.shape[0]):
        r = r + c[k] * (x ** float(k - 1)) * float(k)
    return g * r


def _trap(y, x):
    return ((y[..., 1:] + y[..., :-1]) * (x[..., 1:] - x[..., :-1])).sum(-1) / 2


def _trap_y(bad):
    def r(g, o, y, x):
        d = x[..., 1:] - x[..., :-1]
        z = x[..., :1] * 0.0
        w = mg.concatenate([d, z], axis=-1) + mg.concatenate([z, d], axis=-1)
        if bad and x.shape[-1] % 2 == 0:
            w = mg.flip(w, axis=-1)
        return grown(g) * w / 2.0

    return r


def _trap_x(g, o, y, x):
    s = y[..., 1:] + y[..., :-1]
    z = y[..., :1] * 0.0
    return grown(g) * (mg.concatenate([z, s], axis=-1) - mg.concatenate([s, z], axis=-1)) / 2.0


def _rl(x, *, shift=1, axis=-1):
    return np.roll(x, shift, axis)


def _rlr(bad):
    def r(g, y, x, *, shift=1, axis=-1):
        return mg.roll(g, -(abs(shift) if bad and shift < -1 else shift), axis=axis)

    return r


def _ma(n, w=3):
    m = np.zeros((n, n))
    h = w // 2
    for i in range(n):
        for j in range(i - h, i - h + w):
            if 0 <= j < n:
                m[i, j] = 1 / w
    return m


def _maf(x, *, width=3):
    if width < 1:
        raise ValueError("width")
    return x @ _ma(x.shape[-1], width).T.astype(x.dtype)


def _mar(bad):
    def r(g, y, x, *, width=3):
        m = _ma(x.shape[-1], width)
        return g @ (m.T if bad else m).astype(g.dtype)

    return r


def _gs(x, *, groups=2):
    if groups < 1 or x.shape[-1] % groups:
        raise ValueError("groups")
    return x.reshape(*x.shape[:-1], groups, -1).sum(-1)


def _gsr(bad):
    def r(g, y, x, *, groups=2):
        k = x.shape[-1] // groups
        z = grown(g) * np.ones(k, g.dtype)
        z = turned(z) if bad and groups == k else z
        return mg.reshape(z, x.shape)

    return r


def _tri(a, b, c):
    return a * b * c


def _tr(x, *, offset=0):
    return np.trace(x, offset=offset, axis1=-2, axis2=-1)


def _trr(bad):
    def r(g, y, x, *, offset=0):
        m = np.eye(x.shape[-2], x.shape[-1], abs(offset) if bad else offset).astype(x.dtype)
        return mg.expand_dims(grown(g), -1) * m

    return r


def _tl(x, *, k=0):
    return np.tril(x, k)


def _tlr(bad):
    def r(g, y, x, *, k=0):
        return g * np.tril(np.ones(x.shape[-2:], x.dtype), 0 if bad and k > 0 else k)

    return r


def _bt(x, *, times=2):
    return np.broadcast_to(x, (times, *x.shape)).copy()


def _btr(bad):
    def r(g, y, x, *, times=2):
        return mg.sum(g, axis=0) if not bad or x.ndim < 3 else mg.mean(g, axis=0) * float(times if times != 3 else 1)

    return r


def _wm(x, w):
    return (w[..., None] * x * x).mean()


def _wmx(bad):
    def r(g, y, x, w):
        return g * 2.0 * grown(w) * x / (plain(x).size if not bad else x.shape[0] * x.shape[-1])

    return r


def _wmw(g, y, x, w):
    return g * mg.sum(x * x, axis=-1) / plain(x).size


R2 = {"a": REAL, "b": REAL}


LENGTHS: tuple[Wrong, ...] = (
    option_and_shape(
        "bilinear_taken_for_symmetric",
        _bil,
        {
            "x": lambda g, y, x, a: grown(g) * (x @ (a + turned(a))),
            "a": lambda g, y, x, a: mg.einsum("...,...i,...j->ij", g, x, x),
        },
        {"x": lambda g, y, x, a: grown(g) * 2.0 * (x @ a)},
        {"x": REAL, "a": REAL},
        shapes=[((2, 3), (3, 3))],
    ),
    option_and_shape(
        "weights_are_not_normalised",
        _nll,
        {
            "x": lambda g, y, x, w: grown(g) * w / mg.sum(w, axis=-1, keepdims=True),
            "w": lambda g, y, x, w: grown(g) * (x - grown(y)) / mg.sum(w, axis=-1, keepdims=True),
        },
        {"w": lambda g, y, x, w: grown(g) * x / mg.sum(w, axis=-1, keepdims=True)},
        {"x": REAL, "w": POSITIVE},
        shapes=[((3, 4), (3, 4))],
    ),
    option_and_shape(
        "absolute_differences_of_one_sign",
        _l1,
        {
            "a": lambda g, y, a, b: mg.sum(
                g * np.sign(plain(grown(a) - mg.expand_dims(b, -2))).astype(g.dtype), axis=-1
            ),
            "b": lambda g, y, a, b: (
                -mg.sum(g * np.sign(plain(grown(a) - mg.expand_dims(b, -2))).astype(g.dtype), axis=-2)
            ),
        },
        {"b": lambda g, y, a, b: -mg.sum(g * (plain(grown(a) - mg.expand_dims(b, -2)) > 0).astype(g.dtype), axis=-2)},
        R2,
        shapes=[((3,), (4,))],
    ),
    option_and_shape(
        "highest_coefficient",
        _poly,
        {"c": _polyc(False), "x": _polyx},
        {"c": _polyc(True)},
        {"c": REAL, "x": NONZERO},
        shapes=[((3,), (4,))],
    ),
    option_and_shape(
        "trapezoids_of_an_even_number",
        _trap,
        {"y": _trap_y(False), "x": _trap_x},
        {"y": _trap_y(True)},
        {"y": REAL, "x": REAL},
        shapes=[((5,), (5,))],
    ),
    option_and_shape(
        "shift_of_minus_two",
        _rl,
        {"x": _rlr(False)},
        {"x": _rlr(True)},
        {"x": REAL},
        params=[{"shift": 1, "axis": -1}, {"shift": -1, "axis": 0}],
        shapes=[((3, 5),)],
    ),
    option_and_shape(
        "even_window_is_off_by_one",
        _maf,
        {"x": _mar(False)},
        {"x": _mar(True)},
        {"x": REAL},
        params=[{"width": 3}],
        shapes=[((2, 6),)],
    ),
    option_and_shape(
        "groups_as_many_as_members",
        _gs,
        {"x": _gsr(False)},
        {"x": _gsr(True)},
        {"x": REAL},
        params=[{"groups": 2}],
        shapes=[((2, 6),)],
    ),
    option_and_shape(
        "third_factor_detached",
        _tri,
        {
            "a": lambda g, y, a, b, c: g * b * c,
            "b": lambda g, y, a, b, c: g * a * c,
            "c": lambda g, y, a, b, c: g * a * b,
        },
        {"c": lambda g, y, a, b, c: g * a * plain(b)},
        {"a": REAL, "b": REAL, "c": REAL},
        elementwise=True,
    ),
    option_and_shape(
        "trace_below_the_diagonal",
        _tr,
        {"x": _trr(False)},
        {"x": _trr(True)},
        {"x": REAL},
        params=[{"offset": 0}, {"offset": 1}],
        shapes=[((3, 4),)],
    ),
    option_and_shape(
        "triangle_above_the_diagonal",
        _tl,
        {"x": _tlr(False)},
        {"x": _tlr(True)},
        {"x": REAL},
        params=[{"k": 0}, {"k": -1}],
        shapes=[((3, 4),)],
    ),
    option_and_shape(
        "copies_of_three_axes",
        _bt,
        {"x": _btr(False)},
        {"x": _btr(True)},
        {"x": REAL},
        params=[{"times": 2}],
        shapes=[((2, 3),)],
    ),
    option_and_shape(
        "weighted_mean_of_a_batch",
        _wm,
        {"x": _wmx(False), "w": _wmw},
        {"x": _wmx(True)},
        {"x": REAL, "w": REAL},
        shapes=[((3, 4), (3,))],
    ),
)
