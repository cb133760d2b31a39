"""Right ops whose arguments depend on each other, or that are awkward to sample. Written before trying them."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import NONZERO, POSITIVE, REAL, UNIT, Tricky, honest, plain
from support.gate_forms import along_axes, grown, of_entries, turned


def _sampled(name, f, rules, samples, **domains):
    return honest(name, f, rules, domains, samples=samples)


def _knots(rng):
    for n in (3, 5):
        yield mg.Sample(rng.uniform(0.1, 0.9, 4), np.cumsum(rng.uniform(0.5, 1.0, n)) - 1.0, rng.normal(size=n))


def _cells(x, knots):
    return np.clip(np.searchsorted(plain(knots), plain(x)) - 1, 0, knots.shape[0] - 2)


def _linear(x, knots, values):
    i = _cells(x, knots)
    t = (x - knots[i]) / (knots[i + 1] - knots[i])
    return values[i] * (1.0 - t) + values[i + 1] * t


def _slope(x, knots, values):
    i = _cells(x, knots)
    return (values[i + 1] - values[i]) / (knots[i + 1] - knots[i])


def _hot(i, n, g):
    return (i[:, None] == np.arange(n)).astype(g.dtype)


def _knots_rule(g, y, x, knots, values):
    i, n = _cells(x, knots), knots.shape[0]
    s = _slope(x, knots, values) * g
    t = (x - knots[i]) / (knots[i + 1] - knots[i])
    return -(((1.0 - t) * s) @ _hot(i, n, g)) - (t * s) @ _hot(i + 1, n, g)


def _values_rule(g, y, x, knots, values):
    i, n = _cells(x, knots), knots.shape[0]
    t = (x - knots[i]) / (knots[i + 1] - knots[i])
    return ((1.0 - t) * g) @ _hot(i, n, g) + (t * g) @ _hot(i + 1, n, g)


def _simplices(rng):
    for shape in ((4,), (2, 3)):
        p, q = rng.dirichlet(np.ones(shape[-1]) * 2.0, shape[:-1]), rng.dirichlet(np.ones(shape[-1]) * 2.0, shape[:-1])
        yield mg.Sample(p, q)


def _unit_vectors(rng):
    for n in (2, 3):
        a, b = rng.normal(size=(2, 4, n))
        yield mg.Sample(a / np.linalg.norm(a, axis=-1, keepdims=True), b / np.linalg.norm(b, axis=-1, keepdims=True))


def _angle(a, b):
    return np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))


def _angle_rule(sign):
    def rule(g, y, a, b):
        d, s = a - b, a + b
        u, v = mg.sqrt(mg.sum(d * d, axis=-1)), mg.sqrt(mg.sum(s * s, axis=-1))
        r = u * u + v * v
        return grown(g * v / (r * u)) * d * sign - grown(g * u / (r * v)) * s

    return rule


def _spd(rng):
    for n in (1, 3):
        a = rng.normal(size=(n, n))
        yield mg.Sample(a @ a.T + np.eye(n), rng.normal(size=n))


def _mahalanobis(s, x):
    return np.asarray(x @ np.linalg.solve(s, x) + np.linalg.slogdet(s)[1])


def _mahalanobis_s(g, y, s, x):
    w, v = mg.linalg.solve(turned(s), x), mg.linalg.solve(s, x)
    return g * (turned(mg.linalg.inv(s)) - grown(w) * v)


def _mahalanobis_x(g, y, s, x):
    return g * (mg.linalg.solve(s, x) + mg.linalg.solve(turned(s), x))


def _boxes(rng):
    for n in (1, 4):
        low = rng.uniform(0.0, 0.5, (2, n, 2))
        yield mg.Sample(*np.concatenate([low, low + rng.uniform(1.0, 2.0, (2, n, 2))], axis=-1))


def _overlap(a, b, m=np):
    return m.minimum(a[:, 2:], b[:, 2:]) - m.maximum(a[:, :2], b[:, :2])


def _area(a):
    return (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])


def _iou(a, b):
    i = np.prod(_overlap(a, b), axis=-1)
    return i / (_area(a) + _area(b) - i)


def _area_rule(a):
    w, h = a[:, 2] - a[:, 0], a[:, 3] - a[:, 1]
    return mg.stack([-h, -w, h, w], axis=-1)


def _iou_rule(g, y, a, b):
    o = _overlap(a, b, mg)
    i = o[:, 0] * o[:, 1]
    union = _area(a) + _area(b) - i
    other = mg.flip(o, axis=-1)
    mine_low, mine_high = (plain(a)[:, :2] > plain(b)[:, :2]) * -1.0, (plain(a)[:, 2:] < plain(b)[:, 2:]) * 1.0
    di = mg.concatenate([other * mine_low.astype(g.dtype), other * mine_high.astype(g.dtype)], axis=-1)
    return grown(g * (union + i) / (union * union)) * di - grown(g * i / (union * union)) * _area_rule(a)


def _quaternions(rng):
    for n in (1, 3):
        q = rng.normal(size=(n, 4))
        yield mg.Sample(q / np.linalg.norm(q, axis=-1, keepdims=True), rng.normal(size=(n, 3)))


def _cross(a, b):
    return mg.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=-1,
    )


def _rotate(q, v):
    w, u = q[:, :1], q[:, 1:]
    t = 2.0 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def _rotate_v(g, y, q, v):
    w, u = q[:, :1], -q[:, 1:]
    t = 2.0 * _cross(u, g)
    return g + w * t + _cross(u, t)


def _rotate_q(g, y, q, v):
    w, u = q[:, :1], q[:, 1:]
    t = 2.0 * _cross(u, v)
    dw = mg.sum(g * t, axis=-1, keepdims=True)
    back = g * w + _cross(g, u)  # what reaches t
    return mg.concatenate([dw, _cross(t, g) + 2.0 * _cross(v, back)], axis=-1)


def _permuted(rng):
    for n in (3, 5):
        yield mg.Sample(rng.normal(size=(2, n)), rng.permutation(n))


def _lengths(rng):
    yield mg.Sample(rng.normal(size=(3, 4)), np.array([1, 4, 2]))
    yield mg.Sample(rng.normal(size=(2, 2)), np.array([0, 2]))


def _ragged(x, lengths):
    keep = np.arange(x.shape[1]) < lengths[:, None]
    return np.sum(np.where(keep, np.exp(x), 0.0), axis=1)


def _ragged_rule(g, y, x, lengths):
    keep = np.arange(x.shape[1]) < plain(lengths)[:, None]
    return grown(g) * mg.exp(x) * keep.astype(x.dtype)


def _markets(rng):
    yield mg.Sample(rng.uniform(80.0, 120.0, 4), rng.uniform(90.0, 110.0, 4), rng.uniform(0.1, 0.6, 4))


def _normal(x, m=np):
    return 0.5 * (1.0 + (mg.erf(x) if m is mg else _erf(x)))


def _erf(x):
    return mg.erf(x) if isinstance(x, mg.Tensor) else np.asarray(mg.erf(mg.tensor(x)).data)


def _d(s, k, v, m):
    return (m.log(s / k) + 0.5 * v * v) / v


def _call(s, k, v):
    d = _d(s, k, v, np)
    return s * _normal(d / 2.0**0.5) - k * _normal((d - v) / 2.0**0.5)


def _latlon(rng):
    yield mg.Sample(rng.uniform(-1.0, 1.0, (3, 2)), rng.uniform(-1.0, 1.0, (3, 2)))


def _haversine(a, b):
    h = (
        np.sin((a[:, 0] - b[:, 0]) / 2.0) ** 2
        + np.cos(a[:, 0]) * np.cos(b[:, 0]) * np.sin((a[:, 1] - b[:, 1]) / 2.0) ** 2
    )
    return 2.0 * np.arcsin(np.sqrt(h))


def _haversine_rule(g, y, a, b):
    dp, dl = (a[:, 0] - b[:, 0]) / 2.0, (a[:, 1] - b[:, 1]) / 2.0
    h = mg.sin(dp) ** 2 + mg.cos(a[:, 0]) * mg.cos(b[:, 0]) * mg.sin(dl) ** 2
    c = g / mg.sqrt(h * (1.0 - h))
    first = mg.sin(dp) * mg.cos(dp) - mg.sin(a[:, 0]) * mg.cos(b[:, 0]) * mg.sin(dl) ** 2
    second = mg.cos(a[:, 0]) * mg.cos(b[:, 0]) * mg.sin(dl) * mg.cos(dl)
    return mg.stack([c * first, c * second], axis=-1)


def _kalman(rng):
    for n in (1, 2):
        a = rng.normal(size=(n, n))
        yield mg.Sample(rng.normal(size=n), a @ a.T + np.eye(n), rng.normal(size=n))


def _update(x, p, z):
    return x + p @ np.linalg.solve(p + np.eye(len(x), dtype=x.dtype), z - x)


def _update_residual(g, p):
    s = p + np.eye(p.shape[0], dtype=p.dtype)
    return mg.linalg.solve(turned(s), turned(p) @ g)


def _update_p(g, y, x, p, z):
    s = p + np.eye(p.shape[0], dtype=p.dtype)
    w = mg.linalg.solve(s, z - x)
    return grown(g - _update_residual(g, p)) * w


def _bounded(rng):
    low = rng.normal(size=5)
    width = rng.uniform(0.5, 2.0, 5)
    yield mg.Sample(low + width * rng.uniform(0.1, 0.9, 5), low, low + width)


def _into_unit(x, low, high):
    return np.log((x - low) / (high - x))


def _triangles(rng):
    p = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) + rng.uniform(-0.1, 0.1, (3, 2))
    yield mg.Sample(p, rng.uniform(0.2, 0.4, (4, 2)))


def _barycentric(p, x):
    m = np.concatenate([p.T, np.ones((1, 3), p.dtype)])
    return np.linalg.solve(m, np.concatenate([x.T, np.ones((1, len(x)), x.dtype)])).T


def _barycentric_w(g, p):
    m = mg.concatenate([turned(p), np.ones((1, 3), p.dtype)])
    return mg.linalg.solve(turned(m), turned(g))


def _counts(rng):
    yield mg.Sample(rng.uniform(0.5, 3.0, 6), rng.integers(0, 5, 6))


def _log_factorials(k):
    return np.array([float(np.sum(np.log(np.arange(1, int(i) + 1)))) for i in np.ravel(k)]).reshape(np.shape(k))


def _poisson(rate, k):
    return rate - k.astype(rate.dtype) * np.log(rate) + _log_factorials(k).astype(rate.dtype)


def _digitized(x):
    return np.floor(x * 4.0) / 4.0 + 0.25 * np.tanh(8.0 * (x * 4.0 - np.floor(x * 4.0) - 0.5))


def _matrices_commute(rng):
    a = rng.normal(size=(3, 3))
    s = a + a.T
    yield mg.Sample(s)


def _matrix_sine(x):
    w, _ = np.linalg.eigh((x + x.T) / 2.0)
    return np.asarray(np.sum(np.sin(w)))


def _cos_of(s):
    """The cosine of a symmetric matrix by its series, halved and doubled."""
    z = s * (1.0 / 64.0)
    eye = np.eye(s.shape[-1], dtype=s.dtype)
    c, term = eye + z * 0.0, eye + z * 0.0
    for k in range(1, 9):
        term = term @ z @ z * (-1.0 / ((2 * k - 1) * (2 * k)))
        c = c + term
    for _ in range(6):
        c = 2.0 * (c @ c) - eye
    return c


def _prod_without(x, i, j):
    total = x[..., 0] * 0.0 + 1.0
    for k in range(x.shape[-1]):
        total = total * x[..., k] if k not in (i, j) else total
    return total


def _cubic(x):
    y = np.cbrt(x)
    for _ in range(60):
        y = y - (y * y * y + y - x) / (3.0 * y * y + 1.0)
    return y


SAMPLED: tuple[Tricky, ...] = (
    _sampled("line_through_moving_knots", _linear, {"x": lambda g, y, x, knots, values: g * _slope(x, knots, values), "knots": _knots_rule, "values": _values_rule}, _knots),
    _sampled("divergence_of_shares", lambda p, q: np.sum(p * np.log(p / q), axis=-1), {"p": lambda g, y, p, q: grown(g) * (mg.log(p / q) + 1.0), "q": lambda g, y, p, q: -grown(g) * p / q}, _simplices),
    _sampled("half_the_angle_between_unit_vectors", _angle, {"a": _angle_rule(1.0), "b": lambda g, y, a, b: _angle_rule(1.0)(g, y, b, a)}, _unit_vectors),
    _sampled("distance_in_a_metric", _mahalanobis, {"s": _mahalanobis_s, "x": _mahalanobis_x}, _spd),
    _sampled("overlap_of_boxes", _iou, {"a": _iou_rule, "b": lambda g, y, a, b: _iou_rule(g, y, b, a)}, _boxes),
    _sampled("rotation_by_unit_quaternions", _rotate, {"q": _rotate_q, "v": _rotate_v}, _quaternions),
    _sampled("columns_in_another_order", lambda x, order: x[:, order] ** 2, {"x": lambda g, y, x, order: g[:, np.argsort(plain(order))] * 2.0 * x}, _permuted, x=REAL, order=mg.integer_index(9)),
    _sampled("sums_of_ragged_rows", _ragged, {"x": _ragged_rule}, _lengths, x=REAL, lengths=mg.integer_index(9)),
    _sampled("price_of_a_call", _call, {"s": lambda g, y, s, k, v: g * _normal(_d(s, k, v, mg) / 2.0**0.5, mg), "k": lambda g, y, s, k, v: -g * _normal((_d(s, k, v, mg) - v) / 2.0**0.5, mg),
             "v": lambda g, y, s, k, v: g * s * mg.exp(-0.5 * _d(s, k, v, mg) ** 2) / (2.0 * np.pi) ** 0.5}, _markets),
    _sampled("distance_on_a_sphere", _haversine, {"a": _haversine_rule, "b": lambda g, y, a, b: _haversine_rule(g, y, b, a)}, _latlon),
    _sampled("update_of_a_filter", _update, {"x": lambda g, y, x, p, z: g - _update_residual(g, p), "p": _update_p, "z": lambda g, y, x, p, z: _update_residual(g, p)}, _kalman),
    _sampled("bounded_number_without_bounds", _into_unit, {"x": lambda g, y, x, low, high: g * (1.0 / (x - low) + 1.0 / (high - x)), "low": lambda g, y, x, low, high: -g / (x - low), "high": lambda g, y, x, low, high: -g / (high - x)}, _bounded),
    _sampled("shares_of_a_triangle", _barycentric, {"p": lambda g, y, p, x: -turned(_barycentric_w(g, p) @ y)[:, :2], "x": lambda g, y, p, x: turned(_barycentric_w(g, p))[:, :2]}, _triangles),
    _sampled("poisson_with_counts", _poisson, {"rate": lambda g, y, rate, k: g * (1.0 - plain(k).astype(rate.dtype) / rate)}, _counts, rate=POSITIVE, k=mg.integer_index(9)),
    _sampled("sum_of_sines_of_eigenvalues", _matrix_sine, {"x": lambda g, y, x: g * _cos_of((x + turned(x)) * 0.5)}, _matrices_commute),
    along_axes("product_of_all_but_each", lambda x: np.stack([np.prod(np.delete(x, i, axis=-1), axis=-1) for i in range(x.shape[-1])], axis=-1) if x.shape[-1] else x * 1.0,
               lambda g, y, x: sum(((mg.sum(mg.stack([g[..., i] * _prod_without(x, i, j) for i in range(x.shape[-1]) if i != j] or [g[..., 0] * 0.0], axis=-1), axis=-1, keepdims=True)) * (np.arange(x.shape[-1]) == j).astype(x.dtype) for j in range(x.shape[-1])), x * 0.0), (2, 3)),
    of_entries("steps_smoothed_by_a_tangent", _digitized, lambda g, y, x: g * 8.0 * (1.0 - mg.tanh(8.0 * (x * 4.0 - mg.floor(x * 4.0) - 0.5)) ** 2)),
    of_entries("inverse_of_a_sum_with_its_cube", _cubic, lambda g, y, x: g / (1.0 + 3.0 * y * y)),
    of_entries("entropy_of_a_coin", lambda x: -(1.0 + x) * np.log1p(x) - (1.0 - x) * np.log1p(-x), lambda g, y, x: g * (mg.log1p(-x) - mg.log1p(x)), UNIT),
    of_entries("square_root_of_its_square_plus_one", lambda x: np.hypot(x, 1.0).astype(x.dtype), lambda g, y, x: g * x / y),
    of_entries("arc_of_a_tangent_of_halves", lambda x: 2.0 * np.arctan(np.tanh(0.5 * x)), lambda g, y, x: g / mg.cosh(mg.clip(x, -300.0, 300.0))),
    of_entries("log_of_the_normal_density", lambda x: -0.5 * x * x - 0.9189385332046727, lambda g, y, x: -g * x),
    of_entries("sine_of_a_reciprocal", lambda x: np.sin(1.0 / x), lambda g, y, x: -g * mg.cos(1.0 / x) / (x * x), NONZERO),
    of_entries("power_of_a_share_to_itself", lambda x: (x + 2.0) ** x, lambda g, y, x: g * y * (mg.log(x + 2.0) + x / (x + 2.0)), UNIT),
    of_entries("difference_of_near_roots", lambda x: np.sqrt(x + 1.0) - np.sqrt(x), lambda g, y, x: -g * 0.5 * y / (mg.sqrt(x) * mg.sqrt(x + 1.0)), POSITIVE),
    along_axes("mean_of_logarithms_of_pairs", lambda x: np.mean(np.log1p((x[..., :, None] - x[..., None, :]) ** 2), axis=(-1, -2)) if x.shape[-1] else np.zeros(x.shape[:-1], x.dtype),
               lambda g, y, x: grown(g) * mg.sum(4.0 * (grown(x) - mg.expand_dims(x, -2)) / (1.0 + (grown(x) - mg.expand_dims(x, -2)) ** 2), axis=-1) / max(float(x.shape[-1] ** 2), 1.0), (2, 4)),
    along_axes("ratio_of_norms", lambda x: np.sum(np.abs(x), axis=-1) / np.sqrt(np.sum(x * x, axis=-1)), lambda g, y, x: grown(g) * (mg.sign(x) / grown(mg.sqrt(mg.sum(x * x, axis=-1))) - x * grown(y) / mg.sum(x * x, axis=-1, keepdims=True)), (3, 4), NONZERO),
    along_axes("weights_of_distance", lambda x: np.exp(-np.sum(x * x, axis=-1)) / (1.0 + np.exp(-np.sum(x * x, axis=-1))), lambda g, y, x: grown(g * y * (1.0 - y)) * -2.0 * x, (3, 4)),
    honest("beta_function_of_powers", lambda a, b: a**b / (1.0 + a**b), {"a": lambda g, y, a, b: g * y * (1.0 - y) * b / a, "b": lambda g, y, a, b: g * y * (1.0 - y) * mg.log(a)}, {"a": POSITIVE, "b": REAL}, elementwise=True),
)  # fmt: skip
