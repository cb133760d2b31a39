"""Right ops that look wrong: undefined places, ties, decades, unused parts. Written before looking at the gate."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import DISTINCT, NONZERO, POSITIVE, REAL, UNIT, Tricky, binary, either, honest, plain, tricky
from support.gate_forms import along_axes, grown, of_entries, require_same_shape, turned


def _sigmoid(x):
    return 0.5 + 0.5 * mg.tanh(0.5 * x)


def _last(x):
    return x.shape[-1]


def _rows(function):
    """Refuse rows without numbers."""

    def forward(x):
        if x.ndim == 0 or x.shape[-1] == 0:
            raise ValueError("rows of one number at least")
        return function(x)

    return forward


def _smooth_bump(x):
    inside = np.abs(x) < 1.0
    return np.where(inside, np.exp(-1.0 / np.where(inside, 1.0 - x * x, 1.0)), 0.0).astype(x.dtype)


def _smooth_bump_rule(g, y, x):
    inside = np.abs(plain(x)) < 1.0
    d = mg.where(inside, 1.0 - x * x, 1.0)
    return g * mg.where(inside, -2.0 * x / (d * d), 0.0) * y


def _sinhc(x):
    small = np.abs(x) < 0.5
    s = np.where(small, 1.0, x)
    z = np.where(small, x * x, 0.0)
    series = 1 + z / 6 * (1 + z / 20 * (1 + z / 42 * (1 + z / 72 * (1 + z / 110 * (1 + z / 156)))))
    return np.where(small, series, np.sinh(np.clip(s, -80, 80)) / s).astype(x.dtype)


def _expm1_ratio(x):
    small = np.abs(x) < 1e-5
    s = np.where(small, 1.0, x)
    return np.where(small, 1.0 + x / 2.0 + x * x / 6.0, np.expm1(s) / s).astype(x.dtype)


def _expm1_ratio_rule(g, y, x):
    small = np.abs(plain(x)) < 0.1
    s = mg.where(small, 1.0, x)
    z = mg.where(small, x, 0.0)
    series, term = 0.0 * z, 0.0 * z + 1.0
    factorial = 1.0
    for k in range(2, 16):
        factorial *= k
        series = series + term * ((k - 1) / factorial)
        term = term * z
    return g * mg.where(small, series, (mg.exp(s) * (s - 1.0) + 1.0) / (s * s))


def _signed_power(x):
    return np.sign(x) * np.abs(x) ** 3


def _first_true(x):
    return np.argmax(x, axis=-1)


def _hard_max_rule(g, y, x):
    hot = (plain(x) == plain(y)[..., None]).astype(x.dtype)
    return grown(g) * hot / np.sum(hot, axis=-1, keepdims=True)


def _second_largest(x):
    if x.shape[-1] < 2:
        raise ValueError("two numbers at least")
    return np.sort(x, axis=-1)[..., -2]


def _pick_rule(place):
    def rule(g, y, x):
        order = np.argsort(plain(x), axis=-1, kind="stable")
        return grown(g) * (order[..., place, None] == np.arange(_last(x))).astype(x.dtype)

    return rule


def _range(x):
    return np.max(x, axis=-1) - np.min(x, axis=-1)


def _range_rule(g, y, x):
    n = np.arange(_last(x))
    high = np.argmax(plain(x), axis=-1)[..., None] == n
    low = np.argmin(plain(x), axis=-1)[..., None] == n
    return grown(g) * (high.astype(x.dtype) - low.astype(x.dtype))


def _deviation_from_median(x):
    return np.sum(np.abs(x - np.median(x, axis=-1, keepdims=True)), axis=-1)


def _deviation_rule(g, y, x):
    signs = np.sign(plain(x) - np.median(plain(x), axis=-1, keepdims=True))
    order, n = np.argsort(plain(x), axis=-1, kind="stable"), _last(x)
    middle = (order[..., (n - 1) // 2, None] == np.arange(n)) * 0.5 + (order[..., n // 2, None] == np.arange(n)) * 0.5
    return grown(g) * (signs - np.sum(signs, axis=-1, keepdims=True) * middle).astype(x.dtype)


def _geometric(x):
    return np.exp(np.mean(np.log(x), axis=-1))


def _harmonic(x):
    return _last(x) / np.sum(1.0 / x, axis=-1)


def _log_cosh(x):
    a = np.abs(x)
    return a + np.log1p(np.exp(-2.0 * a)) - np.float64(np.log(2.0)).astype(x.dtype)


def _ratio_of_sums(x):
    return np.sum(x * x, axis=-1) / (1.0 + np.sum(np.abs(x), axis=-1))


def _ratio_rule(g, y, x):
    d = 1.0 + mg.sum(mg.absolute(x), axis=-1)
    return grown(g) * (2.0 * x / grown(d) - np.sign(plain(x)) * grown(y / d))


def _entropy_of_softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True, initial=-np.inf))
    p = e / np.sum(e, axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
    return -np.sum(terms, axis=-1).astype(x.dtype)


def _entropy_of_softmax_rule(g, y, x):
    logp = mg.log_softmax(x, axis=-1)
    p = mg.exp(logp)
    return -grown(g) * p * (logp + grown(y))


def _log_of_sum_of_squares(x):
    return np.log1p(np.sum(x * x, axis=-1))


def _total_variation(x):
    return np.sum(np.abs(np.diff(x, axis=-1)), axis=-1)


def _total_variation_rule(g, y, x):
    s = np.sign(np.diff(plain(x), axis=-1)).astype(x.dtype)
    zero = np.zeros((*s.shape[:-1], 1), x.dtype)
    before, after = np.concatenate([zero, s], axis=-1), np.concatenate([s, zero], axis=-1)
    return grown(g) * (before - after)[..., : _last(x)]


def _polynomial_values(x, c):
    if c.ndim != 1 or c.shape[0] > 8:
        raise ValueError("at most eight coefficients")
    return sum((c[k] * x**k for k in range(c.shape[0])), 0.0 * x)


def _polynomial_x(g, y, x, c):
    return g * sum((c[k] * (float(k) * x ** (k - 1)) for k in range(1, c.shape[0])), 0.0 * x)


def _polynomial_c(g, y, x, c):
    return mg.stack([mg.sum(g * x**k) for k in range(c.shape[0])]) if c.shape[0] else c * 0.0


def _bilinear(a, m, b):
    if a.ndim != 1 or b.ndim != 1 or m.shape != (*a.shape, *b.shape):
        raise ValueError("two vectors and a matrix between them")
    return np.asarray(a @ m @ b)


def _gram(x):
    return x @ np.swapaxes(x, -1, -2)


def _trace_of_inverse(x):
    return np.trace(np.linalg.inv(x), axis1=-2, axis2=-1)


def _trace_of_inverse_rule(g, y, x):
    inverse = turned(mg.linalg.inv(x))
    return -grown(grown(g)) * mg.matmul(inverse, inverse)


def _log_determinant(x):
    return np.linalg.slogdet(x)[1]


def _spd_from(x):
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-2], dtype=x.dtype)


def _log_determinant_of_gram(x):
    if x.shape[-1] > 64 or x.shape[-2] > 64:
        raise ValueError("matrices up to 64")
    return np.linalg.slogdet(_spd_from(x))[1]


def _log_determinant_of_gram_rule(g, y, x):
    m = mg.matmul(x, turned(x)) + np.eye(x.shape[-2], dtype=x.dtype)
    return grown(grown(2.0 * g)) * mg.matmul(mg.linalg.inv(m), x)


def _weighted_mean(x, w):
    require_same_shape(x, w)
    return np.sum(x * w, axis=-1) / np.sum(w, axis=-1)


def _euclidean(a, b):
    return np.sqrt(a * a + b * b)


def _softplus_inverse(x):
    return x + np.log(-np.expm1(-x))


def _logit_of_sigmoid(x):
    return np.log(x / (1.0 - x))


def _lookup(table, index):
    if table.ndim < 1 or table.shape[0] < 5:
        raise ValueError("five rows at least")
    return table[index]


def _lookup_rule(g, y, table, index):
    rows = (plain(index).reshape(-1)[:, None] % table.shape[0] == np.arange(table.shape[0])).astype(g.dtype)
    flat = mg.reshape(g, (rows.shape[0], int(np.prod(table.shape[1:]))))
    return mg.reshape(mg.matmul(np.ascontiguousarray(rows.T), flat), table.shape)


def _sum_and_count(x):
    return np.sum(x, axis=-1), np.sum(x > 0, axis=-1)


def _split_in_two(x):
    n = _last(x) // 2
    return x[..., :n], x[..., n:]


def _split_rule(g, y, x):
    return mg.concatenate([g[0], g[1]], axis=-1)


def _cumulative_max_rule(g, y, x):
    values = plain(x)
    places = np.arange(_last(x))
    peaks = np.maximum.accumulate(values, axis=-1)
    fresh = np.concatenate([np.ones_like(values[..., :1], dtype=bool), values[..., 1:] > peaks[..., :-1]], axis=-1)
    leader = np.maximum.accumulate(np.where(fresh, places, 0), axis=-1)
    hot = (leader[..., :, None] == places).astype(x.dtype)
    return mg.squeeze(mg.matmul(mg.expand_dims(g, -2), hot), axis=-2)


def _short_rows(function, longest=64):
    def forward(x):
        if x.ndim == 0 or not 0 < x.shape[-1] <= longest:
            raise ValueError("rows of one to 64 numbers")
        return function(x)

    return forward


def _soft_threshold(x, *, width=0.5):
    if width < 0:
        raise ValueError("width")
    return np.sign(x) * np.maximum(np.abs(x) - width, 0.0).astype(x.dtype)


def _mod_one(x):
    return x - np.floor(x)


def _smoothstep(x):
    t = np.clip(x, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _smoothstep_rule(g, y, x):
    inside = (plain(x) > 0.0) & (plain(x) < 1.0)
    return g * mg.where(inside, 6.0 * x * (1.0 - x), 0.0)


def _norm_or_zero(x):
    return np.sqrt(np.sum(x * x, axis=-1))


def _norm_or_zero_rule(g, y, x):
    safe = mg.where(plain(y) == 0.0, 1.0, y)
    return grown(g / safe) * x


FRESH: tuple[Tricky, ...] = (
    of_entries("bump_with_compact_support", _smooth_bump, _smooth_bump_rule),
    of_entries("sign_times_cube", _signed_power, lambda g, y, x: g * 3.0 * x * x),
    of_entries("expm1_over_x", _expm1_ratio, _expm1_ratio_rule),
    of_entries("log_cosh_by_its_magnitude", _log_cosh, lambda g, y, x: g * mg.tanh(x)),
    of_entries("inverse_of_softplus", _softplus_inverse, lambda g, y, x: g / -mg.expm1(-x), POSITIVE),
    of_entries("soft_threshold_at_a_half", _soft_threshold,
               lambda g, y, x, *, width: g * (np.abs(plain(x)) > width).astype(x.dtype), kinks=[-0.5, 0.5]),
    of_entries("soft_threshold_undeclared", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0.0),
               lambda g, y, x: g * (np.abs(plain(x)) > 0.5).astype(x.dtype)),
    of_entries("number_minus_its_floor", _mod_one, lambda g, y, x: g * 1.0),
    of_entries("smoothstep_joins_twice", _smoothstep, _smoothstep_rule),
    of_entries("arccos_of_a_share", lambda x: np.arccos(x), lambda g, y, x: -g / mg.sqrt((1.0 - x) * (1.0 + x)), UNIT),
    of_entries("cosine_of_a_square", lambda x: np.cos(x * x), lambda g, y, x: -2.0 * g * x * mg.sin(x * x), UNIT),
    of_entries("exponential_of_a_reciprocal", lambda x: np.exp(-1.0 / x), lambda g, y, x: g * y / (x * x), POSITIVE),
    of_entries("logarithm_twice", lambda x: np.log1p(np.log1p(x)), lambda g, y, x: g / ((1.0 + x) * (1.0 + mg.log1p(x))), POSITIVE),
    of_entries("x_to_the_x", lambda x: np.exp(x * np.log(x)), lambda g, y, x: g * y * (mg.log(x) + 1.0), POSITIVE),
    of_entries("cube_root_squared", lambda x: np.cbrt(x) ** 2, lambda g, y, x: g * (2.0 / 3.0) / mg.cbrt(x), NONZERO, kinks=[0.0]),
    of_entries("reciprocal_plus_one_squared", lambda x: 1.0 / (1.0 + x * x), lambda g, y, x: -2.0 * g * x * y * y),
    of_entries("swish_by_tanh", lambda x: x * (0.5 + 0.5 * np.tanh(0.5 * x)),
               lambda g, y, x: g * (_sigmoid(x) + x * _sigmoid(x) * (1.0 - _sigmoid(x)))),
    of_entries("quartic_well", lambda x: (x * x - 1.0) ** 2, lambda g, y, x: 4.0 * g * x * (x * x - 1.0)),
    of_entries("step_times_square", lambda x: np.where(x > 0, x * x, 0.0), lambda g, y, x: g * mg.where(plain(x) > 0, 2.0 * x, 0.0)),
    of_entries("sinc_of_a_shift", lambda x: np.sinc(x - 0.5), lambda g, y, x: g * np.pi * _sinc_slope(x - 0.5)),
    of_entries("constant_at_both_ends", lambda x: np.clip(x, -2.0, 2.0), lambda g, y, x: g * (np.abs(plain(x)) <= 2.0).astype(x.dtype)),
    along_axes("largest_shared_among_equals", _rows(lambda x: np.max(x, axis=-1)), _hard_max_rule, domain=DISTINCT, kinks="ties"),
    along_axes("second_largest", _second_largest, _pick_rule(-2), (3, 5), DISTINCT),
    along_axes("second_largest_of_any", _second_largest, _pick_rule(-2), (3, 5)),
    along_axes("range_of_rows", _rows(_range), _range_rule, (3, 5)),
    along_axes("deviation_from_the_median", _rows(_deviation_from_median), _deviation_rule, (3, 5)),
    along_axes("geometric_mean_of_rows", _rows(_geometric), lambda g, y, x: grown(g * y) / x / _last(x), domain=POSITIVE),
    along_axes("harmonic_mean_of_rows", _rows(_harmonic), lambda g, y, x: grown(g * y * y) / (x * x) / _last(x), domain=POSITIVE),
    along_axes("squares_over_magnitudes", lambda x: _ratio_of_sums(x), _ratio_rule),
    along_axes("entropy_of_a_softmax", _rows(_entropy_of_softmax), _entropy_of_softmax_rule),
    along_axes("logarithm_of_a_sum_of_squares", _log_of_sum_of_squares,
               lambda g, y, x: grown(2.0 * g / (1.0 + mg.sum(x * x, axis=-1))) * x),
    along_axes("total_variation", _rows(_total_variation), _total_variation_rule, (3, 5)),
    along_axes("running_maximum_of_any_numbers", _short_rows(lambda x: np.maximum.accumulate(x, axis=-1)), _cumulative_max_rule, (3, 5)),
    along_axes("length_with_zero_where_it_is_zero", _norm_or_zero, _norm_or_zero_rule, (3, 4)),
    along_axes("length_with_a_declared_corner", _norm_or_zero, _norm_or_zero_rule, (3, 4),
               kinks=lambda rng, x: (np.concatenate([np.zeros_like(x[:1]), x[1:]]),)),
    along_axes("halves_of_rows", _split_in_two, _split_rule, (3, 4)),
    along_axes("sum_beside_a_count", _sum_and_count, lambda g, y, x: grown(g[0]) + 0.0 * x),
    along_axes("gram_matrix", _gram, lambda g, y, x: mg.matmul(g + turned(g), x)),
    along_axes("log_determinant_of_a_gram_matrix", _log_determinant_of_gram, _log_determinant_of_gram_rule),
    along_axes("column_in_a_million", lambda x: x @ (1e6 ** (np.arange(_last(x)) % 2)).astype(x.dtype),
               lambda g, y, x: grown(g) * (1e6 ** (np.arange(_last(x)) % 2)).astype(x.dtype)),
    along_axes("mean_next_to_a_huge_constant", lambda x: np.mean(x, axis=-1) + 1e8 * np.ones((), x.dtype),
               lambda g, y, x: grown(g / _last(x)) + 0.0 * x),
    along_axes("sum_of_sines_of_ten_x", lambda x: np.sum(np.sin(10.0 * x), axis=-1), lambda g, y, x: grown(10.0 * g) * mg.cos(10.0 * x)),
    honest("trace_of_an_inverse", _trace_of_inverse, {"x": _trace_of_inverse_rule}, {"x": mg.square_wellconditioned()}),
    honest("logarithm_of_a_determinant", _log_determinant, {"x": lambda g, y, x: grown(grown(g)) * turned(mg.linalg.inv(x))},
           {"x": mg.square_wellconditioned()}),
    honest("polynomial_and_its_coefficients", _polynomial_values, {"x": _polynomial_x, "c": _polynomial_c},
           {"x": UNIT, "c": REAL}, shapes=[((5,), (3,))]),
    honest("vector_matrix_vector", _bilinear, {
        "a": lambda g, y, a, m, b: g * mg.matmul(m, b), "m": lambda g, y, a, m, b: g * grown(a) * mg.expand_dims(b, 0),
        "b": lambda g, y, a, m, b: g * mg.matmul(a, m)}, {"a": REAL, "m": REAL, "b": REAL}, shapes=[((3,), (3, 4), (4,))]),
    honest("weighted_mean_of_rows", _weighted_mean, {
        "x": lambda g, y, x, w: grown(g / mg.sum(w, axis=-1)) * w,
        "w": lambda g, y, x, w: grown(g / mg.sum(w, axis=-1)) * (x - grown(y))}, {"x": REAL, "w": POSITIVE}, shapes=[((3, 4), (3, 4))]),
    honest("rows_of_a_table", _lookup, {"table": _lookup_rule}, {"table": REAL, "index": mg.integer_index(5)}, shapes=[((5, 2), (4,))]),
    honest("logit_inside", _logit_of_sigmoid, {"x": lambda g, y, x: g / (x * (1.0 - x))}, {"x": REAL}, elementwise=True,
           samples=lambda rng: (mg.Sample(rng.uniform(0.02, 0.98, size=n)) for n in (1, 5))),
    honest("samples_near_one", lambda x: np.arctanh(x), {"x": lambda g, y, x: g / ((1.0 - x) * (1.0 + x))}, {"x": REAL},
           samples=lambda rng: (mg.Sample(1.0 - 10.0 ** -rng.uniform(1.0, 6.0, size=(4,))) for _ in range(2))),
    honest("linear_map_of_two", lambda a, b: 2.0 * a - 3.0 * b, {"a": lambda g, y, a, b: 2.0 * g, "b": lambda g, y, a, b: -3.0 * g},
           {"a": REAL, "b": REAL}, elementwise=True, linear=True),
    honest("sign_of_a_difference", lambda a, b: np.sign(a - b), {},
           {"a": REAL, "b": REAL}, elementwise=True, piecewise_constant=True),
)  # fmt: skip


def _sinc_slope(x):
    """The slope of sin(pi x) / (pi x) over pi, by its series near 0."""
    small = np.abs(plain(x)) < 0.25
    z = mg.where(small, x * np.pi, 0.0)
    s = mg.where(small, 1.0, x * np.pi)
    series, term = 0.0 * z, z
    factorial = 1.0
    for k in range(1, 12):
        factorial *= (2 * k) * (2 * k + 1)
        series = series + (-1.0) ** k * (2 * k) / factorial * term
        term = term * z * z
    return mg.where(small, series, (mg.cos(s) * s - mg.sin(s)) / (s * s))


@tricky
def hypotenuse_of_any_two():
    return binary(_euclidean, lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y, domains=(NONZERO, NONZERO))


@tricky
def ratio_that_saturates():
    return binary(
        lambda a, b: a / (np.abs(b) + np.abs(a) + 1.0),
        lambda g, y, a, b: g * (mg.absolute(b) + 1.0) / (mg.absolute(b) + mg.absolute(a) + 1.0) ** 2,
        lambda g, y, a, b: -g * a * np.sign(plain(b)) / (mg.absolute(b) + mg.absolute(a) + 1.0) ** 2,
    )


@tricky
def smaller_in_magnitude():
    def chosen(a, b):
        return np.abs(plain(a)) <= np.abs(plain(b))

    return binary(
        lambda a, b: np.where(np.abs(a) <= np.abs(b), a, b),
        lambda g, y, a, b: g * either(chosen(a, b), 1.0, 0.0, g),
        lambda g, y, a, b: g * either(chosen(a, b), 0.0, 1.0, g),
    )


@tricky
def power_of_positive_numbers():
    return binary(
        lambda a, b: np.power(a, b),
        lambda g, y, a, b: g * b * mg.power(a, b - 1.0),
        lambda g, y, a, b: g * y * mg.log(a),
        domains=(POSITIVE, REAL),
    )


@tricky
def logarithm_of_a_sum_of_two_exponentials():
    return binary(
        lambda a, b: np.logaddexp(a, b),
        lambda g, y, a, b: g * _sigmoid(a - b),
        lambda g, y, a, b: g * _sigmoid(b - a),
    )


@tricky
def arctangent_of_two():
    return binary(
        lambda a, b: np.arctan2(a, b),
        lambda g, y, a, b: g * b / (a * a + b * b),
        lambda g, y, a, b: -g * a / (a * a + b * b),
        domains=(NONZERO, NONZERO),
    )
