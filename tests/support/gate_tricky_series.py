"""Right ops that end a series, cancel, or join several formulas."""


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
    Tricky,
    honest,
    plain,
)
from support.gate_forms import along_axes, grown, of_entries, require_same_shape


def _near(x, small, f, series):
    c = np.abs(x) < small
    s = np.where(c, np.ones((), x.dtype), x)
    return np.where(c, series(x), f(s))


def _mnear(x, small, f, series):
    c = np.abs(plain(x)) < small
    s = mg.where(c, 1.0, x)
    return mg.where(c, series(x), f(s))


def _poly(*c):
    def f(x):
        r = c[-1] + x * 0.0
        for a in c[-2::-1]:
            r = r * x + a
        return r

    return f


def _bern_f(x):
    return _near(
        x, 0.03, lambda s: s / np.expm1(s), _poly(1, -1 / 2, 1 / 12, 0, -1 / 720, 0, 1 / 30240, 0, -1 / 1209600)
    )


def _bern_d(g, y, x):
    return g * _mnear(
        x,
        0.3,
        lambda s: (
            (mg.expm1(s) - s * mg.exp(s)) / mg.expm1(s) ** 2
            if False
            else 1.0 / mg.expm1(s) - s / (mg.expm1(s) * (1.0 - mg.exp(-s)))
        ),
        _poly(-1 / 2, 1 / 6, 0, -1 / 180, 0, 1 / 5040, 0, -1 / 151200, 0, 10 * 1 / 47900160),
    )


def _j0(x):
    t = np.ones_like(x)
    s = t.copy()
    q = -(x * x) / 4
    for k in range(1, 40):
        t = t * q / (k * k)
        s = s + t
    return s


def _j1(x):
    t = x / 2
    s = t
    q = -(x * x) * 0.25
    for k in range(1, 40):
        t = t * q * (1.0 / (k * (k + 1)))
        s = s + t
    return s


def _fftconv(a, b):
    n = a.shape[-1] + b.shape[-1] - 1
    return np.fft.irfft(np.fft.rfft(a, n) * np.fft.rfft(b, n), n).astype(np.result_type(a, b))


def _corr(g, b, n):
    m = b.shape[-1]
    return mg.stack([mg.sum(g[..., k : k + m] * b, axis=-1) for k in range(n)], axis=-1) if n else g[..., :0]


def _rot(x):
    t2 = (x * x).sum(-1, keepdims=True)
    c = t2 < 1e-4
    t = np.sqrt(np.where(c, 1, t2))
    s = np.where(c, 1 - t2 / 6 + t2 * t2 / 120, np.sin(t) / t)
    return x * s


def _rot_rule(g, y, x):
    t2 = mg.sum(x * x, axis=-1, keepdims=True)
    c = plain(t2) < 0.05
    q = mg.where(c, 1.0, t2)
    t = mg.sqrt(q)
    s = mg.where(c, 1.0 - t2 / 6 + t2 * t2 / 120 - t2**3 / 5040 + t2**4 / 362880 - t2**5 / 39916800, mg.sin(t) / t)
    d = mg.where(c, -1 / 3 + t2 / 30 - t2 * t2 / 840 + t2**3 / 45360 - t2**4 / 3991680, (mg.cos(t) - mg.sin(t) / t) / q)
    return g * s + x * d * mg.sum(g * x, axis=-1, keepdims=True)


def _kl(p, q):
    return np.where(
        p == 0.0, np.zeros((), p.dtype), p * (np.log(np.where(p == 0, np.ones((), p.dtype), p)) - np.log(q))
    )


def _lcse(x):
    return np.logaddexp.accumulate(x, axis=-1)


def _lcse_rule(g, y, x):
    n = x.shape[-1]
    m = np.tril(np.ones((n, n), x.dtype))
    d = mg.expand_dims(x, -2) - grown(y)
    return mg.sum(grown(g) * mg.exp(mg.where(m > 0, d, -1e4)) * m, axis=-2)


def _bary(x):
    n = np.linspace(-1, 1, 5).astype(x.dtype)
    f = np.cos(n * 3).astype(x.dtype)
    return sum(f[k] * np.prod([(x - n[j]) / (n[k] - n[j]) for j in range(5) if j != k], axis=0) for k in range(5))


def _bary_rule(g, y, x):
    n = np.linspace(-1, 1, 5)
    f = np.cos(n * 3)
    c = np.polyfit(n, f, 4)
    d = np.polyder(c).tolist()
    r = x * 0.0 + d[0]
    for a in d[1:]:
        r = r * x + a
    return g * r


def _gl(x):
    a, b = np.split(x, 2, -1)
    return a / (1 + np.exp(-b))


def _gl_rule(g, y, x):
    n = x.shape[-1] // 2
    a, b = x[..., :n], x[..., n:]
    s = mg.sigmoid(b)
    return mg.concatenate([g * s, g * a * s * (1.0 - s)], axis=-1)


def _lp(x):
    return (np.abs(x) ** 1.5).sum(-1) ** (1 / 1.5)


def _lp_rule(g, y, x):
    z = (plain(y) == 0).astype(x.dtype)
    return (
        grown(g)
        * np.sign(plain(x)).astype(x.dtype)
        * mg.sqrt(mg.abs(x) + (plain(x) == 0).astype(x.dtype))
        / grown(mg.sqrt(y + z))
    )


def _focal(x):
    return (1 - 1 / (1 + np.exp(-x))) ** 2 * np.logaddexp(0, -x).astype(x.dtype)


def _focal_rule(g, y, x):
    s = mg.sigmoid(-x)
    return g * (-2.0 * s * s * (1.0 - s) * mg.logaddexp(x * 0.0, -x) - s * s * s)


def _dice(a, b):
    require_same_shape(a, b)
    return 1 - 2 * (a * b).sum(-1) / ((a * a).sum(-1) + (b * b).sum(-1) + 1)


def _dice_rule(first):
    def rule(g, y, a, b):
        p, q = (a, b) if first else (b, a)
        n = mg.sum(a * b, axis=-1, keepdims=True)
        d = mg.sum(a * a, axis=-1, keepdims=True) + mg.sum(b * b, axis=-1, keepdims=True) + 1.0
        return grown(g) * (-2.0 * q / d + 4.0 * n * p / (d * d))

    return rule


def _lrn(x):
    n = x.shape[-1]
    m = (np.abs(np.arange(n)[:, None] - np.arange(n)) <= 1).astype(x.dtype)
    return x / (1 + 0.1 * (x * x) @ m) ** 0.75


def _lrn_rule(g, y, x):
    n = x.shape[-1]
    m = (np.abs(np.arange(n)[:, None] - np.arange(n)) <= 1).astype(x.dtype)
    d = 1.0 + (x * x) @ m * 0.1
    return g / d**0.75 - x * 0.15 * ((g * x / d**1.75) @ m)


def _tweedie(x):
    return x**0.5 / 0.5 + 1.7 * x**-0.5 / 0.5


def _group(x):
    s = x.shape
    z = x.reshape(*s[:-1], -1, 2) if s[-1] % 2 == 0 else None
    return np.sqrt((z * z).sum(-1) + 0.01)


def _group_rule(g, y, x):
    z = mg.reshape(x, (*x.shape[:-1], -1 if x.size else x.shape[-1] // 2, 2))
    return mg.reshape(grown(g / y) * z, x.shape)


def _cumvar(x):
    n = np.arange(1, x.shape[-1] + 1).astype(x.dtype)
    m = np.cumsum(x, -1) / n
    return np.cumsum(x * x, -1) / n - m * m


def _cumvar_rule(g, y, x):
    n = np.arange(1, x.shape[-1] + 1).astype(x.dtype)
    m = mg.cumsum(x, axis=-1) / n

    def r(z):
        return mg.flip(mg.cumsum(mg.flip(z, axis=-1), axis=-1), axis=-1)

    return 2.0 * (x * r(g / n) - r(g * m / n))


def _hyp(x):
    return np.log1p(x) / x


SERIES: tuple[Tricky, ...] = (
    of_entries("bernoulli_function", _bern_f, _bern_d),
    of_entries("bessel_by_its_series", _j0, lambda g, y, x: -g * _j1(x), mg.unit()),
    honest(
        "convolution_by_fourier",
        _fftconv,
        {"a": lambda g, y, a, b: _corr(g, b, a.shape[-1]), "b": lambda g, y, a, b: _corr(g, a, b.shape[-1])},
        {"a": REAL, "b": REAL},
        shapes=[((5,), (3,))],
    ),
    along_axes("rotation_vector", _rot, _rot_rule, (2, 3)),
    honest(
        "divergence_with_empty_bins",
        _kl,
        {"p": lambda g, y, p, q: g * (mg.log(p) - mg.log(q) + 1.0), "q": lambda g, y, p, q: -g * p / q},
        {"p": POSITIVE, "q": POSITIVE},
        elementwise=True,
    ),
    along_axes("running_logsumexp", _lcse, _lcse_rule),
    of_entries("barycentric_interpolation", _bary, _bary_rule, mg.unit()),
    along_axes("gated_halves", _gl, _gl_rule, (3, 4)),
    along_axes("norm_of_order_three_halves", _lp, _lp_rule, (3, 4)),
    of_entries("focal_loss", _focal, _focal_rule),
    honest(
        "dice_loss",
        _dice,
        {"a": _dice_rule(True), "b": _dice_rule(False)},
        {"a": REAL, "b": REAL},
        shapes=[((3, 4), (3, 4))],
    ),
    along_axes("local_response", _lrn, _lrn_rule),
    of_entries("tweedie_deviance", _tweedie, lambda g, y, x: g * (x**-0.5 - 1.7 * x**-1.5), POSITIVE),
    along_axes("norms_of_pairs", _group, _group_rule, (3, 4)),
    along_axes("running_variance", _cumvar, _cumvar_rule),
    of_entries("logarithm_by_its_argument", _hyp, lambda g, y, x: g * (1.0 / (x * (1.0 + x)) - y / x), POSITIVE),
    of_entries(
        "signed_square_root",
        lambda x: np.sign(x) * np.sqrt(np.abs(x)),
        lambda g, y, x: g * 0.5 / mg.sqrt(mg.abs(x)),
        NONZERO,
    ),
)
