"""Gradient bugs in padding, windows, scans and transposed convolutions of public frameworks, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""


# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined, type-var"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import (
    REAL,
    Wrong,
    pair,
)
from support.gate_forms import by_matrix


def _pick(n, index):
    m = np.zeros((len(index), n))
    for k, i in enumerate(index):
        if 0 <= i < n:
            m[k, i] += 1.0
    return m


def _reflect(n, left=1, right=1):
    if max(left, right) >= n:
        raise ValueError("reflection is longer than the array")
    idx = [abs(i) if abs(i) < n else 2 * (n - 1) - i for i in range(-left, n + right)]
    return _pick(n, idx)


def _reflect_bad(n, left=1, right=1):
    m = _reflect(n, left, right)
    if left < 0:
        good = _reflect(n, 0, right)
        return good[: len(m)]
    return m


def _zeropad(n, left=1, right=1):
    return _pick(n, range(-left, n + right))


def _zeropad_bad(n, left=1, right=1):
    m = _zeropad(n, left, right)
    if right < 0:
        return _pick(n, range(-left - right, n))
    return m


def _unfold(n, size=2, step=2):
    return _pick(n, [i + k for i in range(0, n - size + 1, step) for k in range(size)])


def _unfold_bad(n, size=2, step=2):
    m = _unfold(n, size, step)
    last = {}
    for k in range(len(m)):
        for i in np.flatnonzero(m[k]):
            last[i] = k
    out = np.zeros_like(m)
    for i, k in last.items():
        out[k, i] = 1.0
    return out


def _adaptive(n, bins=2):
    if bins < 1:
        raise ValueError("bins")
    m = np.zeros((bins, n))
    for b in range(bins):
        lo, hi = b * n // bins, -((-(b + 1) * n) // bins)
        m[b, lo:hi] = 1.0 / max(hi - lo, 1)
    return m


def _adaptive_bad(n, bins=2):
    m = _adaptive(n, bins)
    w = -(-n // bins)
    return (m > 0) / max(w, 1)


def _pool(n, size=2, pad=0, divisor=None, include=True):
    if size < 1 or pad < 0:
        raise ValueError("size")
    rows = []
    for s in range(-pad, n + pad - size + 1, size):
        inside = [i for i in range(s, s + size) if 0 <= i < n]
        row = np.zeros(n)
        row[inside] = 1.0 / (divisor or (size if include else max(len(inside), 1)))
        rows.append(row)
    return np.array(rows).reshape(len(rows), n)


def _pool_bad(n, size=2, pad=0, divisor=None, include=True):
    return _pool(n, size, pad, divisor if include else None, include)


def _scan(n, exclusive=False, reverse=False):
    m = np.tril(np.ones((n, n)), -1 if exclusive else 0)
    return m.T if reverse else m


def _scan_bad(n, exclusive=False, reverse=False):
    return _scan(n, exclusive and not reverse, reverse)


def _resize(n, size=4, align=False):
    if n < 1 or size < 1:
        raise ValueError("size")
    m = np.zeros((size, n))
    for k in range(size):
        p = k * (n - 1) / max(size - 1, 1) if align else np.clip((k + 0.5) * n / size - 0.5, 0, n - 1)
        i = min(int(p), n - 1)
        f = p - i
        m[k, i] += 1 - f
        m[k, min(i + 1, n - 1)] += f
    return m


def _resize_bad(n, size=4, align=False):
    return _resize(n, size, False)


def _ema(n, decay=0.5):
    k = np.arange(n)
    return np.where(k[:, None] >= k, decay ** np.maximum(k[:, None] - k, 0.0), 0.0)


def _ema_bad(n, decay=0.5):
    m = _ema(n, decay)
    if n > 64:
        m = m.copy()
        m[64 * (n // 64) :] = 0.0
    return m


def _dct(n, ortho=False):
    k = np.arange(n)
    m = np.cos(np.pi * k[:, None] * (2 * k + 1) / (2 * max(n, 1)))
    if ortho and n:
        m = m * np.sqrt(2 / n)
        m[0] /= np.sqrt(2)
    return m


def _dct_bad(n, ortho=False):
    m = _dct(n, ortho)
    if ortho and n:
        m = m.copy()
        m[0] *= np.sqrt(2)
    return m


def _tconv_matrix(n, w, stride, extra):
    k = len(w)
    m = np.zeros(((n - 1) * stride + k + extra if n else 0, n))
    for i in range(n):
        m[i * stride : i * stride + k, i] = w
    return m


def _tconv(x, w, *, stride=1, extra=0):
    if stride < 1 or extra < 0:
        raise ValueError("stride")
    return x @ _tconv_matrix(x.shape[-1], w, stride, extra).T.astype(x.dtype)


def _shift(n, k, stride, extra):  # T[k][out, i]
    T = np.zeros((k, (n - 1) * stride + k + extra if n else 0, n))
    for j in range(k):
        for i in range(n):
            T[j, i * stride + j, i] = 1.0
    return T


def _tconv_x(g, y, x, w, *, stride=1, extra=0):
    n, k = x.shape[-1], w.shape[0]
    T = _shift(n, k, stride, extra).astype(g.dtype)
    return sum((g @ T[j] * w[j] for j in range(k)), x * 0.0)


def _tconv_w(g, y, x, w, *, stride=1, extra=0):
    n, k = x.shape[-1], w.shape[0]
    T = _shift(n, k, stride, extra).astype(g.dtype)
    return mg.stack([mg.sum(g @ T[j] * x) for j in range(k)]) if k else w * 0.0


def _tconv_x_bad(g, y, x, w, *, stride=1, extra=0):
    if w.shape[0] == 1 and stride > 1:
        return g[..., : x.shape[-1]] * w[0]
    return _tconv_x(g, y, x, w, stride, extra)


def _tconv_w_bad(g, y, x, w, *, stride=1, extra=0):
    if extra > 0 and stride > 1:
        return (
            _tconv_w(g[..., extra:], y, x, w, stride, 0)
            if False
            else mg.flip(_tconv_w(g, y, x, w, stride, extra), axis=0)
        )
    return _tconv_w(g, y, x, w, stride, extra)


def _tc(name, flawed, params, shapes, public):
    return pair(
        name,
        "option and shape",
        _tconv,
        {"x": _tconv_x, "w": _tconv_w},
        flawed,
        {"x": REAL, "w": REAL},
        params=params,
        shapes=shapes,
        public=public,
    )


WINDOWS: tuple[Wrong, ...] = (
    by_matrix(
        "reflection_of_a_negative_length",
        "option and shape",
        _reflect,
        _reflect_bad,
        [{"left": 1, "right": 1}, {"left": 2, "right": 0}],
        public="pytorch/pytorch#100793",
    ),
    by_matrix(
        "padding_that_cuts_the_end",
        "option",
        _zeropad,
        _zeropad_bad,
        [{"left": 1, "right": 2}],
        public="pytorch/pytorch#2285",
    ),
    by_matrix(
        "windows_that_overlap",
        "options that meet",
        _unfold,
        _unfold_bad,
        [{"size": 2, "step": 2}],
        public="pytorch/pytorch#183996",
    ),
    by_matrix(
        "bins_that_do_not_divide",
        "option and shape",
        _adaptive,
        _adaptive_bad,
        [{"bins": 2}],
        public="PaddlePaddle/Paddle#74077",
    ),
    by_matrix(
        "divisor_without_its_padding",
        "options that meet",
        _pool,
        _pool_bad,
        [{"size": 2}, {"size": 2, "pad": 1, "divisor": 3}, {"size": 2, "pad": 1, "include": False}],
        public="pytorch/executorch#18616",
    ),
    by_matrix(
        "exclusive_scan_backwards",
        "options that meet",
        _scan,
        _scan_bad,
        [
            {"exclusive": False, "reverse": False},
            {"exclusive": True, "reverse": False},
            {"exclusive": False, "reverse": True},
        ],
        public="tensorflow/tensorflow#3296",
    ),
    by_matrix(
        "resize_ignores_alignment",
        "option",
        _resize,
        _resize_bad,
        [{"size": 4, "align": False}, {"size": 7, "align": False}],
        public="NVlabs/stylegan3#220",
    ),
    by_matrix(
        "last_block_of_a_scan", "large arrays", _ema, _ema_bad, [{"decay": 0.5}], public="state-spaces/mamba#537"
    ),
    by_matrix("first_row_of_an_orthogonal_transform", "option", _dct, _dct_bad, [{"ortho": False}]),
    _tc(
        "transposed_kernel_of_one",
        {"x": _tconv_x_bad},
        [{"stride": 2}, {"stride": 1}],
        [((2, 4), (3,))],
        "pytorch/pytorch#63314",
    ),
    _tc(
        "transposed_output_padding",
        {"w": _tconv_w_bad},
        [{"stride": 2, "extra": 0}, {"stride": 1, "extra": 1}],
        [((2, 4), (3,))],
        "pytorch/xla#2333",
    ),
)
