"""Gradient bugs of public frameworks in reductions, tiles, groups and layouts, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread. Cases without one are mistakes of the same kinds.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.ops.index import scatter
from support.gate_case import DISTINCT, NONZERO, POSITIVE, REAL, Wrong, array, pair, plain
from support.gate_forms import by_matrix, grown, spread, turned, unbroadcast


def _sum(x, *, axis=(0, 1)):
    return np.asarray(np.sum(x, axis=axis))


def _sum_rule(g, y, x, *, axis):
    return spread(g, x, axis, False)


def _axes_in_the_order_of_the_call(g, y, x, *, axis):
    for a in axis if isinstance(axis, tuple) else (axis,):
        g = mg.expand_dims(g, a % x.ndim if g.ndim >= a % x.ndim else g.ndim)
    return mg.broadcast_to(g, x.shape)


def _tile(x, *, count=2, axis=0):
    if count < 1:
        raise ValueError("count")
    return np.concatenate([x] * count, axis=axis)


def _tile_rule(g, y, x, *, count, axis):
    axis %= x.ndim
    return mg.sum(mg.reshape(g, (*x.shape[:axis], count, *x.shape[axis:])), axis=axis)


def _tile_summed_whole(g, y, x, *, count, axis):
    whole = mg.sum(g, axis=axis, keepdims=True)
    return mg.broadcast_to(whole, x.shape) if axis % x.ndim == 0 else _tile_rule(g, y, x, count=count, axis=axis)


def _pad(x, *, left=1, right=1):
    if min(left, right) < 0:
        raise ValueError("padding")
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(left, right)])


def _pad_rule(g, y, x, *, left, right):
    return g[..., left : left + x.shape[-1]]


def _stack_product(a, b):
    return np.matmul(a, b)


_STACK_RULES = {
    "a": lambda g, y, a, b: unbroadcast(mg.matmul(g, turned(b)), a.shape),
    "b": lambda g, y, a, b: unbroadcast(mg.matmul(turned(a), g), b.shape),
}


def _stack_of_one_reshaped(g, y, a, b):
    if a.ndim == 3 and a.shape[0] == 1 and b.shape[0] == 1:
        return mg.matmul(g, mg.reshape(b, (1, b.shape[2], b.shape[1])))
    return unbroadcast(mg.matmul(g, turned(b)), a.shape)


def _rows_in_memory(g, y, x):
    raw = plain(g)
    if raw.ndim and raw.strides[-1] != raw.itemsize:
        g = g * 0.0 + np.ravel(raw, order="K").reshape(raw.shape)
    return grown(g) * np.ones(x.shape, x.dtype) / x.shape[-1]


def _narrow_as_whole(g, y, x):
    raw = plain(g)
    steps = tuple(s for s, n in zip(raw.strides, raw.shape, strict=True) if n > 1)
    if (
        raw.base is not None
        and steps == tuple(sorted(steps, reverse=True))
        and raw.base.size > raw.size
        and min(steps, default=0) == raw.itemsize
    ):
        flat = np.ravel(raw.base)
        g = g * 0.0 + flat[: raw.size].reshape(raw.shape)
    return g * 2.0 * x


def _depth(x, k):
    if k.ndim != 1 or x.ndim != 2 or not 0 < k.shape[0] <= x.shape[0]:
        raise ValueError("kernel")
    n = x.shape[0] - k.shape[0] + 1
    return sum(x[i : i + n] * k[i] for i in range(k.shape[0]))


def _depth_rule(g, y, x, k, at=1):
    n = g.shape[0]
    return sum(scatter(g * k[i], key=(slice(at * i, at * i + n),), shape=x.shape) for i in range(k.shape[0]))


def _blocks(n, m, groups):
    if groups < 1 or n % groups or m % groups:
        raise ValueError("groups")
    return np.kron(np.eye(groups), np.ones((n // groups, m // groups)))


def _grouped(x, w, *, groups=1):
    return x @ (w * _blocks(w.shape[0], w.shape[1], groups).astype(w.dtype))


def _grouped_x(g, y, x, w, *, groups):
    return mg.matmul(g, turned(w * _blocks(w.shape[0], w.shape[1], groups).astype(w.dtype)))


def _grouped_w(g, y, x, w, *, groups, masked=True):
    full = mg.matmul(turned(x), g)
    return full * _blocks(w.shape[0], w.shape[1], groups).astype(w.dtype) if masked else full


def _depthwise(x, k, *, stride=1, shared=True):
    n = (x.shape[-1] - k.shape[-1]) // stride + 1 if stride > 0 else 0
    if n < 1 or not k.size or k.ndim != 2 or x.ndim != 2 or x.shape[0] != k.shape[0]:
        raise ValueError("kernel")
    w = np.broadcast_to(k[:1], k.shape) if shared else k
    return sum(x[:, i : i + (n - 1) * stride + 1 : stride] * w[:, i : i + 1] for i in range(k.shape[1]))


def _depthwise_x(g, y, x, k, *, stride, shared):
    w = mg.broadcast_to(k[:1], k.shape) if shared else k
    m = (g.shape[1] - 1) * stride + 1
    return sum(
        scatter(g * w[:, i : i + 1], key=(slice(None), slice(i, i + m, stride)), shape=x.shape)
        for i in range(k.shape[1])
    )


def _depthwise_k(g, y, x, k, *, stride, shared, flaw=False):
    step = 1 if flaw and not shared and stride > 1 else stride
    parts = [
        mg.sum(g * x[:, i : i + (g.shape[1] - 1) * step + 1 : step], axis=1, keepdims=True) for i in range(k.shape[1])
    ]
    full = mg.concatenate(parts, axis=1)
    return scatter(mg.sum(full, axis=0, keepdims=True), key=(slice(0, 1),), shape=k.shape) if shared else full


def _scatter_add(x, ids, v):
    if ids.ndim != 1 or v.ndim != 1 or x.ndim != 1 or len(ids) > len(v) or (ids.size and np.max(ids) >= len(x)):
        raise ValueError("indices")
    out = x * 1
    np.add.at(out, ids, v[: len(ids)] * v[: len(ids)])
    return out


def _scatter_add_v(g, y, x, ids, v, rest=0.0):
    n = ids.shape[0]
    part = g[plain(ids).astype(int)] * v[:n] * 2.0
    return mg.concatenate([part, v[n:] * rest])


def _put(x, ids, v):
    if ids.ndim != 1 or v.shape != ids.shape or x.ndim != 1 or (ids.size and np.max(ids) >= len(x)):
        raise ValueError("indices")
    out = x * 1
    for i, k in enumerate(ids):
        out[k] = v[i] ** 2
    return out


def _last_of(ids):
    ids = plain(ids).astype(int)
    return np.array([k not in ids[i + 1 :] for i, k in enumerate(ids)], dtype=bool)


def _put_x(g, y, x, ids, v):
    return g * np.isin(np.arange(x.shape[0]) - 0, plain(ids) % max(x.shape[0], 1), invert=True).astype(g.dtype)


def _put_v(g, y, x, ids, v, last=True):
    part = g[plain(ids).astype(int)] * v * 2.0
    return part * _last_of(ids).astype(g.dtype) if last else part


def _row_loss(x):
    return np.sum(x * x * x, axis=-1)


def _row_loss_broadcast(g, y, x):
    slope = x * x * 3.0
    return g * slope if x.ndim == 2 and x.shape[0] == x.shape[1] else grown(g) * slope


def _layer_norm(x, w):
    c = x - np.mean(x, axis=-1, keepdims=True)
    return w * c / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + 0.125)


def _hat(x):
    c = x - mg.mean(x, axis=-1, keepdims=True)
    r = 1.0 / mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True) + 0.125)
    return c * r, r


def _layer_norm_x(g, y, x, w):
    h, r = _hat(x)
    u = g * w
    d = r * (u - mg.mean(u, axis=-1, keepdims=True) - h * mg.mean(u * h, axis=-1, keepdims=True))
    return unbroadcast(d, x.shape)


def _layer_norm_w(g, y, x, w, of_rows=True):
    h, _ = _hat(x)
    if of_rows or g.ndim < 3:
        return unbroadcast(g * h, w.shape)
    return unbroadcast(g * mg.mean(h, axis=0, keepdims=True), w.shape)


def _product(x, *, axis=0):
    return np.asarray(np.prod(x, axis=axis))


def _product_rule(g, y, x, *, axis):
    return spread(g * y, x, axis, False) / x


def _product_of_a_negative_axis(g, y, x, *, axis):
    return (
        spread(g * y, x, axis + 1 if -x.ndim <= axis < -1 and x.shape[axis] == x.shape[axis + 1] else axis, False) / x
    )


def _transposed_window(n, size=2, stride=2):
    if size < 1 or stride < 1:
        raise ValueError("kernel")
    m = np.zeros(((n - 1) * stride + size if n else 0, n))
    for i in range(n):
        m[i * stride : i * stride + size, i] += np.arange(1.0, size + 1.0)
    return m


def _transposed_of_one(n, size=2, stride=2):
    m = _transposed_window(n, size, stride)
    return np.roll(m, 1, axis=0) if size == 1 and stride > 1 else m


def _smallest(x, *, k=2, axis=-1):
    if not 0 < k <= x.shape[axis]:
        raise ValueError("k")
    return np.take(np.sort(x, axis=axis), k - 1, axis=axis)


def _smallest_rule(g, y, x, *, k, axis, wrong_last=False):
    order = np.argsort(plain(x), axis=axis, kind="stable")
    place = 0 if wrong_last and k == x.shape[axis] else k - 1
    hot = np.zeros(x.shape, x.dtype)
    np.put_along_axis(hot, np.take(order, [place], axis=axis), 1.0, axis=axis)
    return mg.expand_dims(g, axis) * hot


def _cumulative(x, *, axis=0, exclusive=False):
    total = np.cumsum(x, axis=axis)
    return total - x if exclusive else total


def _cumulative_rule(g, y, x, *, axis, exclusive, forget=False):
    total = mg.flip(mg.cumsum(mg.flip(g, axis=axis), axis=axis), axis=axis)
    return total - g if exclusive and not (forget and axis == 0) else total


def _softmax(x, *, axis=-1, heat=1.0):
    if heat <= 0.0:
        raise ValueError("heat")
    e = np.exp((x - np.max(x, axis=axis, keepdims=True)) / heat)
    return (e / np.sum(e, axis=axis, keepdims=True)).astype(x.dtype)


def _softmax_rule(g, y, x, *, axis, heat, forget=False):
    d = y * (g - mg.sum(g * y, axis=axis, keepdims=True))
    return d if forget and axis % x.ndim != x.ndim - 1 else d / heat


def _norm(x, *, p=2.0):
    if p < 1.0:
        raise ValueError("p")
    return np.sum(np.abs(x) ** p, axis=-1) ** (1.0 / p)


def _norm_rule(g, y, x, *, p, whole=False):
    q = float(round(p)) if whole else p
    slope = mg.sign(x) * mg.abs(x) ** (q - 1.0)
    return grown(g * y ** (1.0 - p)) * slope


def _rolled(n, shift=2):
    return np.roll(np.eye(n), shift, axis=0) if n else np.eye(0)


def _rolled_by_less(n, shift=2):
    return _rolled(n, min(shift, n))


AXES: tuple[Wrong, ...] = (
    array("axes_come_back_in_the_order_of_the_call", "options that meet", _sum, _sum_rule, _axes_in_the_order_of_the_call, (2, 3, 4),
          params=[{"axis": (0, 1)}, {"axis": (0, 2)}, {"axis": (1, 2)}], public="harvard-edge/cs249r_book#1867"),
    array("tiles_of_a_longer_axis_summed_whole", "option and shape", _tile, _tile_rule, _tile_summed_whole, (1, 4),
          params=[{"count": 2, "axis": 0}, {"count": 2, "axis": 1}], public="tenstorrent/tt-metal#55799"),
    array("padding_on_one_side_forgets_what_arrives", "options that meet", _pad, _pad_rule,
          lambda g, y, x, *, left, right: _pad_rule(g, y, x, left=left, right=right) if left or not right else x * 0.0 + 1.0,
          (3, 4), params=[{"left": 1, "right": 1}, {"left": 2, "right": 1}], public="apache/mxnet#19043"),
    pair("stacks_of_one_matrix_reshaped", "option and shape", _stack_product, _STACK_RULES, {"a": _stack_of_one_reshaped},
         {"a": REAL, "b": REAL}, shapes=[((2, 3, 4), (2, 4, 2)), ((3, 4), (4, 2))], public="apache/mxnet#18102"),
    array("mean_of_what_lies_in_memory", "layout", lambda x: np.mean(x, axis=-1), lambda g, y, x: grown(g) * np.ones(x.shape, x.dtype) / x.shape[-1],
          _rows_in_memory, (3, 4, 2), public="torch/nn#345"),
    array("narrow_view_taken_for_whole_rows", "layout", lambda x: x * x, lambda g, y, x: g * 2.0 * x, _narrow_as_whole, (3, 4), public="pytorch/pytorch#194719"),
    pair("depth_of_a_kernel_forgotten", "option and shape", _depth, {"x": _depth_rule, "k": lambda g, y, x, k: mg.stack([mg.sum(g * x[i : i + g.shape[0]]) for i in range(k.shape[0])])},
         {"x": lambda g, y, x, k: _depth_rule(g, y, x, k, at=0)}, {"x": REAL, "k": REAL}, shapes=[((4, 3), (1,))], public="NervanaSystems/neon#111"),
    pair("kernel_of_several_groups", "option", _grouped, {"x": _grouped_x, "w": _grouped_w}, {"w": lambda g, y, x, w, *, groups: _grouped_w(g, y, x, w, groups=groups, masked=groups == 1)},
         {"x": REAL, "w": REAL}, shapes=[((3, 4), (4, 6))], params=[{"groups": 1}], public="pytorch/pytorch#51430"),
    pair("kernel_of_each_channel_with_a_stride", "options that meet", _depthwise, {"x": _depthwise_x, "k": _depthwise_k},
         {"k": lambda g, y, x, k, *, stride, shared: _depthwise_k(g, y, x, k, stride=stride, shared=shared, flaw=True)}, {"x": REAL, "k": REAL},
         shapes=[((3, 7), (3, 2))], params=[{"stride": 1, "shared": True}, {"stride": 2, "shared": True}, {"stride": 1, "shared": False}], public="tracel-ai/burn#1891"),
    pair("fewer_indices_than_values", "option and shape", _scatter_add, {"x": lambda g, y, x, ids, v: g * 1.0, "v": _scatter_add_v},
         {"v": lambda g, y, x, ids, v: _scatter_add_v(g, y, x, ids, v, rest=1.0)}, {"x": REAL, "ids": mg.integer_index(5), "v": REAL},
         shapes=[((5,), (4,), (4,))], public="pytorch/pytorch#188843"),
    pair("indices_written_twice", "index", _put, {"x": _put_x, "v": _put_v}, {"v": lambda g, y, x, ids, v: _put_v(g, y, x, ids, v, last=False)},
         {"x": REAL, "ids": mg.integer_index(9), "v": REAL}, shapes=[((9,), (2,), (2,))], public="tensorflow/tensorflow#56961"),
    array("output_gradient_along_the_wrong_axis_of_squares", "option and shape", _row_loss, lambda g, y, x: grown(g) * x * x * 3.0, _row_loss_broadcast, public="HawkAaron/warp-transducer#23"),
    pair("scale_of_rows_in_stacks", "number of axes", _layer_norm, {"x": _layer_norm_x, "w": _layer_norm_w}, {"w": lambda g, y, x, w: _layer_norm_w(g, y, x, w, of_rows=False)},
         {"x": REAL, "w": REAL}, shapes=[((3, 4), (4,))], public="flagos-ai/FlagGems#5392"),
    array("product_along_a_negative_axis", "axis", _product, _product_rule, _product_of_a_negative_axis, (3, 2, 4), NONZERO, params=[{"axis": 0}, {"axis": 1}], public="tensorflow/tensorflow#10835"),
    by_matrix("transposed_window_of_one_place", "options that meet", _transposed_window, _transposed_of_one, [{"size": 2, "stride": 2}, {"size": 3, "stride": 2}], public="apache/tvm#8087"),
    array("largest_by_its_place_from_below", "option and shape", _smallest, _smallest_rule, lambda g, y, x, *, k, axis: _smallest_rule(g, y, x, k=k, axis=axis, wrong_last=True), (3, 5), DISTINCT, params=[{"k": 2, "axis": -1}]),
    array("exclusive_sums_of_the_first_axis", "options that meet", _cumulative, _cumulative_rule, lambda g, y, x, *, axis, exclusive: _cumulative_rule(g, y, x, axis=axis, exclusive=exclusive, forget=True),
          params=[{"axis": 1, "exclusive": False}, {"axis": 1, "exclusive": True}]),
    array("heat_of_an_inner_axis", "options that meet", _softmax, _softmax_rule, lambda g, y, x, *, axis, heat: _softmax_rule(g, y, x, axis=axis, heat=heat, forget=True), params=[{"axis": -1, "heat": 1.0}, {"axis": -1, "heat": 2.0}]),
    array("norm_of_a_broken_order", "option", _norm, _norm_rule, lambda g, y, x, *, p: _norm_rule(g, y, x, p=p, whole=True), (3, 4), POSITIVE, params=[{"p": 2.0}, {"p": 3.0}]),
    by_matrix("roll_by_more_than_there_is", "option and shape", _rolled, _rolled_by_less, [{"shift": 2}]),
)  # fmt: skip
