"""Catalog: convolution, pooling, normalisation, attention, losses. Oracles are loops or formulas of their own."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special
from support.ops_catalog import DTYPES, Call, Entry, array, seeds

import minigrad as mg


def naive_conv(x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Cross-correlation straight from its definition."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    groups = x.shape[1] // w.shape[1]
    size = [(x.shape[2 + a] - dilation[a] * (w.shape[2 + a] - 1) - 1) // stride[a] + 1 for a in range(n)]
    y = np.zeros((x.shape[0], w.shape[0], *size), dtype=np.result_type(x, w))
    for o in range(w.shape[0]):
        first = o // (w.shape[0] // groups) * w.shape[1]
        part = x[:, first : first + w.shape[1]]
        for at in product(*(range(k) for k in size)):
            key = tuple(
                slice(i * s, i * s + d * (k - 1) + 1, d) for i, s, d, k in zip(at, stride, dilation, w.shape[2:], strict=True)
            )
            y[(slice(None), o, *at)] = np.sum(part[(slice(None), slice(None), *key)] * w[o], axis=tuple(range(1, n + 2)))
    return y + bias.reshape(-1, *(1,) * n)


@st.composite
def _convolution(draw: st.DrawFn, n: int) -> Call:
    groups = draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 3)) for _ in range(n)]
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(n))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(n))
    stride = tuple(draw(st.integers(1, 2)) for _ in range(n))
    size = [max(d * (k - 1) + 1 - 2 * p, 1) + draw(st.integers(0, 3)) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    dtype = draw(st.sampled_from(DTYPES))
    return Call(
        (
            array(draw, (draw(st.integers(1, 2)), channels, *size), dtype=dtype),
            array(draw, (outputs, channels // groups, *kernel), dtype=dtype),
            array(draw, (outputs,), dtype=dtype),
        ),
        {"stride": stride, "padding": padding, "dilation": dilation},
    )


def _torch_conv(n: int) -> Any:
    def call(t: Any, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return getattr(t.nn.functional, f"conv{n}d")(x, w, b, groups=x.shape[1] // w.shape[1], **options)

    return call


@st.composite
def _transposed(draw: st.DrawFn) -> Call:
    kernel = [draw(st.integers(1, 3)) for _ in range(2)]
    return Call(
        (array(draw, (2, 2, 3, 2)), array(draw, (2, 1, *kernel)), array(draw, (2,))),
        {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 0)), "groups": 2},
    )


def _naive_transposed(x: Any, w: Any, bias: Any, stride: int, padding: int, groups: int) -> Any:
    rows, columns = ((n - 1) * stride + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True))
    y = np.zeros((x.shape[0], groups * w.shape[1], rows, columns))
    for c, i, j in product(range(x.shape[1]), range(x.shape[2]), range(x.shape[3])):
        patch = x[:, c, i, j][:, None, None] * w[c, 0]
        y[:, c, i * stride : i * stride + w.shape[2], j * stride : j * stride + w.shape[3]] += patch
    return y + bias[:, None, None]


@st.composite
def _images(draw: st.DrawFn, kind: str = "distinct") -> Call:
    size = (draw(st.integers(3, 5)), draw(st.integers(3, 5)))
    return Call((array(draw, (2, 2, *size), kind, draw(st.sampled_from(DTYPES))),))


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
        (a, b), (c, d) = (
            (k * n // m, -(-(k + 1) * n // m)) for k, n, m in zip((i, j), x.shape[2:], size, strict=True)
        )
        y[:, :, i, j] = how(x[:, :, a:b, c:d], axis=(2, 3))
    return y


@st.composite
def _features(draw: st.DrawFn) -> Call:
    x = array(draw, (3, 4, draw(st.integers(2, 3))), dtype=draw(st.sampled_from(DTYPES)))
    return Call((x, array(draw, (x.shape[-1],), dtype=x.dtype.type), array(draw, (x.shape[-1],), dtype=x.dtype.type)))


@st.composite
def _channels(draw: st.DrawFn) -> Call:
    x = array(draw, (3, 4, draw(st.integers(2, 3))), dtype=draw(st.sampled_from(DTYPES)))
    return Call((x, array(draw, (4,), dtype=x.dtype.type), array(draw, (4,), dtype=x.dtype.type)))


def _standard(x: Any, axis: Any, eps: float = 0.1) -> Any:
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + eps)


def _c(w: Any) -> Any:
    return w.reshape(-1, 1)


def _attention(q: Any, k: Any, v: Any) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return special.softmax(scores, -1).astype(q.dtype) @ v


@st.composite
def _qkv(draw: st.DrawFn) -> Call:
    n, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(DTYPES))
    return Call(tuple(array(draw, (2, n, width), dtype=dtype) for _ in range(3)))


@st.composite
def _classified(draw: st.DrawFn, kind: str = "real", high: int = 2) -> Call:
    lead = (draw(st.integers(1, 3)), 2)[: draw(st.integers(1, high))]
    scores = array(draw, (*lead, 4), kind, draw(st.sampled_from(DTYPES)))
    return Call((scores,), {}, (np.random.default_rng(draw(seeds)).integers(0, 4, lead),))


@st.composite
def _predicted(draw: st.DrawFn, first: str = "real", second: str = "real") -> Call:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dtype = draw(st.sampled_from(DTYPES))
    z = array(draw, shape, second, dtype)
    return Call((array(draw, shape, first, dtype), z if second != "distinct" else z + dtype(0.05)))


def _picked(x: Any, labels: Any) -> Any:
    return np.take_along_axis(x, labels[..., None], -1)[..., 0]


def _ce(x: Any, labels: Any) -> Any:
    return -np.mean(_picked(special.log_softmax(x, -1), labels))


def _t_loss(name: str, **more: Any) -> Any:
    return lambda t, x, z: getattr(t.nn.functional, name)(x, z, **more)


def _t_labels(name: str) -> Any:
    def call(t: Any, x: Any, labels: Any) -> Any:
        return getattr(t.nn.functional, name)(x.reshape(-1, x.shape[-1]), t.from_numpy(labels.ravel()))

    return call


def _huber(x: Any, z: Any) -> Any:
    d = np.abs(x - z)
    return np.mean(np.where(d <= 1, d * d / 2, d - 0.5))


def _hinge(x: Any, labels: Any) -> Any:
    over = np.maximum(x - _picked(x, labels)[..., None] + 0.95, 0)
    return np.mean(over.sum(-1) - 0.95)


ENTRIES = [
    *(
        Entry(f"conv{n}d", mg.conv, naive_conv, _convolution(n), _torch_conv(n))
        for n in (1, 2, 3)
    ),
    Entry("conv_transpose2d", mg.conv_transpose, _naive_transposed, _transposed(),
          lambda t, x, w, b, **o: t.nn.functional.conv_transpose2d(x, w, b, **o)),
    Entry("convolve", mg.convolve, np.convolve,
          st.builds(lambda s, m, n, mode: Call((np.random.default_rng(s).normal(size=m), np.random.default_rng(s + 1).normal(
              size=n)), {"mode": mode}), seeds, st.integers(1, 5), st.integers(1, 5), st.sampled_from(["full", "same", "valid"]))),
    Entry("max_pool2d", lambda x: mg.max_pool2d(x, 2, 1, 1), lambda x: _naive_pool(x, np.max, 2, 1, 1, -np.inf),
          _images(), lambda t, x: t.nn.functional.max_pool2d(x, 2, 1, 1)),
    Entry("avg_pool2d", lambda x: mg.avg_pool2d(x, 3, 2, 1), lambda x: _naive_pool(x, np.mean, 3, 2, 1, 0.0),
          _images(), lambda t, x: t.nn.functional.avg_pool2d(x, 3, 2, 1)),
    Entry("adaptive_avg_pool2d", lambda x: mg.adaptive_avg_pool2d(x, (2, 3)), lambda x: _naive_adaptive(x, np.mean, (2, 3)),
          _images(), lambda t, x: t.nn.functional.adaptive_avg_pool2d(x, (2, 3))),
    Entry("adaptive_max_pool2d", lambda x: mg.adaptive_max_pool2d(x, (2, 3)), lambda x: _naive_adaptive(x, np.max, (2, 3)),
          _images(), lambda t, x: t.nn.functional.adaptive_max_pool2d(x, (2, 3))),
    Entry("unfold", lambda x: mg.unfold(x, 2, 2, 1, 1), lambda x: np.stack(
        [np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])[:, :, i : i + x.shape[2] // 2 * 2 + 1 : 2, j : j + x.shape[3] // 2 * 2 + 1 : 2]
         for i in (0, 1) for j in (0, 1)], axis=2).reshape(2, 8, -1), _images(),
          lambda t, x: t.nn.functional.unfold(x, 2, 1, 1, 2)),
    Entry("fold", lambda x: mg.fold(mg.unfold(x, 2), x.shape[2:], 2), lambda x: x * np.outer(
        *(np.minimum(np.minimum(np.arange(n) + 1, n - np.arange(n)), 2) for n in x.shape[2:])).astype(x.dtype), _images()),
    Entry("sliding_window_view", lambda x: mg.sliding_window_view(x, (2, 3), axis=(2, 3)),
          lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(2, 3)), _images()),
    # Normalisation and attention
    Entry("layer_norm", lambda x, w, b: mg.layer_norm(x, None, w, b, 0.1), lambda x, w, b: _standard(x, -1) * w + b, _features(),
          lambda t, x, w, b: t.nn.functional.layer_norm(x, (x.shape[-1],), w, b, 0.1)),
    Entry("rms_norm", lambda x, w, b: mg.rms_norm(x, None, w, 1e-5) + b,
          lambda x, w, b: x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5) * w + b, _features(),
          lambda t, x, w, b: t.nn.functional.rms_norm(x, (x.shape[-1],), w, 1e-5) + b),
    Entry("batch_norm", lambda x, w, b: mg.batch_norm(x, w, b, 0.1), lambda x, w, b: _standard(x, (0, 2)) * _c(w) + _c(b), _channels(),
          lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, 0.1)),
    Entry("group_norm", lambda x, w, b: mg.group_norm(x, 2, w, b, 0.1),
          lambda x, w, b: _standard(x.reshape(3, 2, -1), -1).reshape(x.shape) * _c(w) + _c(b), _channels(),
          lambda t, x, w, b: t.nn.functional.group_norm(x, 2, w, b, 0.1)),
    Entry("instance_norm", lambda x, w, b: mg.instance_norm(x, w, b, 0.1), lambda x, w, b: _standard(x, -1) * _c(w) + _c(b), _channels(),
          lambda t, x, w, b: t.nn.functional.instance_norm(x, None, None, w, b, True, 0.1, 0.1)),
    Entry("scaled_dot_product_attention", lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, causal=True), _attention,
          _qkv(), lambda t, q, k, v: t.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)),
    Entry("glu", lambda q, k, v: mg.glu(mg.concatenate([q, k], axis=-1)) + v, lambda q, k, v: q * special.expit(k) + v, _qkv(),
          lambda t, q, k, v: t.nn.functional.glu(t.cat([q, k], -1)) + v),
    # Losses
    Entry("cross_entropy", mg.cross_entropy, _ce, _classified(), _t_labels("cross_entropy")),
    Entry("softmax_cross_entropy", mg.softmax_cross_entropy, lambda x, labels: -_picked(special.log_softmax(x, -1), labels),
          _classified()),
    Entry("negative_log_likelihood", mg.negative_log_likelihood, lambda x, labels: -np.mean(_picked(x, labels)), _classified(),
          _t_labels("nll_loss")),
    Entry("multiclass_hinge", lambda x, labels: mg.multiclass_hinge(x, labels, 0.95), _hinge, _classified("distinct")),
    Entry("focal_loss", lambda x, labels: mg.focal_loss(x, labels, 0.5, 2.0),
          lambda x, labels: -np.mean(0.5 * (1 - _picked(x, labels)) ** 2 * np.log(_picked(x, labels))),
          _classified("probability")),
    Entry("softmax_focal_loss", lambda x, labels: mg.softmax_focal_loss(x, labels, 0.5, 2.0),
          lambda x, labels: -np.mean(0.5 * (1 - _picked(special.softmax(x, -1), labels)) ** 2
                                     * _picked(special.log_softmax(x, -1), labels)), _classified()),
    Entry("mse_loss", mg.mse_loss, lambda x, z: np.mean((x - z) ** 2), _predicted(), _t_loss("mse_loss")),
    Entry("l1_loss", mg.l1_loss, lambda x, z: np.mean(np.abs(x - z)), _predicted("distinct", "distinct"), _t_loss("l1_loss")),
    Entry("huber_loss", mg.huber_loss, _huber, _predicted("distinct", "distinct"), _t_loss("huber_loss")),
    Entry("smooth_l1_loss", mg.smooth_l1_loss, _huber, _predicted("distinct", "distinct"), _t_loss("smooth_l1_loss")),
    Entry("binary_cross_entropy", mg.binary_cross_entropy, lambda x, z: -np.mean(z * np.log(x) + (1 - z) * np.log(1 - x)),
          _predicted("probability", "probability"), _t_loss("binary_cross_entropy")),
    Entry("binary_cross_entropy_with_logits", mg.binary_cross_entropy_with_logits,
          lambda x, z: np.mean(np.logaddexp(0, x) - x * z), _predicted("real", "probability"),
          _t_loss("binary_cross_entropy_with_logits")),
    Entry("kl_div", lambda x, z: mg.kl_div(x, z, "sum"), lambda x, z: np.sum(z * (np.log(z) - x)),
          _predicted("real", "probability"), _t_loss("kl_div", reduction="sum")),
    Entry("soft_margin_loss", mg.soft_margin_loss, lambda x, z: np.mean(np.log1p(np.exp(-x * z))), _predicted()),
    Entry("margin_ranking_loss", lambda x, z: mg.margin_ranking_loss(x, z, np.ones_like(x.data if hasattr(x, "data") and not
          isinstance(x, np.ndarray) else x), 0.012), lambda x, z: np.mean(np.maximum(0, 0.012 - (x - z))),
          _predicted("distinct", "distinct")),
    Entry("poisson_nll_loss", mg.poisson_nll_loss, lambda x, z: np.mean(np.exp(x) - z * x), _predicted(),
          _t_loss("poisson_nll_loss")),
    Entry("cosine_similarity", mg.cosine_similarity,
          lambda x, z: np.sum(x * z, -1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(z, axis=-1), _predicted(),
          _t_loss("cosine_similarity", dim=-1)),
]  # fmt: skip
