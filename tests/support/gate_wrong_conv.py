"""Wrong rules of convolution, pooling, resampling and attention-like ops."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array, IndexArray, V
from support.gate_case import DISTINCT, INVALID, MISMATCH, REAL, either, made, plain, wrong

SHAPES = [((2, 7), (3,))]


def _taps(n: int, k: int, stride: int, dilation: int) -> list[slice]:
    """For each tap of the kernel, the entries of the signal it meets."""
    count = (n - (k - 1) * dilation - 1) // stride + 1
    return [slice(j * dilation, j * dilation + (count - 1) * stride + 1, stride) for j in range(k)]


def correlate(x: Array, w: Array, *, stride: int = 1, dilation: int = 1) -> Array:
    """Valid cross-correlation along the last axis with a 1-d kernel."""
    parts = [x[..., s] * w[j] for j, s in enumerate(_taps(x.shape[-1], w.shape[0], stride, dilation))]
    return sum(parts[1:], parts[0])


def _back_x(g: V, x: V, w: V, stride: int, dilation: int, flipped: bool = False) -> V:
    k = w.shape[0]
    parts = [
        scatter(g * w[k - 1 - j if flipped else j], key=(Ellipsis, s), shape=x.shape)
        for j, s in enumerate(_taps(x.shape[-1], k, stride, dilation))
    ]
    return sum(parts[1:], parts[0])


def _back_w(g: V, x: V, w: V, stride: int, dilation: int, batch: bool = True) -> V:
    found = [g * x[..., s] for s in _taps(x.shape[-1], w.shape[0], stride, dilation)]
    return mg.stack([mg.sum(f) if batch else mg.sum(f[0]) for f in found])


def _conv(left, right, params=({},), shapes=SHAPES) -> Op:
    return made(correlate, {"x": left, "w": right}, {"x": REAL, "w": REAL}, shapes=shapes, params=params)


@wrong("kernel not flipped", MISMATCH)
def convolution_kernel_flip(flaw: bool) -> Op:
    def left(g, y, x, w, *, stride, dilation):
        return _back_x(g, x, w, stride, dilation, flipped=flaw)

    return _conv(left, lambda g, y, x, w, *, stride, dilation: _back_w(g, x, w, stride, dilation))


@wrong("batch only", MISMATCH)
def convolution_kernel_first_sample(flaw: bool) -> Op:
    def right(g, y, x, w, *, stride, dilation):
        return _back_w(g, x, w, stride, dilation, batch=not flaw)

    return _conv(lambda g, y, x, w, *, stride, dilation: _back_x(g, x, w, stride, dilation), right)


@wrong("metadata", MISMATCH)
def convolution_stride_ignored_for_kernel(flaw: bool) -> Op:
    def right(g, y, x, w, *, stride, dilation):
        if flaw and stride > 1:
            return mg.stack([mg.sum(g * x[..., j : j + g.shape[-1]]) for j in range(w.shape[0])])
        return _back_w(g, x, w, stride, dilation)

    left = lambda g, y, x, w, *, stride, dilation: _back_x(g, x, w, stride, dilation)  # noqa: E731
    return _conv(left, right, params=[{}, {"stride": 2}])


@wrong("metadata", MISMATCH)
def convolution_dilation_ignored_for_signal(flaw: bool) -> Op:
    def left(g, y, x, w, *, stride, dilation):
        return _back_x(g, x, w, stride, 1 if flaw else dilation) if not flaw or dilation == 1 else _short(g, x, w)

    def _short(g, x, w):
        parts = [scatter(g * w[j], key=(Ellipsis, slice(j, j + g.shape[-1])), shape=x.shape) for j in range(3)]
        return parts[0] + parts[1] + parts[2]

    right = lambda g, y, x, w, *, stride, dilation: _back_w(g, x, w, stride, dilation)  # noqa: E731
    return _conv(left, right, params=[{}, {"dilation": 2}])


@wrong("boundary", MISMATCH)
def convolution_right_boundary(flaw: bool) -> Op:
    def left(g, y, x, w, *, stride, dilation):
        found = _back_x(g, x, w, stride, dilation)
        edge = np.ones(x.shape, dtype=x.dtype)
        edge[..., -1] = 0.0 if flaw else 1.0
        return found * edge

    return _conv(left, lambda g, y, x, w, *, stride, dilation: _back_w(g, x, w, stride, dilation))


@wrong("second argument only", MISMATCH)
def convolution_kernel_averaged(flaw: bool) -> Op:
    def right(g, y, x, w, *, stride, dilation):
        return _back_w(g, x, w, stride, dilation) / float(x.shape[0] if flaw else 1)

    return _conv(lambda g, y, x, w, *, stride, dilation: _back_x(g, x, w, stride, dilation), right)


@wrong("even size only", MISMATCH)
def same_padding_even_kernel(flaw: bool) -> Op:
    """'same' padding is lopsided for a kernel of even length; the rule splits it evenly the other way."""

    def forward(x: Array, w: Array) -> Array:
        k = w.shape[0]
        padded = np.pad(x, [(0, 0), ((k - 1) // 2, k // 2)])
        return correlate(padded, w)

    def left(g, y, x, w):
        k, n = w.shape[0], x.shape[-1]
        start = k // 2 if flaw else (k - 1) // 2
        full = _back_x(g, np.zeros((x.shape[0], n + k - 1), dtype=x.dtype), w, 1, 1)
        return full[:, start : start + n]

    def right(g, y, x, w):
        k = w.shape[0]
        shape = (x.shape[0], x.shape[1] + k - 1)
        inner = slice((k - 1) // 2, (k - 1) // 2 + x.shape[1])
        return _back_w(g, scatter(x, key=(slice(None), inner), shape=shape), w, 1, 1)

    return made(forward, {"x": left, "w": right}, {"x": REAL, "w": REAL}, shapes=[((2, 5), (3,)), ((2, 5), (4,))])


@wrong("kernel not flipped", MISMATCH)
def convolution_2d_transposed_kernel(flaw: bool) -> Op:
    def forward(x: Array, w: Array) -> Array:
        h, v = x.shape[0] - 1, x.shape[1] - 1
        return sum(
            (x[i : i + h, j : j + v] * w[i, j] for i in range(2) for j in range(2)), np.zeros((h, v), dtype=x.dtype)
        )

    def left(g, y, x, w):
        h, v = g.shape
        parts = [
            scatter(g * (w[j, i] if flaw else w[i, j]), key=(slice(i, i + h), slice(j, j + v)), shape=x.shape)
            for i in range(2)
            for j in range(2)
        ]
        return parts[0] + parts[1] + parts[2] + parts[3]

    def right(g, y, x, w):
        h, v = g.shape
        rows = [mg.stack([mg.sum(g * x[i : i + h, j : j + v]) for j in range(2)]) for i in range(2)]
        return mg.stack(rows)

    return made(forward, {"x": left, "w": right}, {"x": REAL, "w": REAL}, shapes=[((4, 5), (2, 2))])


def _max_pool(x: Array, *, size: int = 2, stride: int = 2) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=-1)[..., ::stride, :]
    return np.asarray(windows.max(axis=-1))


def _pool_key(x: V, size: int, stride: int) -> tuple[IndexArray, IndexArray]:
    rows = np.arange(x.shape[0])[:, None]
    windows = np.lib.stride_tricks.sliding_window_view(plain(x), size, axis=-1)[..., ::stride, :]
    return rows, np.argmax(windows, axis=-1) + np.arange(windows.shape[1]) * stride


@wrong("every entry", MISMATCH)
def max_pool_to_whole_window(flaw: bool) -> Op:
    def rule(g, y, x, *, size, stride):
        if flaw:
            parts = [
                scatter(g, key=(slice(None), slice(j, j + (g.shape[1] - 1) * stride + 1, stride)), shape=x.shape)
                for j in range(size)
            ]
            return sum(parts[1:], parts[0])
        return scatter(g, key=_pool_key(x, size, stride), shape=x.shape)

    return made(_max_pool, {"x": rule}, {"x": DISTINCT}, shapes=[((2, 6),)])


@wrong("repeated entries", MISMATCH)
def max_pool_overlap_overwrites(flaw: bool) -> Op:
    """Windows overlap, so one entry may win twice: its gradients must add up."""

    def rule(g, y, x, *, size, stride):
        key = _pool_key(x, size, stride)
        if flaw and isinstance(g, np.ndarray):
            found = np.zeros_like(x)
            found[key] = g
            return found
        return scatter(g, key=key, shape=x.shape)

    return made(_max_pool, {"x": rule}, {"x": DISTINCT}, shapes=[((2, 8),)], params=[{"size": 3, "stride": 1}])


@wrong("wrong entry", MISMATCH)
def max_pool_stride_assumed_size(flaw: bool) -> Op:
    def rule(g, y, x, *, size, stride):
        rows, columns = _pool_key(x, size, stride)
        if flaw:
            columns = np.minimum(columns + np.arange(columns.shape[1]) * (size - stride), x.shape[1] - 1)
        return scatter(g, key=(rows, columns), shape=x.shape)

    params = [{"size": 2, "stride": 2}, {"size": 3, "stride": 2}]
    return made(_max_pool, {"x": rule}, {"x": DISTINCT}, shapes=[((2, 7),)], params=params)


@wrong("factor", MISMATCH)
def average_pool_undivided(flaw: bool) -> Op:
    def rule(g, y, x):
        spread = mg.broadcast_to(mg.expand_dims(g, -1), (*g.shape, 2))
        return mg.reshape(spread, x.shape) * (1.0 if flaw else 0.5)

    return made(lambda x: x.reshape(2, 3, 2).mean(axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 6),)], linear=True)


@wrong("boundary", MISMATCH)
def average_pool_counts_padding(flaw: bool) -> Op:
    """Windows at the border hold fewer entries; the rule divides by the full size."""

    counts = np.array([2.0, 3.0, 3.0, 2.0])

    def forward(x: Array) -> Array:
        padded = np.pad(x, [(0, 0), (1, 1)])
        return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / counts.astype(x.dtype)

    def rule(g, y, x):
        share = g / (3.0 if flaw else counts.astype(x.dtype))
        zero = share[:, :1] * 0.0
        right = mg.concatenate([share[:, 1:], zero], axis=1)
        left = mg.concatenate([zero, share[:, :-1]], axis=1)
        return share + left + right

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 4),)], linear=True)


@wrong("interpolation", MISMATCH)
def upsample_linear_as_nearest(flaw: bool) -> Op:
    """Midpoints are averages of their neighbours; the rule gives them to the left one."""

    def forward(x: Array) -> Array:
        y = np.empty((x.shape[0], 2 * x.shape[1] - 1), dtype=x.dtype)
        y[:, ::2] = x
        y[:, 1::2] = 0.5 * (x[:, 1:] + x[:, :-1])
        return y

    def rule(g, y, x):
        between = g[:, 1::2]
        zero = between[:, :1] * 0.0
        left = mg.concatenate([between, zero], axis=1)
        right = mg.concatenate([zero, between], axis=1)
        return g[:, ::2] + (left if flaw else (left + right) * 0.5)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 4),)], linear=True)


@wrong("wrong part", MISMATCH)
def pixel_shuffle_axes(flaw: bool) -> Op:
    def rule(g, y, x):
        split = mg.reshape(g, (2, 2, 2, 2))
        return mg.reshape(mg.transpose(split, (3, 1, 0, 2) if flaw else (1, 3, 0, 2)), x.shape)

    def forward(x: Array) -> Array:
        return x.reshape(2, 2, 2, 2).transpose(2, 0, 3, 1).reshape(4, 4)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((4, 2, 2),)], linear=True)


@wrong("factor", MISMATCH)
def attention_scale_forgotten(flaw: bool) -> Op:
    def forward(q: Array, k: Array) -> Array:
        s = q @ k.T * 0.5
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def scores(g, y):
        return y * (g - mg.sum(g * y, axis=-1, keepdims=True))

    def right(g, y, q, k):
        return mg.matmul(mg.transpose(scores(g, y)), q) * (1.0 if flaw else 0.5)

    return made(
        forward, {"q": lambda g, y, q, k: mg.matmul(scores(g, y), k) * 0.5, "k": right},
        {"q": mg.unit(), "k": mg.unit()}, shapes=[((3, 4), (5, 4))],
    )  # fmt: skip


@wrong("mask", MISMATCH)
def causal_mask_leaks(flaw: bool) -> Op:
    """Masked scores have probability 0 in the forward function; the rule masks the upper triangle of the transpose."""

    def forward(x: Array) -> Array:
        s = np.where(np.tri(4, dtype=bool), x, -1e9)
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        return (e / e.sum(axis=-1, keepdims=True)).astype(x.dtype)

    def rule(g, y, x):
        keep = either(np.tri(4, dtype=bool).T if flaw else np.tri(4, dtype=bool), 1.0, 0.0, x)
        return y * (g - mg.sum(g * y, axis=-1, keepdims=True)) * keep

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((4, 4),)])


@wrong("shape only", INVALID)
def convolution_gradient_of_valid_length(flaw: bool) -> Op:
    def left(g, y, x, w, *, stride, dilation):
        return g if flaw else _back_x(g, x, w, stride, dilation)

    return _conv(
        left, lambda g, y, x, w, *, stride, dilation: _back_w(g, x, w, stride, dilation), shapes=[((1, 7), (3,))]
    )
