"""Gradient bugs of public frameworks in indexing, moving, convolution and pooling, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.ops.index import scatter
from support.gate_case import DISTINCT, REAL, Wrong, array, pair, plain

_INDEX = mg.integer_index(3)


def _outputs(n, k, stride, dilation=1):
    return (n - (k - 1) * dilation - 1) // stride + 1


def _window(i, count, stride, dilation=1):
    return slice(i * dilation, i * dilation + (count - 1) * stride + 1, stride)


def _correlate(x, k, *, stride=1, dilation=1):
    size = k.shape[0]
    n = _outputs(x.shape[-1], size, stride, dilation) if size and stride > 0 and dilation > 0 else 0
    if n < 1 or size > 20:
        raise ValueError("too short")
    return sum(x[..., _window(i, n, stride, dilation)] * k[i] for i in range(size))


def _to_input(g, y, x, k, *, stride, dilation):
    n = g.shape[-1]
    parts = (
        scatter(g * k[i], key=(Ellipsis, _window(i, n, stride, dilation)), shape=x.shape) for i in range(k.shape[0])
    )
    return sum(parts)


def _to_kernel(g, y, x, k, *, stride, dilation):
    n = g.shape[-1]
    return mg.stack([mg.sum(g * x[..., _window(i, n, stride, dilation)]) for i in range(k.shape[0])])


def _swapped(rule):
    """Stride and dilation change places, where that fits."""

    def swapped(g, y, x, k, *, stride, dilation):
        fits = (g.shape[-1] - 1) * dilation + (k.shape[0] - 1) * stride < x.shape[-1]
        return rule(g, y, x, k, stride=dilation if fits else stride, dilation=stride if fits else dilation)

    return swapped


def _at_the_end(g, y, x, k, *, stride, dilation):
    """Windows counted from the end: right where none is left over."""
    n = g.shape[-1]
    over = x.shape[-1] - ((n - 1) * stride + (k.shape[0] - 1) * dilation + 1)
    moved = x[..., over:]
    return _to_kernel(g, y, moved, k, stride=stride, dilation=dilation)


def _corr(name, kind, flawed, public, params=({"stride": 1, "dilation": 1}, {"stride": 2, "dilation": 1})):
    return pair(
        name, kind, _correlate, {"x": _to_input, "k": _to_kernel}, flawed, {"x": REAL, "k": REAL}, params=params,
        shapes=[((2, 9), (3,))], public=public,
    )  # fmt: skip


def _pool(x, *, size, stride):
    """Means over windows, the last of which may be cut off."""
    length = x.shape[-1]
    if size < 1 or stride < 1 or length < 1 or length > 60 or stride > size:
        raise ValueError("no windows")
    return np.stack([x[..., i : i + size].mean(axis=-1) for i in range(0, length, stride)], axis=-1)


def _pool_rule(g, x, size, stride, clipped):
    total = x * 0.0
    for j, i in enumerate(range(0, x.shape[-1], stride)):
        n = min(size, x.shape[-1] - i)
        piece = mg.expand_dims(g[..., j], -1) / float(n if clipped else size)
        total = total + scatter(
            mg.broadcast_to(piece, (*x.shape[:-1], n)), key=(Ellipsis, slice(i, i + n)), shape=x.shape
        )
    return total


def _pooling(name, kind, flawed, public):
    return pair(
        name, kind, _pool, {"x": lambda g, y, x, *, size, stride: _pool_rule(g, x, size, stride, True)}, {"x": flawed},
        {"x": REAL}, params=[{"size": 2, "stride": 2}], shapes=[((2, 6),)], public=public,
    )  # fmt: skip


def _take(x, i):
    return np.take(x, i, axis=0)


def _added(g, i, shape):
    return scatter(g, key=np.asarray(plain(i)), shape=shape)


def _overwritten(g, i, shape, first=False):
    """The last (or first) of several gradients for one row, in place of their sum."""
    index = plain(i).ravel()
    rows = [mg.reshape(g, (index.size, *shape[1:]))[k] for k in range(index.size)]
    places = {int(n): k for k, n in (reversed(list(enumerate(index))) if first else enumerate(index))}
    nothing = rows[0] * 0.0 if rows else np.zeros(shape[1:])
    return mg.stack([rows[places[n]] if n in places else nothing for n in range(shape[0])])


def _gather(name, kind, flawed, public):
    return pair(
        name, kind, _take, {"x": lambda g, y, x, i: _added(g, i, x.shape)}, {"x": flawed}, {"x": REAL, "i": _INDEX},
        shapes=[((3, 2), (5,))], public=public,
    )  # fmt: skip


def _put(x, v, i):
    y = x.copy()
    y[i] = v
    return y


def _is_last(i):
    """Which of several values for a row is the one that stays."""
    index = plain(i)
    return np.array([k == max(np.flatnonzero(index == n)) for k, n in enumerate(index)])


def _kept(x, i):
    mask = np.ones(x.shape, x.dtype)
    mask[plain(i)] = 0.0
    return mask


def _diagonal(x, v):
    if x.ndim != 2 or x.shape[0] != x.shape[1]:
        raise ValueError("a square matrix")
    y = x.copy()
    np.fill_diagonal(y, v)
    return y


INDEXING: tuple[Wrong, ...] = (
    _gather(
        "gather_keeps_the_last_of_a_repeated_index", "repeated index", lambda g, y, x, i: _overwritten(g, i, x.shape),
        "pytorch/pytorch#1631",
    ),
    _gather(
        "gather_keeps_the_first_of_a_repeated_index", "repeated index",
        lambda g, y, x, i: _overwritten(g, i, x.shape, first=True), "apache/mxnet#9172",
    ),
    _gather(
        "gather_averages_a_repeated_index", "repeated index",
        lambda g, y, x, i: _added(g, i, x.shape) / np.maximum(
            np.bincount(plain(i).ravel(), minlength=x.shape[0]), 1
        )[:, None].astype(x.dtype), "PaddlePaddle/Paddle#17662",
    ),
    _gather(
        "gather_gathers_backwards", "repeated index",
        lambda g, y, x, i: mg.stack([g[int(plain(i)[n % len(plain(i))]) % g.shape[0]] for n in range(x.shape[0])]),
        "ooples/AiDotNet.Tensors#894",
    ),
    pair(
        "set_rows_keep_their_gradient", "mask", _put,
        {"x": lambda g, y, x, v, i: g * _kept(x, i), "v": lambda g, y, x, v, i: g[plain(i)] * _is_last(i)[:, None].astype(g.dtype)},
        {"x": lambda g, y, x, v, i: g * 1.0}, {"x": REAL, "v": REAL, "i": _INDEX}, shapes=[((4, 2), (2, 2), (2,))],
        public="pymc-devs/pytensor#267",
    ),
    pair(
        "values_that_were_overwritten", "repeated index", _put,
        {"x": lambda g, y, x, v, i: g * _kept(x, i), "v": lambda g, y, x, v, i: g[plain(i)] * _is_last(i)[:, None].astype(g.dtype)},
        {"v": lambda g, y, x, v, i: g[plain(i)]}, {"x": REAL, "v": REAL, "i": _INDEX}, shapes=[((4, 2), (3, 2), (3,))],
        public="tracel-ai/burn#4063",
    ),
    pair(
        "matrix_beside_its_diagonal", "gradient missing", _diagonal,
        {
            "x": lambda g, y, x, v: g * (1.0 - np.eye(x.shape[0]).astype(x.dtype)),
            "v": lambda g, y, x, v: mg.diagonal(g),
        },
        {"x": lambda g, y, x, v: g * 0.0}, {"x": REAL, "v": REAL}, shapes=[((4, 4), (4,))], public="pytorch/pytorch#182012",
    ),
    pair(
        "rows_after_the_first_of_a_batch", "first entry", lambda x, w: x * w,
        {"x": lambda g, y, x, w: g * w, "w": lambda g, y, x, w: mg.sum(g * x, axis=0)},
        {"x": lambda g, y, x, w: g[:1] * w + 0.0 * g}, {"x": REAL, "w": REAL}, shapes=[((3, 4), (4,))],
        public="unslothai/unsloth-zoo#776",
    ),
    pair(
        "every_row_written_to_the_first", "first entry", lambda a, b: a / (1.0 + np.exp(-a)) * b,
        {
            "a": lambda g, y, a, b: g * b * (mg.sigmoid(a) * (1.0 + a * (1.0 - mg.sigmoid(a)))),
            "b": lambda g, y, a, b: g * a * mg.sigmoid(a),
        },
        {"b": lambda g, y, a, b: mg.concatenate([
            mg.sum(g * a * mg.sigmoid(a), axis=0, keepdims=True), (g * a)[1:] * 0.0], axis=0)},
        {"a": REAL, "b": REAL}, shapes=[((3, 4), (3, 4))], public="ByteDance-Seed/Triton-distributed#185",
    ),
    _corr(
        "kernel_gradient_with_stride_and_dilation_swapped", "option on an option", {"k": _swapped(_to_kernel)},
        "iree-org/iree-turbine#1223", [{"stride": 2, "dilation": 1}],
    ),
    _corr(
        "input_gradient_with_stride_and_dilation_swapped", "option on an option", {"x": _swapped(_to_input)},
        "huggingface/candle#2337", [{"stride": 1, "dilation": 2}],
    ),
    _corr(
        "kernel_gradient_is_a_mean", "factor",
        {"k": lambda g, y, x, k, *, stride, dilation: _to_kernel(g, y, x, k, stride=stride, dilation=dilation) * (1.0 / g.size)},
        "sebgao/cTensor#3",
    ),
    _corr("kernel_gradient_where_an_entry_is_left_over", "option on a shape", {"k": _at_the_end}, "f-dangel/backpack#30"),
    _corr(
        "input_gradient_for_strides_above_two", "unlisted option",
        {"x": lambda g, y, x, k, *, stride, dilation: _to_input(g, y, x, k, stride=stride, dilation=dilation)
         * (1.0 if stride <= 2 else 0.5)}, "Theano/Theano#602",
    ),
    _corr(
        "kernel_of_even_length", "even length",
        {"x": lambda g, y, x, k, *, stride, dilation: _to_input(
            g, y, x, k if k.shape[0] % 2 else mg.flip(k, axis=0), stride=stride, dilation=dilation)},
        "ROCm/composable_kernel#2478",
    ),
    _corr(
        "dilated_kernel_is_read_densely", "option on an option",
        {"k": lambda g, y, x, k, *, stride, dilation: _to_kernel(
            g, y, x, k, stride=stride, dilation=dilation if stride == 1 else 1)}, "ml-explore/mlx#2187",
        [{"stride": 1, "dilation": 1}, {"stride": 2, "dilation": 1}, {"stride": 1, "dilation": 2}],
    ),
    _pooling(
        "cut_off_window_divided_by_its_full_size", "option on a shape",
        lambda g, y, x, *, size, stride: _pool_rule(g, x, size, stride, False), "pytorch/pytorch#198119",
    ),
    _pooling(
        "cut_off_window_of_an_odd_length", "option on a shape",
        lambda g, y, x, *, size, stride: _pool_rule(g, x, size, stride, x.shape[-1] % size != 1 or size == 1),
        "tracel-ai/burn#5604",
    ),
    _pooling(
        "padding_is_counted_by_the_gradient_only", "unlisted option",
        lambda g, y, x, *, size, stride: _pool_rule(g, x, size, stride, True) * (1.0 if stride == size else float(stride) / size),
        "pytorch/pytorch#15997",
    ),
    pair(
        "linear_upsampling_from_two_points", "short axis", lambda x, *, size=4: x @ _lines(x.shape[-1], size).astype(x.dtype),
        {"x": lambda g, y, x, *, size: g @ _lines(x.shape[-1], size).T.astype(x.dtype)},
        {"x": lambda g, y, x, *, size: g @ (
            _lines(x.shape[-1], size) * (_lines(x.shape[-1], size) > (0.3 if size > 2 * x.shape[-1] ** 2 else 0.0))
        ).T.astype(x.dtype)},
        {"x": REAL}, shapes=[((2, 3),)], params=[{"size": 4}, {"size": 10}], public="flagos-ai/FlagGems#5218",
    ),
    array(
        "maximum_of_overlapping_windows", "accumulation", lambda x: np.stack([x[..., i : i + 2].max(axis=-1) for i in range(3)], axis=-1),
        lambda g, y, x: sum(
            scatter(mg.expand_dims(g[..., i], -1) * _peak(plain(x)[..., i : i + 2]), key=(Ellipsis, slice(i, i + 2)), shape=x.shape)
            for i in range(3)),
        lambda g, y, x: (lambda parts: parts[0] + sum(
            p * (plain(parts[i]) == 0.0).astype(x.dtype) for i, p in enumerate(parts[1:])))([
                scatter(mg.expand_dims(g[..., i], -1) * _peak(plain(x)[..., i : i + 2]), key=(Ellipsis, slice(i, i + 2)), shape=x.shape)
                for i in range(3)]),
        domain=DISTINCT, public="pytorch/pytorch#185509",
    ),
    array(
        "selection_is_not_differentiated_twice", "second order", lambda x: x[..., ::2] * x[..., ::2],
        lambda g, y, x: scatter(g * x[..., ::2] * 2.0, key=(Ellipsis, slice(None, None, 2)), shape=x.shape),
        lambda g, y, x: scatter(g * plain(x)[..., ::2] * 2.0, key=(Ellipsis, slice(None, None, 2)), shape=x.shape),
        public="pytorch/pytorch#1712",
    ),
    pair(
        "rolled_back_by_one_axis_only", "tuple of axes", lambda x, *, shift, axis: np.roll(x, shift, axis=axis),
        {"x": lambda g, y, x, *, shift, axis: mg.roll(g, tuple(-s for s in shift), axis=axis)},
        {"x": lambda g, y, x, *, shift, axis: mg.roll(g, tuple(-s if k == 0 else s for k, s in enumerate(shift)), axis=axis)},
        {"x": mg.real((3, 4))}, params=[{"shift": (1, 2), "axis": (0, 1)}], public="tinygrad/tinygrad#13115",
    ),
    pair(
        "repeated_rows_are_tiled_back", "order", lambda x, *, times=2: np.repeat(x, times, axis=0),
        {"x": lambda g, y, x, *, times: mg.sum(mg.reshape(g, (x.shape[0], times, *x.shape[1:])), axis=1)},
        {"x": lambda g, y, x, *, times: mg.sum(mg.reshape(g, (times, x.shape[0], *x.shape[1:])), axis=0)},
        {"x": mg.real((3, 4))}, public="pymc-devs/pytensor#1192",
    ),
)  # fmt: skip


def _lines(n, size):
    """Weights of a linear interpolation from n to `size` points, corners aligned."""
    if n < 2 or size < 2:
        raise ValueError("at least two points")
    at = np.linspace(0.0, n - 1.0, size)
    return np.maximum(0.0, 1.0 - np.abs(at - np.arange(n)[:, None]))


def _peak(v):
    hot = np.zeros(v.shape, v.dtype)
    np.put_along_axis(hot, np.argmax(v, axis=-1)[..., None], 1.0, axis=-1)
    return hot
