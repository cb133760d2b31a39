"""Catalog: convolution and pooling. Oracles are loops straight from the definition."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

import minigrad as mg
from support.ops_catalog import Entry
from support.ops_draw import DTYPES, Call, Draw, cases


def naive_conv(x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Cross-correlation straight from its definition."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    groups = x.shape[1] // w.shape[1]
    size = [(x.shape[2 + a] - dilation[a] * (w.shape[2 + a] - 1) - 1) // stride[a] + 1 for a in range(n)]
    y: Any = np.zeros((x.shape[0], w.shape[0], *size), dtype=np.result_type(x, w))
    for o in range(w.shape[0]):
        first = o // (w.shape[0] // groups) * w.shape[1]
        part: Any = x[:, first : first + w.shape[1]]
        for at in product(*(range(k) for k in size)):
            key: Any = tuple(
                slice(i * s, i * s + d * (k - 1) + 1, d)
                for i, s, d, k in zip(at, stride, dilation, w.shape[2:], strict=True)
            )
            y[(slice(None), o, *at)] = np.sum(
                part[(slice(None), slice(None), *key)] * w[o], axis=tuple(range(1, n + 2))
            )
    return y + bias.reshape(-1, *(1,) * n)


@cases
def _convolution(draw: Draw, n: int) -> Call:
    groups = draw.between(1, 2)
    kernel = [draw.between(1, 3) for _ in range(n)]
    dilation = tuple(draw.between(1, 2) for _ in range(n))
    padding = tuple(draw.between(0, 2) for _ in range(n))
    stride = tuple(draw.between(1, 2) for _ in range(n))
    size = [
        max(d * (k - 1) + 1 - 2 * p, 1) + draw.between(0, 3) for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    channels, outputs = groups * draw.between(1, 2), groups * draw.between(1, 2)
    dtype = draw.among(DTYPES)
    return Call(
        (
            draw.array((draw.between(1, 2), channels, *size), dtype=dtype),
            draw.array((outputs, channels // groups, *kernel), dtype=dtype),
            draw.array((outputs,), dtype=dtype),
        ),
        {"stride": stride, "padding": padding, "dilation": dilation},
    )


def _torch_conv(n: int) -> Any:
    def call(t: Any, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return getattr(t.nn.functional, f"conv{n}d")(x, w, b, groups=x.shape[1] // w.shape[1], **options)

    return call


@cases
def _transposed(draw: Draw) -> Call:
    kernel = [draw.between(1, 3) for _ in range(2)]
    return Call(
        (draw.array((2, 2, 3, 2)), draw.array((2, 1, *kernel)), draw.array((2,))),
        {"stride": draw.between(1, 2), "padding": draw.between(0, 0), "groups": 2},
    )


@cases
def _signals(draw: Draw) -> Call:
    signals = (draw.array((draw.between(1, 5),)), draw.array((draw.between(1, 5),)))
    return Call(signals, {"mode": draw.among(["full", "same", "valid"])})


def _naive_transposed(x: Any, w: Any, bias: Any, stride: int, padding: int, groups: int) -> Any:
    rows, columns = ((n - 1) * stride + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True))
    y = np.zeros((x.shape[0], groups * w.shape[1], rows, columns))
    for c, i, j in product(range(x.shape[1]), range(x.shape[2]), range(x.shape[3])):
        patch = x[:, c, i, j][:, None, None] * w[c, 0]
        y[:, c, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]] += patch
    return y + bias[:, None, None]


@cases
def _images(draw: Draw, kind: str = "distinct") -> Call:
    size = (draw.between(3, 5), draw.between(3, 5))
    return Call((draw.array((2, 2, *size), kind, draw.among(DTYPES)),))


def _naive_pool(x: Any, how: Any, kernel: int, stride: int, padding: int, fill: float) -> Any:
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    rows, columns = ((n - kernel) // stride + 1 for n in x.shape[2:])
    y = np.empty((*x.shape[:2], rows, columns), dtype=x.dtype)
    for i, j in product(range(rows), range(columns)):
        y[:, :, i, j] = how(x[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel], axis=(2, 3))
    return y


def _naive_adaptive(x: Any, how: Any, size: tuple[int, int]) -> Any:
    y = np.empty((*x.shape[:2], *size), dtype=x.dtype)
    for i, j in product(range(size[0]), range(size[1])):
        (a, b), (c, d) = ((k * n // m, -(-(k + 1) * n // m)) for k, n, m in zip((i, j), x.shape[2:], size, strict=True))
        y[:, :, i, j] = how(x[:, :, a:b, c:d], axis=(2, 3))
    return y


ENTRIES = [
    *(Entry(f"conv{n}d", mg.conv, naive_conv, _convolution(n), _torch_conv(n)) for n in (1, 2, 3)),
    Entry(
        "conv_transpose2d",
        mg.conv_transpose,
        _naive_transposed,
        _transposed(),
        lambda t, x, w, b, **o: t.nn.functional.conv_transpose2d(x, w, b, **o),
    ),
    Entry(
        "convolve",
        mg.convolve,
        np.convolve,
        _signals(),
    ),
    Entry(
        "max_pool2d",
        lambda x: mg.max_pool2d(x, 2, 1, 1),
        lambda x: _naive_pool(x, np.max, 2, 1, 1, -np.inf),
        _images(),
        lambda t, x: t.nn.functional.max_pool2d(x, 2, 1, 1),
    ),
    Entry(
        "avg_pool2d",
        lambda x: mg.avg_pool2d(x, 3, 2, 1),
        lambda x: _naive_pool(x, np.mean, 3, 2, 1, 0.0),
        _images(),
        lambda t, x: t.nn.functional.avg_pool2d(x, 3, 2, 1),
    ),
    Entry(
        "adaptive_avg_pool2d",
        lambda x: mg.adaptive_avg_pool2d(x, (2, 3)),
        lambda x: _naive_adaptive(x, np.mean, (2, 3)),
        _images(),
        lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (2, 3)),
    ),
    Entry(
        "adaptive_max_pool2d",
        lambda x: mg.adaptive_max_pool2d(x, (2, 3)),
        lambda x: _naive_adaptive(x, np.max, (2, 3)),
        _images(),
        lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (2, 3)),
    ),
    Entry(
        "unfold",
        lambda x: mg.unfold(x, 2, 2, 1, 1),
        lambda x: np.stack(
            [
                np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])[
                    :, :, i : i + x.shape[2] // 2 * 2 + 1 : 2, j : j + x.shape[3] // 2 * 2 + 1 : 2
                ]
                for i in (0, 1)
                for j in (0, 1)
            ],
            axis=2,
        ).reshape(2, 8, -1),
        _images(),
        lambda t, x: t.nn.functional.unfold(x, 2, 1, 1, 2),
    ),
    Entry(
        "fold",
        lambda x: mg.fold(mg.unfold(x, 2), x.shape[2:], 2),
        lambda x: (
            x
            * np.outer(*(np.minimum(np.minimum(np.arange(n) + 1, n - np.arange(n)), 2) for n in x.shape[2:])).astype(
                x.dtype
            )
        ),
        _images(),
    ),
    Entry(
        "sliding_window_view",
        lambda x: mg.sliding_window_view(x, (2, 3), axis=(2, 3)),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(2, 3)),
        _images(),
    ),
]
