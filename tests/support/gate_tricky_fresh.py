"""Right ops that look wrong: undefined places, ties, decades, unused parts. Written before looking at the gate."""

# Rules are passed without types: on arrays and on Tensors alike.
# Formulas stand on one line each.
# ruff: noqa: E501
# mypy: disable-error-code="no-untyped-def, no-untyped-call, operator, misc, var-annotated, no-any-return"

from __future__ import annotations

import numpy as np

import minigrad as mg
from support.gate_case import NONZERO, POSITIVE, REAL, UNIT, Tricky, binary, either, plain, tricky
from support.gate_forms import of_entries


def _sigmoid(x):
    return 0.5 + 0.5 * mg.tanh(0.5 * x)


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
    return g * mg.where(small, series, (mg.exp(s) * ((s - 1.0) / s) + 1.0 / s) / s)


def _signed_power(x):
    return np.sign(x) * np.abs(x) ** 3


def _first_true(x):
    return np.argmax(x, axis=-1)


def _log_cosh(x):
    a = np.abs(x)
    return a + np.log1p(np.exp(-2.0 * a)) - np.float64(np.log(2.0)).astype(x.dtype)


def _euclidean(a, b):
    return np.sqrt(a * a + b * b)


def _softplus_inverse(x):
    return x + np.log(-np.expm1(-x))


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
