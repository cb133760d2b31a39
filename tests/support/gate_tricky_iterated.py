"""Right ops that iterate: roots, systems, transports, recurrences."""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    POSITIVE,
    REAL,
    UNIT,
    Tricky,
    honest,
    plain,
)
from support.gate_forms import along_axes, grown, of_entries, turned


def _kepler(x):
    e = x.copy()
    for _ in range(60):
        e = e - (e - 0.4 * np.sin(e) - x) / (1 - 0.4 * np.cos(e))
    return e


def _bisect(x):
    lo, hi = np.full_like(x, -60), np.full_like(x, 60)
    for _ in range(70 if x.dtype == np.float64 else 40):
        mid = (lo + hi) / 2
        big = mid + np.sinh(np.clip(mid, -30, 30)) > x
        hi = np.where(big, mid, hi)
        lo = np.where(big, lo, mid)
    return (lo + hi) / 2


def _lambert(x):
    w = np.log1p(x)
    for _ in range(40):
        e = np.exp(w)
        w = w - (w * e - x) / (e * (w + 1))
    return w


def _cg(a, b):
    # symmetric positive matrix made of a; conjugate gradients
    A_ = a @ np.swapaxes(a, -1, -2) + 8.0 * np.eye(a.shape[-1], dtype=a.dtype)
    x = np.zeros_like(b)
    r = b - np.einsum("...ij,...j->...i", A_, x)
    p = r.copy()
    for _ in range(a.shape[-1] + 4):
        rr = (r * r).sum(-1, keepdims=True)
        Ap = np.einsum("...ij,...j->...i", A_, p)
        d = (p * Ap).sum(-1, keepdims=True)
        al = np.where(d > 0, rr / np.where(d > 0, d, 1), 0).astype(a.dtype)
        x = x + al * p
        r = r - al * Ap
        n = (r * r).sum(-1, keepdims=True)
        p = r + np.where(rr > 0, n / np.where(rr > 0, rr, 1), 0).astype(a.dtype) * p
    return x


def _cg_w(g, a):
    A_ = a @ turned(a) + 8.0 * np.eye(a.shape[-1], dtype=a.dtype)
    return mg.linalg.solve(A_, grown(g))[..., 0]


def _cg_b(g, y, a, b):
    return _cg_w(g, a)


def _cg_a(g, y, a, b):
    w = _cg_w(g, a)
    M = -grown(w) * mg.expand_dims(y, -2)
    return (M + turned(M)) @ a


def _sqrtm(x):
    n = x.shape[-1]
    Y = x @ np.swapaxes(x, -1, -2) + np.eye(n, dtype=x.dtype)
    Z = np.broadcast_to(np.eye(n, dtype=x.dtype), Y.shape)
    for _ in range(20):
        Y, Z = (Y + np.linalg.inv(Z)) / 2, (Z + np.linalg.inv(Y)) / 2
    return Y


def _sqrtm_rule(g, y, x):
    n = x.shape[-1]
    eye = np.eye(n, dtype=x.dtype)
    K = mg.reshape(
        mg.expand_dims(mg.expand_dims(y, -2), -1) * eye[:, None, :, None].transpose(1, 0, 3, 2)
        if False
        else mg.einsum("...ij,kl->...ikjl", y, eye) + mg.einsum("ij,...kl->...ikjl", eye, y),
        (*x.shape[:-2], n * n, n * n),
    )
    v = mg.linalg.solve(turned(K), mg.reshape(g, (*g.shape[:-2], n * n, 1)))
    D = mg.reshape(v, g.shape)
    return (D + turned(D)) @ x


def _mpow(x, *, n=3):
    return np.linalg.matrix_power(x, n)


def _mpow_rule(g, y, x, *, n=3):
    if n == 0:
        return x * 0.0
    z = x if n > 0 else mg.linalg.inv(x)
    k = abs(n)
    P = [np.eye(x.shape[-1], dtype=x.dtype) + x * 0.0]
    for _ in range(k):
        P.append(P[-1] @ z)
    r = x * 0.0
    for i in range(k):
        r = r + turned(P[i]) @ g @ turned(P[k - 1 - i])
    return r if n > 0 else -(turned(z) @ r @ turned(z))


def _qr_r(x):
    return np.abs(np.diagonal(np.linalg.qr(x).R, axis1=-2, axis2=-1)).prod(-1)


def _qr_rule(g, y, x):
    return mg.expand_dims(grown(g * y), -1) * turned(mg.linalg.inv(x))


def _cayley(x):
    a = x - np.swapaxes(x, -1, -2)
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    return np.linalg.solve(eye + a, eye - a)


def _cayley_rule(g, y, x):
    a = x - turned(x)
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    W = mg.linalg.solve(turned(eye + a), g)
    d = -(W @ turned(eye * 1.0 + y))
    return d - turned(d)


def _kron(a, b):
    return np.kron(a, b)


def _kron4(g, a, b):
    return mg.transpose(mg.reshape(g, (a.shape[0], b.shape[0], a.shape[1], b.shape[1])), (0, 2, 1, 3))


def _sink(x):
    K = np.exp(x)
    for _ in range(3):
        K = K / K.sum(-1, keepdims=True)
        K = K / K.sum(-2, keepdims=True)
    return K


def _sink_rule(g, y, x):
    Ks = [mg.exp(x)]
    steps = []
    for k in range(6):
        ax = -1 if k % 2 == 0 else -2
        s = mg.sum(Ks[-1], axis=ax, keepdims=True)
        steps.append((ax, s))
        Ks.append(Ks[-1] / s)
    for (ax, s), out in zip(reversed(steps), reversed(Ks), strict=False):
        g = (g - mg.sum(g * out, axis=ax, keepdims=True)) / s
    return g * Ks[0]


def _soft_dtw(x):
    # soft minimum path along two rows
    r = x[..., 0, :]
    for k in range(1, x.shape[-2]):
        left = np.concatenate([r[..., :1], r[..., :-1]], -1)
        r = x[..., k, :] - np.logaddexp(-r, -left)
    return r


def _soft_dtw_rule(g, y, x):
    rs = [x[..., 0, :]]
    for k in range(1, x.shape[-2]):
        r = rs[-1]
        left = mg.concatenate([r[..., :1], r[..., :-1]], axis=-1)
        rs.append(x[..., k, :] - mg.logaddexp(-r, -left))
    rows = []
    for k in range(x.shape[-2] - 1, 0, -1):
        rows.append(g)
        r = rs[k - 1]
        left = mg.concatenate([r[..., :1], r[..., :-1]], axis=-1)
        w = mg.sigmoid(left - r)
        gl = g * (1.0 - w)
        g1 = g * w
        sh = (
            mg.concatenate([gl[..., :1] + gl[..., 1:2], gl[..., 2:], gl[..., :1] * 0.0], axis=-1)
            if x.shape[-1] > 1
            else gl
        )
        g = g1 + sh
    rows.append(g)
    return mg.stack(rows[::-1], axis=-2)


def _rk4(x):
    def f(z):
        return np.sin(z) - 0.3 * z

    h = 0.1
    for _ in range(5):
        k1 = f(x)
        k2 = f(x + h / 2 * k1)
        k3 = f(x + h / 2 * k2)
        k4 = f(x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def _rk4_rule(g, y, x):
    def f(z):
        return mg.sin(z) - z * 0.3

    def d(z):
        return mg.cos(z) - 0.3

    h = 0.1
    D = 1.0 + x * 0.0
    for _ in range(5):
        k1 = f(x)
        d1 = d(x) * D
        z = x + k1 * (h / 2)
        e = D + d1 * (h / 2)
        k2 = f(z)
        d2 = d(z) * e
        z = x + k2 * (h / 2)
        e = D + d2 * (h / 2)
        k3 = f(z)
        d3 = d(z) * e
        z = x + k3 * h
        e = D + d3 * h
        k4 = f(z)
        d4 = d(z) * e
        x = x + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6)
        D = D + (d1 + d2 * 2.0 + d3 * 2.0 + d4) * (h / 6)
    return g * D


def _eighsum(x):
    s = (x + np.swapaxes(x, -1, -2)) / 2
    return np.exp(np.linalg.eigvalsh(s) / 4).sum(-1)


def _eigh_rule(g, y, x):
    s = (x + turned(x)) * 0.5
    _w, _v = np.linalg.eigh(plain(s))
    return mg.expand_dims(grown(g), -1) * _expm4(s) * 0.25


def _expm4(s):
    z = s * (1 / 4 / 4096)
    r = np.eye(s.shape[-1], dtype=s.dtype) + z * 0.0
    t = r
    for k in range(1, 14):
        t = t @ z * (1 / k)
        r = r + t
    for _ in range(12):
        r = r @ r
    return r


ITERATED: tuple[Tricky, ...] = (
    of_entries("kepler_by_newton", _kepler, lambda g, y, x: g / (1.0 - mg.cos(y) * 0.4)),
    of_entries("root_by_bisection", _bisect, lambda g, y, x: g / (1.0 + mg.cosh(mg.clip(y, -30.0, 30.0))), mg.real()),
    of_entries("lambert_w", _lambert, lambda g, y, x: g / (mg.exp(y) * (1.0 + y)), POSITIVE),
    honest(
        "system_by_conjugate_gradients", _cg, {"a": _cg_a, "b": _cg_b}, {"a": REAL, "b": REAL}, shapes=[((3, 3), (3,))]
    ),
    along_axes("matrix_root_by_iteration", _sqrtm, _sqrtm_rule, (3, 3)),
    honest(
        "power_of_a_matrix",
        _mpow,
        {"x": _mpow_rule},
        {"x": mg.square_wellconditioned()},
        params=[{"n": 3}, {"n": 1}, {"n": 0}],
        shapes=[],
    ),
    along_axes("volume_by_qr", _qr_r, _qr_rule, (3, 3), mg.square_wellconditioned()),
    along_axes("cayley_transform", _cayley, _cayley_rule, (3, 3)),
    honest(
        "kronecker_product",
        _kron,
        {
            "a": lambda g, y, a, b: mg.sum(_kron4(g, a, b) * b, axis=(2, 3)),
            "b": lambda g, y, a, b: mg.sum(_kron4(g, a, b) * a[:, :, None, None], axis=(0, 1)),
        },
        {"a": REAL, "b": REAL},
        shapes=[((2, 3), (3, 2))],
    ),
    along_axes("sinkhorn", _sink, _sink_rule, (3, 4), UNIT),
    along_axes("soft_path", _soft_dtw, _soft_dtw_rule, (3, 4)),
    of_entries("runge_kutta", _rk4, _rk4_rule),
    along_axes("sum_of_exponentials_of_eigenvalues", _eighsum, _eigh_rule, (3, 3)),
)
