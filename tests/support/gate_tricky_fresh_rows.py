"""Right ops of rows and matrices that look wrong: ties, decades, unused parts. Written before looking at the gate."""

# Rules are passed without types: on arrays and on Tensors alike.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import DISTINCT, POSITIVE, REAL, UNIT, Tricky, honest, plain
from support.gate_forms import along_axes, grown, require_same_shape, turned


def _last(x):
    return x.shape[-1]


def _rows(function):
    """Refuse rows without numbers."""

    def forward(x):
        if x.ndim == 0 or x.shape[-1] == 0:
            raise ValueError("rows of one number at least")
        return function(x)

    return forward


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


def _norm_or_zero(x):
    return np.sqrt(np.sum(x * x, axis=-1))


def _norm_or_zero_rule(g, y, x):
    safe = mg.where(plain(y) == 0.0, 1.0, y)
    return grown(g / safe) * x


FRESH_ROWS: tuple[Tricky, ...] = (
    along_axes(
        "largest_shared_among_equals",
        _rows(lambda x: np.max(x, axis=-1)),
        _hard_max_rule,
        domain=DISTINCT,
        kinks="ties",
    ),
    along_axes("second_largest", _second_largest, _pick_rule(-2), (3, 5), DISTINCT),
    along_axes("second_largest_of_any", _second_largest, _pick_rule(-2), (3, 5)),
    along_axes("range_of_rows", _rows(_range), _range_rule, (3, 5)),
    along_axes("deviation_from_the_median", _rows(_deviation_from_median), _deviation_rule, (3, 5)),
    along_axes(
        "geometric_mean_of_rows", _rows(_geometric), lambda g, y, x: grown(g * y) / x / _last(x), domain=POSITIVE
    ),
    along_axes(
        "harmonic_mean_of_rows",
        _rows(_harmonic),
        lambda g, y, x: grown(g * y * y) / (x * x) / _last(x),
        domain=POSITIVE,
    ),
    along_axes("squares_over_magnitudes", lambda x: _ratio_of_sums(x), _ratio_rule),
    along_axes("entropy_of_a_softmax", _rows(_entropy_of_softmax), _entropy_of_softmax_rule),
    along_axes(
        "logarithm_of_a_sum_of_squares",
        _log_of_sum_of_squares,
        lambda g, y, x: grown(2.0 * g / (1.0 + mg.sum(x * x, axis=-1))) * x,
    ),
    along_axes("total_variation", _rows(_total_variation), _total_variation_rule, (3, 5)),
    along_axes(
        "running_maximum_of_any_numbers",
        _short_rows(lambda x: np.maximum.accumulate(x, axis=-1)),
        _cumulative_max_rule,
        (3, 5),
    ),
    along_axes("length_with_zero_where_it_is_zero", _norm_or_zero, _norm_or_zero_rule, (3, 4)),
    along_axes(
        "length_with_a_declared_corner",
        _norm_or_zero,
        _norm_or_zero_rule,
        (3, 4),
        kinks=lambda rng, x: (np.concatenate([np.zeros_like(x[:1]), x[1:]]),),
    ),
    along_axes("halves_of_rows", _split_in_two, _split_rule, (3, 4)),
    along_axes("sum_beside_a_count", _sum_and_count, lambda g, y, x: grown(g[0]) + 0.0 * x),
    along_axes("gram_matrix", _gram, lambda g, y, x: mg.matmul(g + turned(g), x)),
    along_axes("log_determinant_of_a_gram_matrix", _log_determinant_of_gram, _log_determinant_of_gram_rule),
    along_axes(
        "column_in_a_million",
        lambda x: x @ (1e6 ** (np.arange(_last(x)) % 2)).astype(x.dtype),
        lambda g, y, x: grown(g) * (1e6 ** (np.arange(_last(x)) % 2)).astype(x.dtype),
    ),
    along_axes(
        "mean_next_to_a_huge_constant",
        lambda x: np.mean(x, axis=-1) + 1e8 * np.ones((), x.dtype),
        lambda g, y, x: grown(g / _last(x)) + 0.0 * x,
    ),
    along_axes(
        "sum_of_sines_of_ten_x",
        lambda x: np.sum(np.sin(10.0 * x), axis=-1),
        lambda g, y, x: grown(10.0 * g) * mg.cos(10.0 * x),
    ),
    honest("trace_of_an_inverse", _trace_of_inverse, {"x": _trace_of_inverse_rule}, {"x": mg.square_wellconditioned()}),
    honest(
        "logarithm_of_a_determinant",
        _log_determinant,
        {"x": lambda g, y, x: grown(grown(g)) * turned(mg.linalg.inv(x))},
        {"x": mg.square_wellconditioned()},
    ),
    honest(
        "polynomial_and_its_coefficients",
        _polynomial_values,
        {"x": _polynomial_x, "c": _polynomial_c},
        {"x": UNIT, "c": REAL},
        shapes=[((5,), (3,))],
    ),
    honest(
        "vector_matrix_vector",
        _bilinear,
        {
            "a": lambda g, y, a, m, b: g * mg.matmul(m, b),
            "m": lambda g, y, a, m, b: g * grown(a) * mg.expand_dims(b, 0),
            "b": lambda g, y, a, m, b: g * mg.matmul(a, m),
        },
        {"a": REAL, "m": REAL, "b": REAL},
        shapes=[((3,), (3, 4), (4,))],
    ),
    honest(
        "weighted_mean_of_rows",
        _weighted_mean,
        {
            "x": lambda g, y, x, w: grown(g / mg.sum(w, axis=-1)) * w,
            "w": lambda g, y, x, w: grown(g / mg.sum(w, axis=-1)) * (x - grown(y)),
        },
        {"x": REAL, "w": POSITIVE},
        shapes=[((3, 4), (3, 4))],
    ),
    honest(
        "rows_of_a_table",
        _lookup,
        {"table": _lookup_rule},
        {"table": REAL, "index": mg.integer_index(5)},
        shapes=[((5, 2), (4,))],
    ),
    honest(
        "logit_inside",
        _logit_of_sigmoid,
        {"x": lambda g, y, x: g / (x * (1.0 - x))},
        {"x": REAL},
        elementwise=True,
        samples=lambda rng: (mg.Sample(rng.uniform(0.02, 0.98, size=n)) for n in (1, 5)),
    ),
    honest(
        "samples_near_one",
        lambda x: np.arctanh(x),
        {"x": lambda g, y, x: g / ((1.0 - x) * (1.0 + x))},
        {"x": REAL},
        samples=lambda rng: (mg.Sample(1.0 - 10.0 ** -rng.uniform(1.0, 6.0, size=(4,))) for _ in range(2)),
    ),
    honest(
        "linear_map_of_two",
        lambda a, b: 2.0 * a - 3.0 * b,
        {"a": lambda g, y, a, b: 2.0 * g, "b": lambda g, y, a, b: -3.0 * g},
        {"a": REAL, "b": REAL},
        elementwise=True,
        linear=True,
    ),
    honest(
        "sign_of_a_difference",
        lambda a, b: np.sign(a - b),
        {},
        {"a": REAL, "b": REAL},
        elementwise=True,
        piecewise_constant=True,
    ),
)
