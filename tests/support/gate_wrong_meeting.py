"""Fresh honest mistakes where an option, a shape, a flag of memory or an order meet. Written before trying them."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.ops.index import scatter
from support.gate_case import DISTINCT, NONZERO, POSITIVE, REAL, UNIT, Wrong, array, one, pair, plain, two
from support.gate_forms import by_matrix, grown, rows_of, turned, unbroadcast


def _triangular(a, b, *, trans=False, unit=False):
    if a.ndim != 2 or b.ndim != 1 or a.shape[0] != a.shape[1]:
        raise ValueError("matrix")
    low = np.tril(a, -1) * 0.25 + (np.eye(len(a)) if unit else np.diag(2.0 + np.diagonal(a) ** 2)).astype(a.dtype)
    return np.linalg.solve(low.T if trans else low, b)


def _low(a, unit):
    eye = np.eye(a.shape[0], dtype=a.dtype)
    return mg.tril(a, k=-1) * 0.25 + (eye if unit else eye * (a * a + 2.0))


def _triangular_b(g, y, a, b, *, trans, unit):
    low = _low(a, unit)
    return mg.linalg.solve(low if trans else turned(low), g)


def _triangular_a(g, y, a, b, *, trans, unit, flaw=False):
    w = _triangular_b(g, y, a, b, trans=trans, unit=unit)
    outer = -(grown(y) * w if trans else grown(w) * y)
    d = mg.tril(outer, k=-1) * 0.25
    if not unit or (flaw and trans):
        d = d + np.eye(a.shape[0], dtype=a.dtype) * outer * a * 2.0
    return d


def _pinv(x):
    return np.linalg.pinv(x)


def _pinv_rule(g, y, x, wide=True):
    p, h = y, g
    m, n = np.eye(x.shape[-2], dtype=x.dtype), np.eye(x.shape[-1], dtype=x.dtype)
    d = -(turned(p) @ h @ turned(p))
    left = (m - x @ p) @ turned(h) @ p @ turned(p)
    right = turned(p) @ p @ turned(h) @ (n - p @ x)
    return d + (left if wide or x.shape[-2] >= x.shape[-1] else 0.0 * left) + (right if wide else 0.0 * right)


def _det(x):
    return np.linalg.det(x)


def _det_rule(g, y, x):
    return mg.expand_dims(grown(g * y), -1) * turned(mg.linalg.inv(x))


def _det_of_two(g, y, x):
    if x.shape[-1] != 2 or x.ndim != 2:
        return _det_rule(g, y, x)
    return grown(grown(g)) * mg.flip(mg.flip(x, axis=0), axis=1)


def _trace(x, *, offset=0):
    if x.ndim != 2:
        raise ValueError("matrix")
    return np.asarray(np.trace(x * x, offset=offset))


def _trace_rule(g, y, x, *, offset, sign=1):
    return g * 2.0 * x * np.eye(x.shape[0], x.shape[1], k=offset if offset > 0 else sign * offset).astype(x.dtype)


def _corner(x, *, k=0):
    return np.tril(x, k)


def _turn(x, *, k=1):
    return np.rot90(x, k)


def _turn_rule(g, y, x, *, k):
    back = -k % 4
    for _ in range(back):
        g = mg.flip(mg.swapaxes(g, 0, 1), axis=0)
    return g


def _turn_odd(g, y, x, *, k):
    return _turn_rule(g, y, x, k=-k if k < 0 else k)


def _spread_counts(x, counts):
    if x.ndim != 1 or counts.shape != x.shape:
        raise ValueError("counts")
    return np.repeat(x * x, counts)


def _spread_rule(g, y, x, counts, least=0):
    counts = np.maximum(plain(counts).astype(int), 0)
    ends = np.cumsum(counts)
    owners = np.repeat(np.arange(len(counts)), counts)
    if least and (counts == 0).any() and len(owners):
        owners = np.minimum(np.searchsorted(ends, np.arange(len(owners)), side="left"), len(counts) - 1)
    hot = (owners == np.arange(len(counts))[:, None]).astype(g.dtype)
    return mg.sum(hot * g, axis=1) * 2.0 * x


def _segment_max(x, ids, *, count=4):
    if x.shape != ids.shape or x.ndim != 1 or count < 1 or (ids.size and np.max(ids) >= count):
        raise ValueError("ids")
    out = np.zeros(count, x.dtype)
    for k in range(count):
        out[k] = np.max(x[ids == k]) if (ids == k).any() else 0.0
    return out


def _segment_max_rule(g, y, x, ids, *, count, flaw=False):
    ids = plain(ids).astype(int)
    mine = plain(y)[ids] == plain(x)
    mine = mine & np.array([not (mine & (ids == k))[:i].any() for i, k in enumerate(ids)], dtype=bool)
    if flaw and len(np.unique(ids)) < min(2, x.shape[0]):
        mine = mine | (np.arange(x.shape[0]) == 0)
    return g[ids] * mine.astype(x.dtype)


def _table(w, ids, *, padding_index=0):
    padding = padding_index
    if w.ndim != 2 or ids.ndim != 1 or not -len(w) <= padding < len(w) or (ids.size and np.max(ids) >= len(w)):
        raise ValueError("padding")
    keep = (ids % len(w)) != padding % len(w)
    return w[ids] * keep[:, None].astype(w.dtype) * 2.0


def _table_rule(g, y, w, ids, *, padding_index, wrap=True):
    padding, n = padding_index, w.shape[0]
    ids = plain(ids).astype(int) % n
    keep = (ids != (padding % n if wrap else padding)).astype(w.dtype)
    hot = (np.arange(n)[:, None] == ids).astype(w.dtype)
    return mg.matmul(hot, g * keep[:, None]) * 2.0


def _choose(c, x, z):
    return np.where(c, x * x, z)


def _choose_x(g, y, c, x, z, of_rows=True):
    d = mg.where(c, g, 0.0).astype(g.dtype)
    if not of_rows and d.ndim > x.ndim:
        return mg.mean(d, axis=tuple(range(d.ndim - x.ndim))) * 2.0 * x
    return unbroadcast(d, x.shape) * 2.0 * x


def _scaled_sum(a, b, *, scale=0.5):
    return a + scale * b * b


def _elu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)


def _elu_rule(g, y, x, *, alpha, guess=False):
    alpha = (alpha or 1.0) if guess else alpha
    return g * mg.where(plain(x) > 0, 1.0, alpha * mg.exp(mg.minimum(x, 0.0)))


def _log_of(x, *, base=2.0):
    if base <= 0.0 or base == 1.0:
        raise ValueError("base")
    return (np.log(x) / np.log(base)).astype(x.dtype)


def _full(a, k):
    if a.ndim != 1 or k.ndim != 1 or not a.size or not k.size:
        raise ValueError("vectors")
    return np.convolve(a, k, "full")


def _full_rule(g, a, k):
    n = a.shape[0]
    return mg.stack([mg.sum(g[i : i + k.shape[0]] * k) for i in range(n)])


def _full_of_the_longer(g, y, a, k):
    if a.shape[0] < k.shape[0]:
        return mg.flip(_full_rule(g, a, k), axis=0)
    return _full_rule(g, a, k)


def _spectrum(n, size=6):
    if size < 1:
        raise ValueError("size")
    m = np.zeros((2 * size, n))
    t = np.arange(min(n, size))
    angle = 2.0 * np.pi * np.outer(np.arange(size), t) / size
    m[:size, : len(t)], m[size:, : len(t)] = np.cos(angle), -np.sin(angle)
    return m


def _spectrum_cropped(n, size=6):
    m = _spectrum(n, size)
    if size < n:
        m[:, size - 1 :] = 0.0
    return m


def _masked_mean(x, m):
    if x.shape != m.shape:
        raise ValueError("mask")
    count = np.maximum(np.sum(m, axis=-1), 1)
    return (np.sum(np.where(m, x, 0.0), axis=-1) / count).astype(x.dtype)


def _masked_mean_rule(g, y, x, m, least=1):
    m = plain(m).astype(bool)
    count = np.maximum(np.sum(m, axis=-1, keepdims=True), least).astype(x.dtype)
    return grown(g) * m.astype(x.dtype) / count


def _quantile(x, *, q=0.4):
    if not 0.0 <= q <= 1.0 or x.ndim == 0 or not x.shape[-1]:
        raise ValueError("q")
    return np.quantile(x, q, axis=-1).astype(x.dtype)


def _quantile_rule(g, y, x, *, q, exact=True):
    n = x.shape[-1]
    place = q * (n - 1)
    low = min(int(place), n - 1)
    share = place - low
    order = np.argsort(plain(x), axis=-1, kind="stable")
    hot = (order[..., low, None] == np.arange(n)) * (1.0 - share) + (
        order[..., min(low + 1, n - 1), None] == np.arange(n)
    ) * share
    if not exact and share == 0.0 and 0 < low < n - 1:
        hot = order[..., low + 1, None] == np.arange(n)
    return grown(g) * hot.astype(x.dtype)


def _keep_is_true(g, y, x, *, keepdims):
    return (
        (g if keepdims is True or g.ndim == x.ndim else grown(g))
        * (2.0 if keepdims is True or keepdims is False else 1.0)
        * x
    )


def _in_place_if_allowed(g, y, x):
    if isinstance(g, np.ndarray) and g.flags.writeable:
        g *= np.cos(x)
        return g
    return g * mg.cos(x)


def _square_forms(x):
    return np.sin(x) * np.cos(x)


def _only_second(rule, spoil):
    """A rule that is right on arrays and spoiled on Tensors, where `spoil(x)` holds."""

    def bent(g, y, x, **options):
        if isinstance(x, mg.Tensor) and spoil(x, **options):
            return rule(g, mg.tensor(y.data) if isinstance(y, mg.Tensor) else y, mg.tensor(x.data), **options)
        return rule(g, y, x, **options)

    return bent


def _axis_square(x, *, axis=-1):
    return np.sum(x**3, axis=axis)


def _axis_cube_rule(g, y, x, *, axis):
    return mg.expand_dims(g, axis) * x * x * 3.0


def _detached_axis(g, y, x, *, axis):
    if isinstance(x, mg.Tensor) and axis == 0 and x.ndim > 2:
        x = mg.tensor(x.data)
    return mg.expand_dims(g, axis) * x * x * 3.0


def _pairwise(x, z):
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1]:
        raise ValueError("points")
    d = x[:, None] - z
    return np.sum(d * d, axis=-1)


def _pairwise_rule(g, x, z):
    return 2.0 * mg.sum(grown(g) * (mg.expand_dims(x, 1) - z), axis=1)


def _pairwise_z(g, y, x, z, of_each=True):
    if not of_each and x.shape[0] == z.shape[0]:
        return _pairwise_rule(g, z, x)
    return _pairwise_rule(turned(g), z, x)


def _windows(n, size=3, step=1, pad=0):
    if size < 1 or step < 1 or pad < 0 or n + 2 * pad < size:
        raise ValueError("windows")
    return rows_of(
        n, [([i for i in range(s, s + size) if 0 <= i < n], 1.0) for s in range(-pad, n + pad - size + 1, step)]
    )


def _windows_pad_shifted(n, size=3, step=1, pad=0):
    m = _windows(n, size, step, pad)
    return np.roll(m, 1, axis=1) if pad and step > 1 else m


def _powers(x, *, degree=3):
    if degree < 0 or x.ndim != 1:
        raise ValueError("degree")
    return np.stack([x**k for k in range(degree + 1)], axis=-1)


def _powers_rule(g, y, x, *, degree, first=1):
    total = x * 0.0
    for k in range(first, degree + 1):
        total = total + g[..., k] * k * x ** (k - 1)
    return total


def _chain(a, b, c):
    return a @ b @ c


def _gate_pair(a, b):
    return a * np.tanh(b)


def _weighted(x, w):
    if x.shape != w.shape:
        raise ValueError("weights")
    return np.sum(x * w, axis=-1) / np.sum(w, axis=-1)


MEETING: tuple[Wrong, ...] = (
    pair("unit_diagonal_of_a_transposed_system", "options that meet", _triangular, {"a": _triangular_a, "b": _triangular_b},
         {"a": lambda g, y, a, b, *, trans, unit: _triangular_a(g, y, a, b, trans=trans, unit=unit, flaw=True)}, {"a": REAL, "b": REAL}, shapes=[((3, 3), (3,))],
         params=[{"trans": False, "unit": False}, {"trans": True, "unit": False}, {"trans": False, "unit": True}]),
    array("inverse_of_wide_matrices", "option and shape", _pinv, _pinv_rule, lambda g, y, x: _pinv_rule(g, y, x, wide=False), (5, 2)),
    array("determinant_of_two_rows_by_hand", "option and shape", _det, _det_rule, _det_of_two, (3, 3), mg.square_wellconditioned()),
    array("trace_of_a_lower_diagonal", "option", _trace, _trace_rule, lambda g, y, x, *, offset: _trace_rule(g, y, x, offset=offset, sign=-1), (3, 4), params=[{"offset": 0}, {"offset": 1}]),
    array("triangle_below_the_diagonal", "option", _corner, lambda g, y, x, *, k: mg.tril(g, k=k), lambda g, y, x, *, k: mg.tril(g, k=max(k, 0)), params=[{"k": 0}]),
    array("quarter_turns_backwards", "option", _turn, _turn_rule, _turn_odd, params=[{"k": 1}, {"k": 2}]),
    pair("rows_that_are_repeated_never", "index", _spread_counts, {"x": _spread_rule}, {"x": lambda g, y, x, counts: _spread_rule(g, y, x, counts, least=1)},
         {"x": REAL, "counts": mg.integer_index(3)}, shapes=[((5,), (5,))]),
    pair("largest_of_a_single_segment", "index", _segment_max, {"x": _segment_max_rule}, {"x": lambda g, y, x, ids, *, count: _segment_max_rule(g, y, x, ids, count=count, flaw=True)},
         {"x": DISTINCT, "ids": mg.integer_index(4)}, shapes=[((6,), (6,))], params=[{"count": 4}]),
    pair("padding_row_counted_from_the_end", "option", _table, {"w": _table_rule}, {"w": lambda g, y, w, ids, *, padding_index: _table_rule(g, y, w, ids, padding_index=padding_index, wrap=False)},
         {"w": REAL, "ids": mg.integer_index(4)}, shapes=[((4, 2), (5,))], params=[{"padding_index": 0}]),
    pair("condition_with_more_axes_than_what_it_chooses", "broadcasting", _choose, {"x": _choose_x, "z": lambda g, y, c, x, z: unbroadcast(mg.where(c, 0.0, g).astype(g.dtype), z.shape)},
         {"x": lambda g, y, c, x, z: _choose_x(g, y, c, x, z, of_rows=False)}, {"c": mg.boolean(), "x": REAL, "z": REAL}, shapes=[((4,), (4,), (4,)), ((3, 4), (3, 4), (4,))]),
    pair("scale_of_zero_taken_for_none", "option", _scaled_sum, {"a": lambda g, y, a, b, *, scale: g * 1.0, "b": lambda g, y, a, b, *, scale: g * scale * 2.0 * b},
         {"b": lambda g, y, a, b, *, scale: g * (scale or 1.0) * 2.0 * b}, {"a": REAL, "b": REAL}, params=[{"scale": 0.5}], elementwise=True),
    one("alpha_of_zero_taken_for_none", "option", _elu, _elu_rule, lambda g, y, x, *, alpha: _elu_rule(g, y, x, alpha=alpha, guess=True), params=[{"alpha": 1.0}], kinks=[0.0]),
    one("logarithm_to_a_base_below_one", "option", _log_of, lambda g, y, x, *, base: g / (x * float(np.log(base))), lambda g, y, x, *, base: g / (x * float(abs(np.log(base)))), POSITIVE, params=[{"base": 2.0}, {"base": 10.0}]),
    pair("kernel_longer_than_its_signal", "option and shape", _full, {"a": lambda g, y, a, k: _full_rule(g, a, k), "k": lambda g, y, a, k: _full_rule(g, k, a)},
         {"a": _full_of_the_longer}, {"a": REAL, "k": REAL}, shapes=[((6,), (3,))]),
    by_matrix("spectrum_of_fewer_than_there_are", "option and shape", _spectrum, _spectrum_cropped, [{"size": 6}], shape=(3, 5)),
    pair("mean_of_a_single_entry", "index", _masked_mean, {"x": _masked_mean_rule}, {"x": lambda g, y, x, m: _masked_mean_rule(g, y, x, m, least=2)}, {"x": REAL, "m": mg.boolean()}, shapes=[((3, 8), (3, 8))]),
    array("quantile_that_hits_an_entry", "option and shape", _quantile, _quantile_rule, lambda g, y, x, *, q: _quantile_rule(g, y, x, q=q, exact=False), (3, 4), DISTINCT, params=[{"q": 0.5}]),
    array("flag_that_is_true_and_not_one", "option", lambda x, *, keepdims=False: np.sum(x * x, axis=-1, keepdims=keepdims), lambda g, y, x, *, keepdims: (g if keepdims else grown(g)) * 2.0 * x, _keep_is_true, params=[{"keepdims": False}, {"keepdims": True}]),
    array("in_place_where_it_is_allowed", "memory", lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x), _in_place_if_allowed),
    one("curvature_lost_in_five_axes", "second order of a derived shape", _square_forms, lambda g, y, x: g * mg.cos(x * 2.0), _only_second(lambda g, y, x: g * mg.cos(x * 2.0), lambda x: x.ndim == 5)),
    array("curvature_lost_along_the_first_axis_of_stacks", "second order of a derived shape", _axis_square, _axis_cube_rule, _detached_axis, (3, 4), params=[{"axis": -1}, {"axis": 0}]),
    pair("distances_of_as_many_points", "option and shape", _pairwise, {"x": lambda g, y, x, z: _pairwise_rule(g, x, z), "z": _pairwise_z}, {"z": lambda g, y, x, z: _pairwise_z(g, y, x, z, of_each=False)},
         {"x": REAL, "z": REAL}, shapes=[((3, 2), (4, 2))]),
    by_matrix("padded_windows_with_a_step", "options that meet", _windows, _windows_pad_shifted, [{"size": 3, "step": 1, "pad": 0}, {"size": 3, "step": 2, "pad": 0}, {"size": 3, "step": 1, "pad": 1}], shape=(2, 7)),
    array("powers_of_degree_one", "option", _powers, _powers_rule, lambda g, y, x, *, degree: _powers_rule(g, y, x, degree=degree, first=min(2, max(3 - degree, 1))), (5,), NONZERO, params=[{"degree": 3}, {"degree": 2}]),
    pair("chain_of_vectors_at_the_end", "number of axes", _chain, {"a": lambda g, y, a, b, c: mg.matmul(g, turned(b @ c)), "b": lambda g, y, a, b, c: turned(a) @ g @ turned(c), "c": lambda g, y, a, b, c: turned(a @ b) @ g},
         {"b": lambda g, y, a, b, c: turned(a) @ g @ (turned(c) if c.shape[-1] > 1 else turned(mg.abs(c)))}, {"a": REAL, "b": REAL, "c": REAL}, shapes=[((2, 3), (3, 4), (4, 2))]),
    two("gate_that_is_shut", "special numbers", _gate_pair, lambda g, y, a, b: g * mg.tanh(b), lambda g, y, a, b: g * a * (1.0 - mg.tanh(b) ** 2), {"b": lambda g, y, a, b: g * a * (1.0 - mg.tanh(b) ** 2) * (plain(b) != 0.0)}),
    pair("weights_that_are_equal", "equal numbers", _weighted, {"x": lambda g, y, x, w: grown(g) * w / mg.sum(w, axis=-1, keepdims=True), "w": lambda g, y, x, w: grown(g) * (x - grown(y)) / mg.sum(w, axis=-1, keepdims=True)},
         {"w": lambda g, y, x, w: grown(g) * (x - grown(y)) / mg.sum(w, axis=-1, keepdims=True) * (0.0 if w.size > 1 and np.ptp(plain(w)) == 0.0 else 1.0)}, {"x": REAL, "w": POSITIVE}, shapes=[((3, 4), (3, 4))]),
    one("arctanh_of_a_half", "special numbers", lambda x: np.arctanh(x * 0.5), lambda g, y, x: g * 2.0 / (4.0 - x * x), lambda g, y, x: g * 2.0 / (4.0 - x * x) * np.where(plain(x) == 0.5, 0.5, 1.0).astype(x.dtype), UNIT),
    pair("rows_put_at_the_end", "index", lambda x, ids: x[ids] * x[ids], {"x": lambda g, y, x, ids: scatter(g * x[plain(ids).astype(int)] * 2.0, key=(plain(ids).astype(int),), shape=x.shape)},
         {"x": lambda g, y, x, ids: scatter(g * x[np.abs(plain(ids).astype(int))] * 2.0, key=(np.abs(plain(ids).astype(int)),), shape=x.shape)}, {"x": REAL, "ids": mg.integer_index(5)}, shapes=[((5, 2), (4,))]),
)  # fmt: skip
