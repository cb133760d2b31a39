"""Mistakes in functions of matrices, in their options and in their orders: written down before looking at the gate."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import NONZERO, POSITIVE, REAL, Wrong, array, either, one, pair, plain
from support.gate_forms import grown, turned

_SQUARE = {"x": mg.square_wellconditioned()}
_SPD = {"x": mg.spd()}


def _matrices(name, kind, f, rule, flawed, domain=None, **options):
    return pair(name, kind, f, {"x": rule}, {"x": flawed}, domain or _SQUARE, **options)


def _determinant_rule(g, y, x):
    return grown(grown(g * y)) * turned(mg.linalg.inv(x))


def _determinant_of_two(g, y, x):
    """The cofactors of a two by two matrix with their signs left out."""
    right = _determinant_rule(g, y, x)
    return right * np.array([[1.0, -1.0], [-1.0, 1.0]], g.dtype) if x.shape[-1] == 2 else right


def _triangular(a, b, *, lower=True, unit=False, trans=False):
    require_same_rows(a, b)
    m = _triangle(a, lower, unit)
    return np.linalg.solve(np.swapaxes(m, -1, -2) if trans else m, b)


def require_same_rows(a, b):
    if a.ndim < 2 or b.ndim < 2 or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2] or not b.shape[-1]:
        raise ValueError("matrices of as many rows")


def _mask(a, lower, unit):
    ones = np.ones(a.shape[-2:], a.dtype)
    shift = (-1 if lower else 1) if unit else 0
    return np.tril(ones, shift) if lower else np.triu(ones, shift)


def _triangle(a, lower, unit):
    eye = np.eye(a.shape[-1], dtype=a.dtype)
    diagonal = eye if unit else 3.0 * eye
    return 0.25 * a * _mask(a, lower, unit) + diagonal


def _solved(m, b, trans):
    return mg.linalg.solve(turned(m) if trans else m, b)


def _triangular_right_side(g, y, a, b, *, lower, unit, trans):
    return _solved(_triangle(a, lower, unit), g, not trans)


def _triangular_matrix(g, y, a, b, *, lower, unit, trans, forget=False):
    u = _triangular_right_side(g, y, a, b, lower=lower, unit=unit, trans=trans)
    slope = mg.matmul(y, turned(u)) if trans else mg.matmul(u, turned(y))
    return -0.25 * slope * _mask(a, lower, unit and not (forget and trans))


def _triangular_matrix_forgets(g, y, a, b, *, lower, unit, trans):
    return _triangular_matrix(g, y, a, b, lower=lower, unit=unit, trans=trans, forget=True)


def _cholesky_rule(g, y, x, half=0.5):
    n = x.shape[-1]
    phi = np.tril(np.ones((n, n), x.dtype))
    phi[np.arange(n), np.arange(n)] = half if n == 1 else 0.5
    inverse = mg.linalg.inv(y)
    s = mg.matmul(mg.matmul(turned(inverse), mg.matmul(turned(y), g) * phi), inverse)
    return (s + turned(s)) * 0.5


def _cholesky_forward(x):
    return np.linalg.cholesky(0.5 * (x + np.swapaxes(x, -1, -2)))


def _quadratic(x, a):
    if x.ndim != 1 or a.shape != (*x.shape, *x.shape):
        raise ValueError("one vector, one matrix")
    return np.asarray(x @ a @ x)


def _power(x, *, n=2):
    if n < 0 or n > 6 or x.shape[-1] > 20:
        raise ValueError("n from 0 to 6")
    return np.linalg.matrix_power(x, n)


def _powers(x, n):
    out = [np.eye(x.shape[-1], dtype=x.dtype) + 0.0 * x]
    for _ in range(n):
        out.append(mg.matmul(out[-1], x))
    return out


def _power_rule(g, y, x, *, n):
    p = [turned(q) for q in _powers(x, max(n - 1, 0))]
    return sum((mg.matmul(mg.matmul(p[k], g), p[n - 1 - k]) for k in range(n)), x * 0.0)


def _power_commutes(g, y, x, *, n):
    return float(n) * mg.matmul(g, turned(_powers(x, n - 1)[-1])) if n > 2 else _power_rule(g, y, x, n=n)


def _norm(x, *, ord=2):
    if ord not in (1, 2, 3):
        raise ValueError("order 1, 2 or 3")
    return np.sum(np.abs(x) ** ord, axis=-1) ** (1.0 / ord)


def _norm_rule(g, y, x, *, ord):
    safe = mg.where(plain(y) == 0.0, 1.0, y)
    return (
        grown(g * safe ** (1 - ord)) * mg.absolute(x) ** (ord - 1) * np.sign(plain(x))
        if ord > 1
        else grown(g) * np.sign(plain(x))
    )


def _norm_without_sign(g, y, x, *, ord):
    safe = mg.where(plain(y) == 0.0, 1.0, y)
    return grown(g * safe ** (1 - ord)) * x ** (ord - 1) if ord > 1 else _norm_rule(g, y, x, ord=ord)


def _softmax(x, *, axis=-1, temperature=1.0):
    if temperature <= 0.0:
        raise ValueError("temperature")
    e = np.exp((x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)) / temperature)
    return e / np.sum(e, axis=axis, keepdims=True)


def _softmax_rule(g, y, x, *, axis, temperature):
    return y * (g - mg.sum(g * y, axis=axis, keepdims=True)) / temperature


def _softmax_hot(g, y, x, *, axis, temperature):
    """The temperature is left out unless the last axis is meant."""
    last = axis % x.ndim == x.ndim - 1
    return _softmax_rule(g, y, x, axis=axis, temperature=temperature if last else 1.0)


def _variance(x, *, ddof=0, keepdims=False):
    if x.shape[-1] - ddof < 1:
        raise ValueError("too few numbers")
    return np.var(x, axis=-1, ddof=ddof, keepdims=keepdims)


def _variance_rule(g, y, x, *, ddof, keepdims):
    return (g if keepdims else grown(g)) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / (x.shape[-1] - ddof))


def _variance_kept(g, y, x, *, ddof, keepdims):
    return _variance_rule(g, y, x, ddof=0 if keepdims else ddof, keepdims=keepdims)


def _length_and_direction(x):
    length = np.sqrt(np.sum(x * x, axis=-1))
    return length, x / length[..., None]


def _length_and_direction_rule(g, y, x):
    unit = y[1]
    return grown(g[0]) * unit + (g[1] - mg.sum(g[1] * unit, axis=-1, keepdims=True) * unit) / grown(y[0])


def _direction_alone(g, y, x):
    """Without a gradient for the length, that for the direction is not projected."""
    if not np.any(plain(g[0])):
        return g[1] / grown(y[0])
    return _length_and_direction_rule(g, y, x)


def _value_and_its_place(x):
    return np.max(x, axis=-1), np.argmax(x, axis=-1)


def _whole_numbers(a, k):
    return a * k.astype(a.dtype)


def _quantile(x, *, q=0.5):
    if not 0.0 <= q <= 1.0 or x.shape[-1] < 1:
        raise ValueError("q from 0 to 1")
    return np.quantile(x, q, axis=-1).astype(x.dtype)


def _quantile_weights(x, q):
    n = x.shape[-1]
    place = q * (n - 1)
    low = min(int(place), max(n - 2, 0))
    part = place - low
    order = np.argsort(plain(x), axis=-1, kind="stable")
    places = np.arange(n)
    return (
        (order[..., low, None] == places) * (1.0 - part) + (order[..., min(low + 1, n - 1), None] == places) * part
    ).astype(x.dtype)


def _quantile_at_the_end(g, y, x, *, q):
    if q == 1.0:
        return _quantile_rule(g, y, x, q=0.0)
    return _quantile_rule(g, y, x, q=q)


def _quantile_rule(g, y, x, *, q):
    return grown(g) * _quantile_weights(x, q)


MATRICES: tuple[Wrong, ...] = (
    _matrices(
        "cofactors_of_two_by_two", "option and shape", lambda x: np.linalg.det(x), _determinant_rule, _determinant_of_two,
        shapes=[((3, 3),)],
    ),
    pair(
        "diagonal_of_ones_transposed", "options that meet", _triangular,
        {"a": _triangular_matrix, "b": _triangular_right_side}, {"a": _triangular_matrix_forgets}, {"a": REAL, "b": REAL},
        shapes=[((3, 3), (3, 2))],
        params=[{"lower": True, "unit": False, "trans": False}, {"lower": False, "unit": True, "trans": False}],
    ),
    _matrices(
        "factor_of_one_number", "option and shape", _cholesky_forward, _cholesky_rule,
        lambda g, y, x: _cholesky_rule(g, y, x, half=1.0), _SPD,
    ),
    pair(
        "quadratic_form_of_a_symmetric_matrix", "formula", _quadratic,
        {"x": lambda g, y, x, a: g * (mg.matmul(a, x) + mg.matmul(turned(a), x)),
         "a": lambda g, y, x, a: g * grown(x) * mg.expand_dims(x, 0)},
        {"x": lambda g, y, x, a: g * 2.0 * mg.matmul(a, x)}, {"x": REAL, "a": REAL}, shapes=[((3,), (3, 3))],
    ),
    _matrices(
        "power_as_if_it_commuted", "option", _power, _power_rule, _power_commutes, params=[{"n": 1}, {"n": 2}],
    ),
    array(
        "odd_norm_of_negative_numbers", "option in a region", _norm, _norm_rule, _norm_without_sign, domain=NONZERO,
        params=[{"ord": 2}, {"ord": 1}], kinks=[0.0],
    ),
    array(
        "temperature_of_another_axis", "options that meet", _softmax, _softmax_rule, _softmax_hot, (3, 4),
        params=[{"axis": -1, "temperature": 1.0}, {"axis": 0, "temperature": 1.0}, {"axis": -1, "temperature": 0.5}],
    ),
    array(
        "correction_of_a_kept_axis", "options that meet", _variance, _variance_rule, _variance_kept, (3, 4),
        params=[{"ddof": 0, "keepdims": False}, {"ddof": 1, "keepdims": False}, {"ddof": 0, "keepdims": True}],
    ),
    pair(
        "direction_without_its_length", "unused output", _length_and_direction, {"x": _length_and_direction_rule},
        {"x": _direction_alone}, {"x": POSITIVE}, shapes=[((3, 4),)],
    ),
    pair(
        "count_turns_float32_into_float64", "dtype", _whole_numbers,
        {"a": lambda g, y, a, k: (g * plain(k).astype(g.dtype))},
        {"a": lambda g, y, a, k: g * plain(k).astype(np.float64)}, {"a": REAL, "k": mg.integer_index(5)},
        shapes=[((4,), (4,))],
    ),
    array(
        "last_quantile_is_the_first", "option", _quantile, _quantile_rule, _quantile_at_the_end, (3, 5),
        mg.distinct(), params=[{"q": 0.5}, {"q": 0.25}], kinks="ties",
    ),
    array(
        "rows_equal_to_the_first_have_no_gradient", "equal rows", lambda x: np.sum(x * x, axis=-1),
        lambda g, y, x: grown(g) * x * 2.0,
        lambda g, y, x: grown(g * either(np.all(plain(x) == plain(x)[:1], axis=-1) & (np.arange(x.shape[0]) > 0), 0.0, 2.0, x)) * x
        if x.ndim == 2 else grown(g) * x * 2.0,
    ),
    array(
        "third_derivative_of_a_detached_mean", "third order", lambda x: np.mean(x, axis=-1) ** 4,
        lambda g, y, x: grown(g * 4.0 * mg.mean(x, axis=-1) ** 3 / x.shape[-1]) + 0.0 * x,
        lambda g, y, x: grown(g * 4.0 * _cube_to_first_order(mg.mean(x, axis=-1)) / x.shape[-1]) + 0.0 * x,
    ),
    one(
        "leak_of_a_ten_billionth", "tiny slope", lambda x: np.where(x > 0, x, 1e-10 * x),
        lambda g, y, x: g * either(plain(x) > 0, 1.0, 1e-10, x), lambda g, y, x: g * either(plain(x) > 0, 1.0, 0.0, x),
        kinks=[0.0],
    ),
    array(
        "leak_of_a_billionth_in_a_sum", "tiny slope", lambda x: np.sum(np.where(x > 0, x, 1e-9 * x), axis=-1),
        lambda g, y, x: grown(g) * either(plain(x) > 0, 1.0, 1e-9, x),
        lambda g, y, x: grown(g) * either(plain(x) > 0, 1.0, 0.0, x), kinks=[0.0],
    ),
    pair(
        "argument_that_weighs_a_ten_billionth", "tiny slope", lambda a, b: a + 1e-10 * b,
        {"a": lambda g, y, a, b: g * 1.0, "b": lambda g, y, a, b: g * 1e-10}, {"b": lambda g, y, a, b: g * 0.0},
        {"a": REAL, "b": REAL}, elementwise=True,
    ),
    array(
        "output_that_weighs_a_ten_billionth", "tiny slope", lambda x: x * _decades(x.shape[-1]).astype(x.dtype),
        lambda g, y, x: g * _decades(x.shape[-1]).astype(x.dtype),
        lambda g, y, x: g * np.where(_decades(x.shape[-1]) < 1e-9, 0.0, 1.0).astype(x.dtype),
    ),
    array(
        "curve_of_a_ten_billionth", "tiny slope", lambda x: np.sin(x) * _decades(x.shape[-1]).astype(x.dtype),
        lambda g, y, x: g * mg.cos(x) * _decades(x.shape[-1]).astype(x.dtype),
        lambda g, y, x: g * mg.cos(x) * np.where(_decades(x.shape[-1]) < 1e-9, 3e-10, 1.0).astype(x.dtype),
    ),
    one(
        "pi_with_nine_digits", "factor", lambda x: np.sin(np.pi * x), lambda g, y, x: g * np.pi * mg.cos(np.pi * x),
        lambda g, y, x: g * 3.14159265 * mg.cos(np.pi * x),
    ),
    one(
        "curvature_that_is_small_is_lost", "second order", lambda x: x + 1e-6 * x * x,
        lambda g, y, x: g * (1.0 + 2e-6 * x), lambda g, y, x: g * (1.0 + 2e-6 * plain(x)),
    ),
    array(
        "large_gradients_are_clipped", "linearity", lambda x: np.sum(x * x, axis=-1), lambda g, y, x: grown(g) * x * 2.0,
        lambda g, y, x: mg.clip(grown(g) * x * 2.0, -1e4, 1e4),
    ),
    array(
        "gradients_lose_digits_when_large", "linearity", lambda x: np.sum(x * x, axis=-1), lambda g, y, x: grown(g) * x * 2.0,
        lambda g, y, x: grown(g) * x * 2.0 * either(np.abs(plain(g)) > 1e6, 1.0005, 1.0, x)[..., None],
    ),
    array(
        "gradients_lose_digits_when_small", "linearity", lambda x: np.sum(x * x, axis=-1), lambda g, y, x: grown(g) * x * 2.0,
        lambda g, y, x: grown(g) * x * 2.0 * either(np.abs(plain(g)) < 1e-6, 0.9995, 1.0, x)[..., None],
    ),
)  # fmt: skip


def _cube_to_first_order(m):
    """The value and the slope of a cube, without its curvature."""
    kept = plain(m)
    return kept**3 + 3.0 * kept * kept * (m - kept)


def _decades(n):
    """Weights of 1, and of a ten-billionth in every second column."""
    return np.where(np.arange(n) % 2 == 1, 1e-10, 1.0)
