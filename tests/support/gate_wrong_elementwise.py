"""Wrong rules of elementwise ops: signs, factors, forgotten terms, small errors, wrong constants."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import (
    INCONCLUSIVE,
    INVALID,
    MISMATCH,
    NONZERO,
    POSITIVE,
    REAL,
    UNIT,
    binary,
    made,
    unary,
    wrong,
)

ALPHA, SELU = 1.6732632423543772, 1.0507009873554805


@wrong("sign", MISMATCH)
def cos_without_minus(flaw: bool) -> Op:
    return unary(lambda x: np.cos(x), lambda g, y, x: g * mg.sin(x) * (1.0 if flaw else -1.0))


@wrong("sign", MISMATCH)
def reciprocal_without_minus(flaw: bool) -> Op:
    return unary(lambda x: 1.0 / x, lambda g, y, x: g * y * y * (1.0 if flaw else -1.0), NONZERO)


@wrong("sign", MISMATCH)
def subtract_both_plus(flaw: bool) -> Op:
    return binary(lambda a, b: a - b, lambda g, y, a, b: g, lambda g, y, a, b: g if flaw else -g)


@wrong("sign", MISMATCH)
def arccos_sign(flaw: bool) -> Op:
    sign = 1.0 if flaw else -1.0
    return unary(lambda x: np.arccos(x), lambda g, y, x: g * sign / mg.sqrt(1.0 - x * x), UNIT)


@wrong("factor", MISMATCH)
def square_without_two(flaw: bool) -> Op:
    return unary(lambda x: x * x, lambda g, y, x: g * x if flaw else g * x * 2.0)


@wrong("factor", MISMATCH)
def sqrt_without_half(flaw: bool) -> Op:
    return unary(lambda x: np.sqrt(x), lambda g, y, x: g / y * (1.0 if flaw else 0.5), POSITIVE)


@wrong("factor", MISMATCH)
def exp2_without_ln2(flaw: bool) -> Op:
    return unary(lambda x: np.exp2(x), lambda g, y, x: g * y * (1.0 if flaw else float(np.log(2.0))))


@wrong("factor", MISMATCH)
def log10_without_ln10(flaw: bool) -> Op:
    return unary(lambda x: np.log10(x), lambda g, y, x: g / x / (1.0 if flaw else float(np.log(10.0))), POSITIVE)


@wrong("factor", MISMATCH)
def radians_inverted(flaw: bool) -> Op:
    factor = 180.0 / np.pi
    return unary(lambda x: x * (np.pi / 180.0), lambda g, y, x: g * float(factor if flaw else 1.0 / factor))


@wrong("formula", MISMATCH)
def tanh_one_minus_y(flaw: bool) -> Op:
    return unary(lambda x: np.tanh(x), lambda g, y, x: g * (1.0 - (y if flaw else y * y)))


@wrong("formula", MISMATCH)
def sigmoid_y_squared(flaw: bool) -> Op:
    return unary(lambda x: 1.0 / (1.0 + np.exp(-x)), lambda g, y, x: g * (1.0 - y * y if flaw else y * (1.0 - y)))


@wrong("formula", MISMATCH)
def softplus_tanh(flaw: bool) -> Op:
    return unary(lambda x: np.logaddexp(0.0, x), lambda g, y, x: g * (mg.tanh(x) if flaw else mg.sigmoid(x)))


@wrong("formula", MISMATCH)
def arctan_missing_one(flaw: bool) -> Op:
    return unary(lambda x: np.arctan(x), lambda g, y, x: g / (x * x + (0.0 if flaw else 1.0)), NONZERO)


@wrong("formula", MISMATCH)
def tan_of_output_minus(flaw: bool) -> Op:
    sign = -1.0 if flaw else 1.0
    return unary(lambda x: np.tan(x), lambda g, y, x: g * (1.0 + sign * y * y), UNIT)


@wrong("formula", MISMATCH)
def arcsinh_as_arccosh(flaw: bool) -> Op:
    shift = -1.0 if flaw else 1.0
    return unary(
        lambda x: np.arcsinh(x * 4.0), lambda g, y, x: g * 4.0 / mg.sqrt(mg.absolute(x * x * 16.0 + shift)), NONZERO
    )


@wrong("formula", MISMATCH)
def arctanh_without_square(flaw: bool) -> Op:
    return unary(lambda x: np.arctanh(x), lambda g, y, x: g / (1.0 - (mg.absolute(x) if flaw else x * x)), UNIT)


@wrong("forgotten term", MISMATCH)
def silu_product_rule(flaw: bool) -> Op:
    def rule(g, y, x):
        s = mg.sigmoid(x)
        return g * s if flaw else g * (s + y * (1.0 - s))

    return unary(lambda x: x / (1.0 + np.exp(-x)), rule)


@wrong("forgotten term", MISMATCH)
def gelu_inner_derivative(flaw: bool) -> Op:
    c = float(np.sqrt(2.0 / np.pi))

    def rule(g, y, x):
        t = mg.tanh((x + x * x * x * 0.044715) * c)
        inner = c if flaw else (x * x * (3 * 0.044715) + 1.0) * c
        return g * ((t + 1.0) * 0.5 + x * 0.5 * (1.0 - t * t) * inner)

    return unary(lambda x: 0.5 * x * (1.0 + np.tanh(c * (x + 0.044715 * x**3))), rule)


@wrong("forgotten term", MISMATCH)
def mish_inner_sigmoid(flaw: bool) -> Op:
    def rule(g, y, x):
        t = mg.tanh(mg.softplus(x))
        return g * (t + x * (1.0 - t * t) * (1.0 if flaw else mg.sigmoid(x)))

    return unary(lambda x: x * np.tanh(np.logaddexp(0.0, x)), rule)


@wrong("forgotten term", MISMATCH)
def xlogx_plus_one(flaw: bool) -> Op:
    return unary(lambda x: x * np.log(x), lambda g, y, x: g * (mg.log(x) + (0.0 if flaw else 1.0)), POSITIVE)


@wrong("forgotten term", MISMATCH)
def divide_denominator_once(flaw: bool) -> Op:
    return binary(
        lambda a, b: a / b, lambda g, y, a, b: g / b,
        lambda g, y, a, b: -(g * a / b) if flaw else -(g * y / b), domains=(REAL, NONZERO),
    )  # fmt: skip


@wrong("forgotten term", MISMATCH)
def hypot_unnormalised(flaw: bool) -> Op:
    return binary(
        lambda a, b: np.hypot(a, b), lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b if flaw else g * b / y,
        domains=(REAL, NONZERO),
    )  # fmt: skip


@wrong("second argument only", MISMATCH)
def power_log_of_exponent(flaw: bool) -> Op:
    return binary(
        lambda a, b: np.power(a, b), lambda g, y, a, b: g * b * mg.power(a, b - 1.0),
        lambda g, y, a, b: g * y * mg.log(mg.absolute(b) if flaw else a), domains=(POSITIVE, REAL),
    )  # fmt: skip


@wrong("second argument only", MISMATCH)
def arctan2_second_sign(flaw: bool) -> Op:
    return binary(
        lambda a, b: np.arctan2(a, b), lambda g, y, a, b: g * b / (a * a + b * b),
        lambda g, y, a, b: g * (a if flaw else -a) / (a * a + b * b), domains=(REAL, NONZERO),
    )  # fmt: skip


@wrong("second argument only", MISMATCH)
def logaddexp_same_for_both(flaw: bool) -> Op:
    return binary(
        lambda a, b: np.logaddexp(a, b), lambda g, y, a, b: g * mg.exp(a - y),
        lambda g, y, a, b: g * mg.exp((a if flaw else b) - y),
    )  # fmt: skip


@wrong("arguments swapped", MISMATCH)
def multiply_swapped(flaw: bool) -> Op:
    return binary(
        lambda a, b: a * b, lambda g, y, a, b: g * (a if flaw else b), lambda g, y, a, b: g * (b if flaw else a)
    )


@wrong("arguments swapped", MISMATCH)
def lerp_weights_swapped(flaw: bool) -> Op:
    def forward(a: Array, b: Array, w: Array) -> Array:
        return a + (b - a) * w

    rules = {
        "a": lambda g, y, a, b, w: g * (w if flaw else 1.0 - w),
        "b": lambda g, y, a, b, w: g * (1.0 - w if flaw else w),
        "w": lambda g, y, a, b, w: g * (b - a),
    }
    return made(forward, rules, {"a": REAL, "b": REAL, "w": UNIT}, elementwise=True)


@wrong("third argument only", MISMATCH)
def fused_multiply_add_third(flaw: bool) -> Op:
    def forward(a: Array, b: Array, c: Array) -> Array:
        return a * b + c

    rules = {
        "a": lambda g, y, a, b, c: g * b,
        "b": lambda g, y, a, b, c: g * a,
        "c": lambda g, y, a, b, c: g * (1.001 if flaw else 1.0),
    }
    return made(forward, rules, {"a": REAL, "b": REAL, "c": REAL})


@wrong("relative error 1e-4", MISMATCH)
def exp_off_by_1e4(flaw: bool) -> Op:
    return unary(lambda x: np.exp(x), lambda g, y, x: g * y * (1.0001 if flaw else 1.0))


@wrong("relative error 1e-6", MISMATCH)
def sin_off_by_1e6(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x) * (1.000001 if flaw else 1.0))


@wrong("relative error 1e-6", MISMATCH)
def exp_off_by_1e6_unclaimed(flaw: bool) -> Op:
    return made(lambda x: np.exp(x), {"x": lambda g, y, x: g * y * (1.000001 if flaw else 1.0)}, {"x": REAL})


@wrong("relative error 1e-8", MISMATCH)
def log_off_by_1e8(flaw: bool) -> Op:
    return unary(lambda x: np.log(x), lambda g, y, x: g / x * (1.00000001 if flaw else 1.0), POSITIVE)


@wrong("truncated constant", MISMATCH)
def erf_density_constant(flaw: bool) -> Op:
    c = 1.1284 if flaw else 2.0 / float(np.sqrt(np.pi))

    def forward(x: Array) -> Array:
        return np.vectorize(math.erf, otypes=[x.dtype])(x)

    return unary(forward, lambda g, y, x: g * mg.exp(-(x * x)) * c)


@wrong("truncated constant", MISMATCH)
def selu_short_constants(flaw: bool) -> Op:
    alpha, scale = (1.67326, 1.0507) if flaw else (ALPHA, SELU)

    def rule(g, y, x):
        return g * mg.where(x > 0.0, scale, mg.exp(mg.minimum(x, 0.0)) * (alpha * scale))

    return unary(lambda x: SELU * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0.0))), rule, kinks=[0.0])


@wrong("approximate derivative", MISMATCH)
def derivative_by_differences(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * (mg.sin(x + 1e-3) - mg.sin(x)) * 1e3 if flaw else g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("approximate derivative", MISMATCH)
def epsilon_in_denominator(flaw: bool) -> Op:
    return unary(lambda x: np.log(x), lambda g, y, x: g / (x + (1e-7 if flaw else 0.0)), POSITIVE)


@wrong("approximate derivative", MISMATCH)
def sqrt_with_epsilon(flaw: bool) -> Op:
    return unary(lambda x: np.sqrt(x), lambda g, y, x: g * 0.5 / (y + (1e-6 if flaw else 0.0)), POSITIVE)


@wrong("no gradient", MISMATCH, INVALID, INCONCLUSIVE)
def zero_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * 0.0 if flaw else g * mg.cos(x))


@wrong("no gradient", MISMATCH)
def tiny_slope_declared_zero(flaw: bool) -> Op:
    return unary(lambda x: 5e-6 * x, lambda g, y, x: g * (0.0 if flaw else 5e-6))


@wrong("no gradient", MISMATCH, INCONCLUSIVE)
def tinier_slope_declared_zero(flaw: bool) -> Op:
    return made(lambda x: 1e-9 * x, {"x": lambda g, y, x: g * (0.0 if flaw else 1e-9)}, {"x": REAL})


@wrong("straight-through", MISMATCH, INCONCLUSIVE, twin=False)
def round_straight_through(flaw: bool) -> Op:
    return unary(lambda x: np.rint(x * 4.0) / 4.0, lambda g, y, x: g)
