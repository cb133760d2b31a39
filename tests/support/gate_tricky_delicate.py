"""Right but delicate: solvers, order statistics, saved results, any number of arguments. Written before trying them."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return, attr-defined"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.ops.index import scatter
from support.gate_case import DISTINCT, POSITIVE, REAL, Tricky, honest, plain
from support.gate_forms import along_axes, grown, of_entries, turned


def _eye(x):
    return np.eye(x.shape[-1], dtype=x.dtype)


def _fixed_point(x):
    z = np.zeros_like(x)
    for _ in range(200):
        z = 0.5 * np.sin(z) + x
    return z


def _babylonian(x):
    r = 0.5 * (1.0 + x)
    for _ in range(60):
        r = 0.5 * (r + x / r)
    return r


def _agm(x):
    a, b = np.ones_like(x), np.sqrt(x)
    for _ in range(12):
        a, b = 0.5 * (a + b), np.sqrt(a * b)
    return a


def _agm_rule(g, y, x):
    a, b = x * 0.0 + 1.0, mg.sqrt(x)
    da, db = x * 0.0, 0.5 / b
    for _ in range(8):
        root = mg.sqrt(a * b)
        da, db = 0.5 * (da + db), (da * b + a * db) / (2.0 * root)
        a, b = 0.5 * (a + b), root
    return g * da


def _continued(x):
    f = 1.0 + 0.0 * x
    for k in range(30, 0, -1):
        f = 1.0 + x * x / (2.0 * k + 1.0 + f)
    return f


def _continued_rule(g, y, x):
    f, d = 1.0 + 0.0 * x, 0.0 * x
    for k in range(30, 0, -1):
        low = 2.0 * k + 1.0 + f
        f, d = 1.0 + x * x / low, (2.0 * x) / low - x * x * d / (low * low)
    return g * d


def _jacobi(a, b):
    if a.ndim != 2 or b.ndim != 1 or a.shape[0] != a.shape[1] or a.shape[0] != b.shape[0]:
        raise ValueError("system")
    m = _dominant(a)
    diagonal = np.diagonal(m)
    x = np.zeros_like(b)
    for _ in range(120):
        x = (b - (m @ x - diagonal * x)) / diagonal
    return x


def _dominant(a):
    return np.tanh(a) * 0.125 * (1.0 - _eye(a)) + _eye(a) * float(a.shape[0])


def _jacobi_b(g, y, a, b):
    m = mg.tanh(a) * 0.125 * (1.0 - _eye(a)) + _eye(a) * float(a.shape[0])
    return mg.linalg.solve(turned(m), g)


def _jacobi_a(g, y, a, b):
    w = _jacobi_b(g, y, a, b)
    return -grown(w) * y * (1.0 - mg.tanh(a) ** 2) * 0.125 * (1.0 - _eye(a))


def _largest_eigenvalue(x):
    if x.ndim != 2 or x.shape[0] != x.shape[1]:
        raise ValueError("square")
    s = x @ x.T + np.diag(np.arange(1.0, len(x) + 1.0) * 4.0).astype(x.dtype)
    v = np.ones(len(x), x.dtype)
    for _ in range(4000):
        v = s @ v
        v = v / np.sqrt(v @ v)
    return np.asarray(v @ s @ v)


def _largest_eigenvalue_rule(g, y, x):
    s = x @ turned(x) + np.diag(np.arange(1.0, x.shape[0] + 1.0) * 4.0).astype(x.dtype)
    v = np.linalg.eigh(plain(s))[1][:, -1]
    shifted = s - y * _eye(x) + np.outer(v, v)
    v = mg.linalg.solve(shifted, v * 1.0)  # as the matrix moves, so does its vector
    v = v / mg.sqrt(mg.sum(v * v))
    return g * 2.0 * grown(v) * (v @ x)


def _newton_schulz(x):
    if x.ndim != 2 or x.shape[0] != x.shape[1]:
        raise ValueError("square")
    s = x @ x.T + 2.0 * _eye(x)
    z = _eye(x) / np.float64(np.linalg.norm(s, 2)).astype(x.dtype)
    for _ in range(60):
        z = z @ (2.0 * _eye(x) - s @ z)
    return z


def _newton_schulz_rule(g, y, x):
    s = x @ turned(x) + 2.0 * _eye(x)
    z = mg.linalg.inv(s)
    d = -(turned(z) @ g @ turned(z))
    return (d + turned(d)) @ x


def _lyapunov(a, q):
    if a.ndim != 2 or a.shape[0] != a.shape[1] or q.shape != a.shape:
        raise ValueError("square")
    m = np.kron(_eye(a), _stable(a)) + np.kron(_stable(a), _eye(a))
    return np.linalg.solve(m, q.ravel()).reshape(q.shape)


def _stable(a):
    return a * 0.125 + _eye(a) * 3.0


def _lyapunov_q(g, y, a, q):
    n = a.shape[0]
    m = mg.einsum("ij,kl->ikjl", _stable(a), _eye(a)) + mg.einsum("ij,kl->ikjl", _eye(a), _stable(a))
    m = mg.reshape(m, (n * n, n * n))
    return mg.reshape(mg.linalg.solve(turned(m), mg.reshape(g, (n * n,))), (n, n))


def _lyapunov_a(g, y, a, q):
    w = _lyapunov_q(g, y, a, q)
    return -(w @ turned(y) + turned(w) @ y) * 0.125


def _thomas(x):
    """A tridiagonal system of `x` by elimination."""
    n = x.shape[-1]
    upper, right = np.zeros_like(x), np.zeros_like(x)
    for i in range(n):
        pivot = 3.0 - (upper[..., i - 1] if i else 0.0)
        upper[..., i] = 1.0 / pivot
        right[..., i] = (x[..., i] - (right[..., i - 1] if i else 0.0)) / pivot
    for i in range(n - 2, -1, -1):
        right[..., i] = right[..., i] - upper[..., i] * right[..., i + 1]
    return right


def _thomas_rule(g, y, x):
    n = x.shape[-1]
    m = 3.0 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    return g @ np.linalg.inv(m).astype(x.dtype)


def _pool_adjacent(x):
    out = np.array(x, copy=True)
    for row in out.reshape(-1, x.shape[-1]) if x.ndim and x.shape[-1] else ():
        blocks: list[list[float]] = []
        for v in row:
            blocks.append([float(v), 1.0])
            while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
                (a, n), (b, m) = blocks[-2:]
                blocks[-2:] = [[(a * n + b * m) / (n + m), n + m]]
        row[:] = np.repeat([b[0] for b in blocks], [int(b[1]) for b in blocks])
    return out


def _pool_adjacent_rule(g, y, x):
    same = plain(y)[..., :, None] == plain(y)[..., None, :]
    share = same / np.sum(same, axis=-1, keepdims=True)
    return (mg.expand_dims(g, -2) @ share.astype(x.dtype))[..., 0, :]


def _winsorized(x):
    if x.shape[-1] < 3:
        raise ValueError("three numbers at least")
    s = np.sort(x, axis=-1)
    return np.mean(np.clip(x, s[..., 1:2], s[..., -2:-1]), axis=-1)


def _ranked(x, weights):
    """Weights of the sorted numbers, put back where these stand."""
    order = np.argsort(plain(x), axis=-1, kind="stable")
    w = np.zeros(x.shape, x.dtype)
    np.put_along_axis(w, order, np.broadcast_to(weights.astype(x.dtype), x.shape), axis=-1)
    return w


def _winsor_weights(n):
    w = np.ones(n)
    w[0] = w[-1] = 0.0
    w[1] += 1.0
    w[-2] += 1.0
    return w / n


def _gini(x):
    n = x.shape[-1]
    return np.sum(np.sort(x, axis=-1) * (2.0 * np.arange(1.0, n + 1.0) - n - 1.0).astype(x.dtype), axis=-1) / (n * n)


def _interquartile(x):
    if not x.shape[-1]:
        raise ValueError("numbers")
    low, high = np.quantile(x, [0.25, 0.75], axis=-1)
    return (high - low).astype(x.dtype)


def _quartile_weights(n, q):
    place = q * (n - 1)
    low = int(place)
    w = np.zeros(n)
    w[low] += 1.0 - (place - low)
    w[min(low + 1, n - 1)] += place - low
    return w


def _running_median(x):
    if x.shape[-1] < 3:
        raise ValueError("three numbers at least")
    return np.median(np.stack([x[..., :-2], x[..., 1:-1], x[..., 2:]]), axis=0)


def _running_median_rule(g, y, x):
    n = x.shape[-1]
    total = x * 0.0
    hits = np.stack([plain(x)[..., k : n - 2 + k] == plain(y) for k in range(3)])
    shares = (hits / np.sum(hits, axis=0)).astype(x.dtype)
    for k in range(3):
        total = total + scatter(g * shares[k], key=(Ellipsis, slice(k, n - 2 + k)), shape=x.shape)
    return total


def _k_largest(x, *, k=2):
    if not 0 < k <= x.shape[-1]:
        raise ValueError("k")
    return np.sum(np.sort(x, axis=-1)[..., -k:], axis=-1)


def _l1_ball(x):
    """The nearest point whose magnitudes sum to one at most."""
    if not x.shape[-1]:
        raise ValueError("numbers")
    a = np.sort(np.abs(x), axis=-1)[..., ::-1]
    n = np.arange(1.0, x.shape[-1] + 1.0).astype(x.dtype)
    excess = (np.cumsum(a, axis=-1) - 1.0) / n
    count = np.maximum(np.sum(a > excess, axis=-1, keepdims=True), 1)
    level = np.maximum(np.take_along_axis(excess, count - 1, axis=-1), 0.0)
    return np.sign(x) * np.maximum(np.abs(x) - level, 0.0)


def _l1_ball_rule(g, y, x):
    outside = np.sum(np.abs(plain(x)), axis=-1, keepdims=True) > 1.0
    active = (plain(y) != 0.0) | ~outside
    signs = np.sign(plain(x)) * active
    mean = mg.sum(g * signs.astype(x.dtype), axis=-1, keepdims=True) / np.maximum(
        np.sum(active, axis=-1, keepdims=True), 1
    ).astype(x.dtype)
    return g * active.astype(x.dtype) - mean * (signs * outside).astype(x.dtype)


def _moments(x):
    m = np.mean(x, axis=-1)
    r = 1.0 / np.sqrt(np.mean((x - m[..., None]) ** 2, axis=-1) + 0.25)
    return (x - m[..., None]) * r[..., None], m, r


def _moments_rule(g, y, x):
    """Uses what the forward function saved as outputs."""
    h, _, r = y
    n = float(x.shape[-1])
    back = grown(r) * (g[0] - mg.mean(g[0], axis=-1, keepdims=True) - h * mg.mean(g[0] * h, axis=-1, keepdims=True))
    return back + grown(g[1]) / n - h * grown(g[2] * r * r) / n


def _attention(q, k, v):
    s = q @ np.swapaxes(k, -1, -2) * 0.5
    level = np.max(s, axis=-1, keepdims=True)
    e = np.exp(s - level)
    total = np.sum(e, axis=-1, keepdims=True)
    return (e / total) @ v, (level + np.log(total))[..., 0]


def _weights_saved(q, k, y):
    return mg.exp(q @ turned(k) * 0.5 - grown(y[1]))


def _attention_scores(g, y, q, k, v):
    p = _weights_saved(q, k, y)
    d = g[0] @ turned(v)
    return p * (d - grown(mg.sum(g[0] * y[0], axis=-1)) + grown(g[1]))


def _horner(x, *coefficients):
    total = x * 0.0
    for c in coefficients[::-1]:
        total = total * x + c
    return total


def _horner_x(g, y, x, *coefficients):
    total = x * 0.0
    for k in range(len(coefficients) - 1, 0, -1):
        total = total * x + coefficients[k] * float(k)
    return g * total


def _horner_c(g, y, x, *coefficients):
    power, parts = x * 0.0 + 1.0, []
    for c in coefficients:
        parts.append(g * power + c * 0.0)
        power = power * x
    return tuple(parts)


def _geometric(*xs):
    return np.exp(sum((np.log(x) for x in xs[1:]), np.log(xs[0])) / len(xs))


def _largest_of(*xs):
    return np.maximum.reduce(np.broadcast_arrays(*xs))


def _largest_of_rule(g, y, *xs):
    hits = [(plain(x) == plain(y)) for x in xs]
    count = np.sum(np.broadcast_arrays(*hits), axis=0)
    return tuple(g * (h / count).astype(g.dtype) for h in hits)


def _chain(*ms):
    if any(m.ndim != 2 or m.shape[0] != m.shape[1] for m in ms):
        raise ValueError("square matrices")
    total = ms[0]
    for m in ms[1:]:
        total = total @ m
    return total * 1.0


def _chain_rule(g, y, *ms):
    parts = []
    for k in range(len(ms)):
        d = g
        for m in ms[:k]:
            d = turned(m) @ d
        for m in ms[:k:-1]:
            d = d @ turned(m)
        parts.append(d * 1.0)
    return tuple(parts)


def _log_sum(*xs):
    level = np.maximum.reduce(np.broadcast_arrays(*xs))
    return level + np.log(sum((np.exp(x - level) for x in xs[1:]), np.exp(xs[0] - level)))


DELICATE: tuple[Tricky, ...] = (
    of_entries("fixed_point_of_a_sine", _fixed_point, lambda g, y, x: g / (1.0 - 0.5 * mg.cos(y))),
    of_entries("root_by_babylonian_steps", _babylonian, lambda g, y, x: g * 0.5 / y, POSITIVE),
    of_entries("mean_of_two_means", _agm, _agm_rule, POSITIVE),
    of_entries("continued_fraction", _continued, _continued_rule),
    honest("system_by_jacobi_steps", _jacobi, {"a": _jacobi_a, "b": _jacobi_b}, {"a": REAL, "b": REAL}, shapes=[((3, 3), (3,))]),
    along_axes("largest_eigenvalue_by_powers", _largest_eigenvalue, _largest_eigenvalue_rule, (3, 3)),
    along_axes("inverse_by_newton_steps", _newton_schulz, _newton_schulz_rule, (3, 3)),
    honest("matrix_equation_by_kronecker", _lyapunov, {"a": _lyapunov_a, "q": _lyapunov_q}, {"a": REAL, "q": REAL}, shapes=[((3, 3), (3, 3))]),
    along_axes("tridiagonal_system_by_elimination", _thomas, _thomas_rule, (2, 5)),
    along_axes("pool_of_adjacent_violators", _pool_adjacent, _pool_adjacent_rule, (2, 5), DISTINCT),
    along_axes("winsorized_mean", _winsorized, lambda g, y, x: grown(g) * _ranked(x, _winsor_weights(x.shape[-1])), (3, 6), DISTINCT),
    along_axes("gini_differences", _gini, lambda g, y, x: grown(g) * _ranked(x, (2.0 * np.arange(1.0, x.shape[-1] + 1.0) - x.shape[-1] - 1.0) / max(x.shape[-1], 1) ** 2), (3, 5), DISTINCT),
    along_axes("interquartile_range", _interquartile, lambda g, y, x: grown(g) * _ranked(x, _quartile_weights(x.shape[-1], 0.75) - _quartile_weights(x.shape[-1], 0.25)), (3, 6), DISTINCT),
    along_axes("running_median_of_three", _running_median, _running_median_rule, (2, 6), DISTINCT),
    along_axes("sum_of_the_k_largest", _k_largest, lambda g, y, x, *, k: grown(g) * _ranked(x, (np.arange(x.shape[-1]) >= x.shape[-1] - k) * 1.0), (3, 5), DISTINCT, params=({"k": 2}, {"k": 1})),
    along_axes("projection_to_a_ball_of_magnitudes", _l1_ball, _l1_ball_rule, (3, 5), DISTINCT),
    along_axes("row_with_its_moments_saved", _moments, _moments_rule, (3, 4)),
    honest("attention_with_its_sums_saved", _attention, {"q": lambda g, y, q, k, v: _attention_scores(g, y, q, k, v) @ k * 0.5, "k": lambda g, y, q, k, v: turned(_attention_scores(g, y, q, k, v)) @ q * 0.5, "v": lambda g, y, q, k, v: turned(_weights_saved(q, k, y)) @ g[0]},
           {"q": REAL, "k": REAL, "v": REAL}, shapes=[((3, 2), (4, 2), (4, 3))]),
    honest("polynomial_of_any_degree", _horner, {"x": _horner_x, "coefficients": _horner_c}, {"x": REAL, "coefficients": REAL}, elementwise=True),
    honest("geometric_mean_of_any_number", _geometric, {"xs": lambda g, y, *xs: tuple(g * y / (x * float(len(xs))) for x in xs)}, {"xs": POSITIVE}, elementwise=True),
    honest("largest_of_any_number_shared", _largest_of, {"xs": _largest_of_rule}, {"xs": REAL}, elementwise=True, kinks="ties"),
    honest("product_of_any_number_of_matrices", _chain, {"ms": _chain_rule}, {"ms": REAL}, shapes=[((3, 3), (3, 3))]),
    honest("logarithm_of_any_number_of_exponentials", _log_sum, {"xs": lambda g, y, *xs: tuple(g * mg.exp(x - y) for x in xs)}, {"xs": REAL}, elementwise=True),
    of_entries("logarithm_of_one_minus_exponential", lambda x: np.where(x < 0.7, np.log(-np.expm1(-np.minimum(x, 700.0))), np.log1p(-np.exp(-x))).astype(x.dtype), lambda g, y, x: g / mg.expm1(mg.minimum(x, 300.0)) * np.where(plain(x) <= 300.0, 1.0, 0.0).astype(x.dtype), POSITIVE),
)  # fmt: skip
