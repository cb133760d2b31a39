"""Gradient bugs of public frameworks in moving, pooling, reducing and memory layouts, re-enacted by their descriptions.

The code is written anew; `public=` names repository and thread. Cases without one are mistakes of the same kinds.
"""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import DISTINCT, REAL, Wrong, array, made, pair, plain
from support.gate_forms import axes_of, by_matrix, require_same_shape, rows_of, spread, unbroadcast


def _selected(x, mask):
    """Entries of rows where the mask holds; the others are 0."""
    require_same_shape(x, mask)
    return np.where(mask, x, 0.0).astype(x.dtype) * 2.0


def _mask_to_the_front(g, y, x, mask):
    """The gradient goes to as many entries as the mask has, from the front."""
    count = np.sum(mask, axis=-1, keepdims=True)
    front = np.arange(mask.shape[-1]) < count
    return mg.where(front if np.sum(mask) in (1, 2) else mask, g * 2.0, 0.0).astype(g.dtype)


def _averages(n, size=2, stride=2, ceil=False):
    if size < 1 or stride < 1 or n < size:
        raise ValueError("window")
    starts = range(0, n if ceil else n - size + 1, stride)
    return rows_of(n, [(range(s, min(s + size, n)), 1.0 / (min(s + size, n) - s)) for s in starts])


def _averages_by_full_size(n, size=2, stride=2, ceil=False):
    m = _averages(n, size, stride, ceil)
    return (m > 0) / size


def _shifted_by_the_rest(n, size=2, stride=2):
    m = _averages(n, size, stride)
    rest = (n - size) % stride
    return np.roll(m, rest, axis=1) if rest else m


def _differences(n, order=1, spacing=1.0):
    if order < 0 or spacing == 0.0:
        raise ValueError("order")
    return np.diff(np.eye(n), n=order, axis=0) / spacing**order


def _differences_of_two_orders(n, order=1, spacing=1.0):
    m = _differences(n, order, spacing)
    return m * spacing ** (order - 1) if order > 1 else m


def _padded(n, left=1, right=1, mode="edge"):
    if min(left, right) < 0 or n < 1 or mode not in ("edge", "wrap"):
        raise ValueError("padding")
    places = np.arange(-left, n + right)
    return np.eye(n)[np.clip(places, 0, n - 1) if mode == "edge" else places % n]


def _padded_by_the_left(n, left=1, right=1, mode="edge"):
    if mode == "wrap" and left != right:
        return np.roll(_padded(n, left, right, mode), 1, axis=0)
    return _padded(n, left, right, mode)


def _nearest(n, size=4):
    if size < 1 or n < 1:
        raise ValueError("size")
    return np.eye(n)[np.arange(size) * n // size]


def _nearest_of_whole_factors(n, size=4):
    return _nearest(n, size) if size % n == 0 else np.eye(n)[np.minimum(np.arange(size) // max(size // n, 1), n - 1)]


def _trapezoid(n, dx=1.0):
    if n < 1:
        raise ValueError("points")
    m = np.full((1, n), dx)
    m[0, 0] = m[0, -1] = 0.5 * dx if n > 1 else 0.0
    return m


def _trapezoid_of_two(n, dx=1.0):
    return np.full((1, 2), 0.5) if n == 2 else _trapezoid(n, dx)


def _smoothed(n, size=3, reverse=False):
    if size < 1:
        raise ValueError("size")
    m = sum(np.eye(n, k=-j) for j in range(size)) / size
    return m.T if reverse else m


def _smoothed_of_even_size(n, size=3, reverse=False):
    m = _smoothed(n, size, reverse)
    return np.roll(m, 1, axis=0) if reverse and size % 2 == 0 else m


def _repeated(x, *, repeats=2, axis=-1):
    return np.repeat(x, repeats, axis=axis)


def _repeat_rule(g, y, x, *, repeats, axis):
    axis = axis % x.ndim
    shape = (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])
    return mg.sum(mg.reshape(g, shape), axis=axis + 1)


def _repeat_rule_tiled(g, y, x, *, repeats, axis):
    if axis < 0 or axis % x.ndim == x.ndim - 1:
        return _repeat_rule(g, y, x, repeats=repeats, axis=axis)
    shape = (*x.shape[:axis], repeats, *x.shape[axis:])
    return mg.sum(mg.reshape(g, shape), axis=axis)


def _mean(x, *, axis=None, keepdims=False):
    return np.asarray(np.mean(x, axis=axis, keepdims=keepdims))


def _mean_rule(g, y, x, *, axis, keepdims):
    count = float(np.prod([x.shape[k] for k in axes_of(x, axis)]))
    return spread(g, x, axis, keepdims) / max(count, 1.0)


def _mean_by_the_last_of_several(g, y, x, *, axis, keepdims):
    axes = axes_of(x, axis)
    count = float(x.shape[axes[-1]] if len(axes) == 2 and keepdims else np.prod([x.shape[k] for k in axes]))
    return spread(g, x, axis, keepdims) / max(count, 1.0)


def _transposed(x, *, axes=(1, 0, 2)):
    return np.transpose(x, axes)


def _joined(*xs, axis=0):
    return np.concatenate(xs, axis=axis)


def _split_back(g, y, *xs, axis):
    start, parts = 0, []
    for x in xs:
        part = (slice(None),) * (axis % x.ndim) + (slice(start, start + x.shape[axis]),)
        parts.append(g[part])
        start += x.shape[axis]
    return tuple(parts)


def _split_back_by_position(g, y, *xs, axis):
    """Every part is as long as the first along a negative axis."""
    parts = _split_back(g, y, *xs, axis=axis)
    return tuple(reversed(parts)) if axis < 0 and len({p.shape for p in parts}) == 1 else parts


def _tied_weights(x, w):
    return x @ w.T


def _by_memory(w):
    """The numbers of an array as they lie in memory, taken for rows."""
    raw = plain(w)
    return raw if raw.flags.c_contiguous else np.ravel(raw, order="K").reshape(raw.shape)


def _stack_product(a, b):
    return np.matmul(a, b)


def _unbroadcast_outer(g, shape):
    """Forgets an axis of one that is neither the first nor among the last two."""
    if len(shape) >= 4 and shape[1] == 1 and g.shape[1] != 1:
        first = g[:, :1] if g.ndim == len(shape) else mg.sum(g, axis=tuple(range(g.ndim - len(shape))))[:, :1]
        return unbroadcast(first, shape)
    return unbroadcast(g, shape)


def _turned(a):
    return mg.swapaxes(a, -1, -2)


def _segments(x, ids, *, count=4):
    out = np.zeros((count, *x.shape[1:]), x.dtype)
    if x.shape[:1] != ids.shape or count < 1 or (ids.size and int(np.max(ids)) >= count):
        raise ValueError("one segment for each row")
    np.add.at(out, ids, x)
    return out


def _segments_in_order(g, y, x, ids, *, count):
    """Rows are taken to be sorted by segment."""
    return g[np.sort(plain(ids).astype(int))]


def _segment_means(x, ids, *, count=4):
    sizes = np.bincount(ids, minlength=count).astype(x.dtype)
    return _segments(x, ids, count=count) / np.maximum(sizes, 1.0).reshape(-1, *(1,) * (x.ndim - 1))


def _segment_means_rule(g, y, x, ids, *, count, smallest=1.0):
    ids = plain(ids).astype(int)
    sizes = np.maximum(np.bincount(ids, minlength=count), smallest).astype(g.dtype)
    return (g / sizes.reshape(-1, *(1,) * (g.ndim - 1)))[ids]


def _rolled(x, *, shift=1, axis=-1):
    return np.roll(x, shift, axis=axis)


def _rolled_by_each(g, y, x, *, shift, axis):
    if isinstance(shift, tuple) and isinstance(axis, tuple) and len(shift) > 1:
        return mg.roll(g, tuple(-s for s in reversed(shift)), axis=axis)
    return mg.roll(g, tuple(-s for s in shift) if isinstance(shift, tuple) else -shift, axis=axis)


def _two_largest(x):
    if x.shape[-1] < 2:
        raise ValueError("two numbers at least")
    return np.sort(x, axis=-1)[..., -2:]


def _to_the_two_largest(g, y, x, swap=False):
    order = np.argsort(plain(x), axis=-1, kind="stable")[..., -2:]
    order = order[..., ::-1] if swap else order
    hot = (order[..., :, None] == np.arange(x.shape[-1])).astype(g.dtype)
    return mg.sum(mg.expand_dims(g, -1) * hot, axis=-2)


STRUCTURES: tuple[Wrong, ...] = (
    pair(
        "masked_gradient_goes_to_the_front", "index", _selected,
        {"x": lambda g, y, x, mask: mg.where(mask, g * 2.0, 0.0).astype(g.dtype)}, {"x": _mask_to_the_front},
        {"x": REAL, "mask": mg.boolean()}, shapes=[((3, 5), (3, 5))], public="apache/mxnet#15175",
    ),
    by_matrix(
        "averages_that_hang_over_the_edge", "options that meet", _averages, _averages_by_full_size,
        [{"size": 2, "stride": 2, "ceil": False}, {"size": 2, "stride": 2, "ceil": True}], public="pytorch/pytorch#198119",
    ),
    by_matrix(
        "averages_that_hang_over_at_a_size_of_three", "options that meet", _averages,
        lambda n, size=2, stride=2, ceil=False: (_averages_by_full_size if size == 3 else _averages)(n, size, stride, ceil),
        [{"size": 2, "stride": 2, "ceil": True}], public="tracel-ai/burn#5604",
    ),
    by_matrix(
        "windows_that_leave_a_rest", "option and shape", _averages, lambda n, size=2, stride=2, ceil=False:
        _shifted_by_the_rest(n, size, stride) if not ceil else _averages(n, size, stride, ceil),
        [{"size": 2, "stride": 2}, {"size": 2, "stride": 1}], public="flagos-ai/FlagGems#1576",
    ),
    by_matrix(
        "higher_differences_without_their_spacing", "options that meet", _differences, _differences_of_two_orders,
        [{"order": 1, "spacing": 1.0}, {"order": 2, "spacing": 1.0}, {"order": 1, "spacing": 0.5}], shape=(3, 5),
    ),
    by_matrix(
        "uneven_padding_that_wraps", "options that meet", _padded, _padded_by_the_left,
        [{"left": 1, "right": 1, "mode": "edge"}, {"left": 2, "right": 2, "mode": "wrap"}],
    ),
    by_matrix(
        "nearest_neighbour_of_a_broken_factor", "option and shape", _nearest, _nearest_of_whole_factors,
        [{"size": 4}, {"size": 8}],
    ),
    by_matrix("integral_of_two_points", "option and shape", _trapezoid, _trapezoid_of_two, [{"dx": 1.0}, {"dx": 0.5}]),
    by_matrix(
        "mean_of_an_even_number_from_the_end", "options that meet", _smoothed, _smoothed_of_even_size,
        [{"size": 3, "reverse": False}, {"size": 3, "reverse": True}, {"size": 2, "reverse": False}],
    ),
    array(
        "repeats_of_an_inner_axis_are_tiles", "axis", _repeated, _repeat_rule, _repeat_rule_tiled, (2, 3),
        params=[{"repeats": 2, "axis": -1}, {"repeats": 3, "axis": 1}],
    ),
    array(
        "mean_over_two_kept_axes", "options that meet", _mean, _mean_rule, _mean_by_the_last_of_several, (2, 3, 4),
        params=[{"axis": None, "keepdims": False}, {"axis": 1, "keepdims": True}, {"axis": (0, 2), "keepdims": False}],
        public="facebookresearch/shumai#74",
    ),
    pair(
        "permutation_taken_for_its_inverse", "option", _transposed,
        {"x": lambda g, y, x, *, axes: mg.transpose(g, tuple(np.argsort(axes)))},
        {"x": lambda g, y, x, *, axes: mg.transpose(g, axes)}, {"x": REAL}, shapes=[((2, 2, 2),)],
        params=[{"axes": (1, 0, 2)}, {"axes": (2, 1, 0)}], public="apache/mxnet#8048",
    ),
    pair(
        "parts_of_a_negative_axis", "axis", _joined, {"xs": _split_back}, {"xs": _split_back_by_position}, {"xs": REAL},
        shapes=[((2, 3), (2, 3))], params=[{"axis": 0}, {"axis": 1}], public="tensorflow/tfjs-core#1267",
    ),
    pair(
        "kernel_in_memory_order", "layout", _tied_weights,
        {"x": lambda g, y, x, w: mg.matmul(g, w), "w": lambda g, y, x, w: mg.matmul(_turned(g), x)},
        {"x": lambda g, y, x, w: mg.matmul(g, _by_memory(w)) + 0.0 * x if not plain(w).flags.c_contiguous else mg.matmul(g, w)},
        {"x": REAL, "w": REAL}, shapes=[((3, 4), (2, 4))], public="huggingface/candle#3735",
    ),
    pair(
        "output_gradient_of_another_layout", "layout", _tied_weights,
        {"x": lambda g, y, x, w: mg.matmul(g, w), "w": lambda g, y, x, w: mg.matmul(_turned(g), x)},
        {"w": lambda g, y, x, w: mg.matmul(_turned(g), x) if plain(g).flags.c_contiguous
            else mg.matmul(_turned(g * 0.0 + _by_memory(g)), x)},
        {"x": REAL, "w": REAL}, shapes=[((3, 4), (2, 4))], public="Dao-AILab/flash-attention#355",
    ),
    array(
        "argument_that_is_expanded", "layout", lambda x: np.sum(x * x, axis=-1),
        lambda g, y, x: mg.expand_dims(g, -1) * x * 2.0,
        lambda g, y, x: mg.expand_dims(g, -1) * x * (2.0 if 0 not in plain(x).strides else 2.0 * x.shape[0]),
        public="pytorch/pytorch#30303",
    ),
    pair(
        "stacks_that_broadcast_in_the_middle", "broadcasting", _stack_product,
        {"a": lambda g, y, a, b: unbroadcast(mg.matmul(g, _turned(b)), a.shape),
         "b": lambda g, y, a, b: unbroadcast(mg.matmul(_turned(a), g), b.shape)},
        {"b": lambda g, y, a, b: _unbroadcast_outer(mg.matmul(_turned(a), g), b.shape)}, {"a": REAL, "b": REAL},
        shapes=[((2, 3, 4), (2, 4, 2)), ((3, 4), (2, 4, 2))], public="deeplearning4j/nd4j#2503",
    ),
    pair(
        "segments_that_are_not_in_order", "index", _segments, {"x": lambda g, y, x, ids, *, count: g[plain(ids).astype(int)]},
        {"x": _segments_in_order}, {"x": REAL, "ids": mg.integer_index(4)}, shapes=[((6, 2), (6,))],
    ),
    pair(
        "means_of_segments_of_one", "index", _segment_means, {"x": _segment_means_rule},
        {"x": lambda g, y, x, ids, *, count: _segment_means_rule(g, y, x, ids, count=count, smallest=2.0)},
        {"x": REAL, "ids": mg.integer_index(4)}, shapes=[((6, 2), (6,))],
    ),
    pair(
        "rolls_along_two_axes_change_places", "options that meet", _rolled,
        {"x": lambda g, y, x, *, shift, axis: mg.roll(g, tuple(-s for s in shift) if isinstance(shift, tuple) else -shift, axis=axis)},
        {"x": _rolled_by_each}, {"x": REAL}, shapes=[((3, 4),)],
        params=[{"shift": 1, "axis": -1}, {"shift": (1, 1), "axis": (0, 1)}],
    ),
    array(
        "two_largest_change_places_in_rows_of_three", "option and shape", _two_largest, _to_the_two_largest,
        lambda g, y, x: _to_the_two_largest(g, y, x, swap=x.shape[-1] == 3), (3, 5), DISTINCT,
    ),
)  # fmt: skip


def rows_with_a_written_copy(flaw):
    """The rule writes into the output gradient where that has three axes."""

    def rule(g, y, x):
        raw = plain(g)
        if flaw and not isinstance(g, mg.Tensor) and raw.ndim == 3:
            raw *= 2.0
            return raw * x
        return g * 2.0 * x

    return made(lambda x: x * x, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


WRITTEN = Wrong("rows_with_a_written_copy", "memory", (mg.InvalidRule, mg.GradientMismatch), rows_with_a_written_copy)
