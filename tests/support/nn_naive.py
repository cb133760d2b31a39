"""Layers as loops over single entries, in NumPy: slow, and plain enough to be believed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from minigrad.typing import Array

Pair = tuple[int, int]


def convolved(x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Cross-correlation of (N, C, H, W) with (O, C / groups, h, w)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    places = [(x.shape[2 + a] - dilation[a] * (w.shape[2 + a] - 1) - 1) // stride[a] + 1 for a in (0, 1)]
    y = np.zeros((len(x), len(w), *places))
    per = len(w) // groups
    for n, o, i, j in np.ndindex(*y.shape):
        for c, p, q in np.ndindex(*w.shape[1:]):
            channel = (o // per) * w.shape[1] + c
            y[n, o, i, j] += (
                w[o, c, p, q] * x[n, channel, i * stride[0] + p * dilation[0], j * stride[1] + q * dilation[1]]
            )
        y[n, o, i, j] += 0.0 if b is None else b[o]
    return y


def spread(x: Array, w: Array, b: Array, stride: Pair, padding: Pair, extra: Pair, groups: int) -> Array:
    """Transposed convolution of (N, C, H, W) with (C, O / groups, h, w): every entry adds its kernel."""
    size = [(x.shape[2 + a] - 1) * stride[a] + w.shape[2 + a] + extra[a] for a in (0, 1)]
    y = np.zeros((len(x), w.shape[1] * groups, *size))
    per = len(w) // groups
    for n, c, i, j in np.ndindex(*x.shape):
        for o, p, q in np.ndindex(*w.shape[1:]):
            y[n, (c // per) * w.shape[1] + o, i * stride[0] + p, j * stride[1] + q] += x[n, c, i, j] * w[c, o, p, q]
    y = y[:, :, padding[0] : size[0] - padding[0], padding[1] : size[1] - padding[1]]
    return y + b[:, None, None]


def pooled(x: Array, kernel: Pair, stride: Pair, padding: Pair, fill: float, of: Callable[[Array], float]) -> Array:
    """`of` each window of (N, C, H, W), padded with `fill`."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=fill)
    places = [(x.shape[2 + a] - kernel[a]) // stride[a] + 1 for a in (0, 1)]
    y = np.zeros((*x.shape[:2], *places))
    for n, c, i, j in np.ndindex(*y.shape):
        top, left = i * stride[0], j * stride[1]
        y[n, c, i, j] = of(x[n, c, top : top + kernel[0], left : left + kernel[1]])
    return y


def binned(x: Array, output: Pair, of: Callable[[Array], float]) -> Array:
    """`of` each bin of (N, C, H, W): bin k of n covers floor(k size / n) to ceil((k + 1) size / n)."""
    y = np.zeros((*x.shape[:2], *output))
    for n, c, i, j in np.ndindex(*y.shape):
        rows, columns = (
            slice(k * s // m, -((-(k + 1) * s) // m))
            for k, s, m in ((i, x.shape[2], output[0]), (j, x.shape[3], output[1]))
        )
        y[n, c, i, j] = of(x[n, c, rows, columns])
    return y


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-x))


def lstm(x: Array, w: Array, r: Array, b: Array, h: Array, c: Array) -> tuple[Array, Array, Array]:
    """Outputs, last h and last c of x (N, time, inputs)."""
    u, found = h.shape[1], []
    for t in range(x.shape[1]):
        a = [
            x[:, t] @ w[:, k * u : (k + 1) * u] + h @ r[:, k * u : (k + 1) * u] + b[k * u : (k + 1) * u]
            for k in range(4)
        ]
        c = sigmoid(a[1]) * c + sigmoid(a[0]) * np.tanh(a[2])
        h = sigmoid(a[3]) * np.tanh(c)
        found.append(h)
    return np.stack(found, 1), h, c


def gru(x: Array, w: Array, r: Array, b: Array, last: Array, h: Array) -> Array:
    """Outputs of x (N, time, inputs); `last` is the bias inside the reset gate."""
    u, found = h.shape[1], []
    for t in range(x.shape[1]):
        a = [x[:, t] @ w[:, k * u : (k + 1) * u] + b[k * u : (k + 1) * u] for k in range(3)]
        s = [h @ r[:, k * u : (k + 1) * u] for k in range(3)]
        reset, update = sigmoid(a[0] + s[0]), sigmoid(a[1] + s[1])
        h = (1 - update) * np.tanh(a[2] + reset * (s[2] + last)) + update * h
        found.append(h)
    return np.stack(found, 1)


def attention(x: Array, w: Array, b: Array, out: Array, shift: Array, heads: int, causal: bool) -> Array:
    """Self-attention of x (N, time, width), one head, target and source at a time."""
    rows, time, width = x.shape
    part = width // heads
    seen = np.zeros_like(x)
    for n, head in product(range(rows), range(heads)):
        at = slice(head * part, (head + 1) * part)
        q, k, v = (x[n] @ w[:, m * width : (m + 1) * width] + b[m * width : (m + 1) * width] for m in range(3))
        for t in range(time):
            sources = range(t + 1 if causal else time)
            weights = np.exp([q[t, at] @ k[s, at] / np.sqrt(part) for s in sources])
            seen[n, t, at] = sum(weights[s] * v[s, at] for s in sources) / weights.sum()
    return seen @ out + shift
