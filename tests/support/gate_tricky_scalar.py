"""Correct elementwise ops that a careless checker refuses: kinks, domain edges, saturation, scale."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.declare import Sample
from support.gate_case import POSITIVE, REAL, UNIT, binary, made, plain, tricky, unary


def _step(x: Array | mg.Tensor, at_zero: float, below: float = 0.0) -> Array:
    a = plain(x)
    return np.where(a > 0, 1.0, np.where(a < 0, below, at_zero)).astype(x.dtype)


@tricky
def abs_with_gradient_plus_one_at_zero() -> Op:
    return unary(lambda x: np.abs(x), lambda g, y, x: g * _step(x, 1.0, -1.0), kinks=[0.0])


@tricky
def abs_with_gradient_minus_one_at_zero() -> Op:
    return unary(lambda x: np.abs(x), lambda g, y, x: g * _step(x, -1.0, -1.0), kinks=[0.0])


@tricky
def abs_with_a_third_at_zero_unclaimed() -> Op:
    return made(lambda x: np.abs(x), {"x": lambda g, y, x: g * _step(x, 0.3, -1.0)}, {"x": REAL}, kinks=[0.0])


@tricky
def abs_without_kinks_declared() -> Op:
    return unary(lambda x: np.abs(x), lambda g, y, x: g * mg.sign(x))


@tricky
def relu_zero_at_zero() -> Op:
    return unary(lambda x: np.maximum(x, 0.0), lambda g, y, x: g * _step(x, 0.0), kinks=[0.0])


@tricky
def relu_half_at_zero() -> Op:
    return unary(lambda x: np.maximum(x, 0.0), lambda g, y, x: g * _step(x, 0.5), kinks=[0.0])


@tricky
def relu_one_at_zero_unclaimed() -> Op:
    return made(lambda x: np.maximum(x, 0.0), {"x": lambda g, y, x: g * _step(x, 1.0)}, {"x": REAL}, kinks=[0.0])


@tricky
def relu_without_kinks_declared() -> Op:
    return unary(lambda x: np.maximum(x, 0.0), lambda g, y, x: g * _step(x, 0.0))


@tricky
def leaky_relu() -> Op:
    return unary(lambda x: np.where(x > 0, x, 0.01 * x), lambda g, y, x: g * _step(x, 0.01, 0.01), kinks=[0.0])


@tricky
def clip_with_gradient_on_bounds() -> Op:
    def rule(g, y, x):
        return g * ((plain(x) >= -1.0) & (plain(x) <= 1.0)).astype(x.dtype)

    return unary(lambda x: np.clip(x, -1.0, 1.0), rule, kinks=[-1.0, 1.0])


@tricky
def clip_without_gradient_on_bounds() -> Op:
    def rule(g, y, x):
        return g * ((plain(x) > -1.0) & (plain(x) < 1.0)).astype(x.dtype)

    return unary(lambda x: np.clip(x, -1.0, 1.0), rule, kinks=[-1.0, 1.0])


@tricky
def maximum_tie_to_first() -> Op:
    def first(g, y, a, b):
        return g * (plain(a) >= plain(b)).astype(g.dtype)

    def second(g, y, a, b):
        return g * (plain(b) > plain(a)).astype(g.dtype)

    return binary(lambda a, b: np.maximum(a, b), first, second, kinks="ties")


@tricky
def maximum_tie_shared_unclaimed() -> Op:
    def share(g, a, b):
        p, q = plain(a), plain(b)
        return g * ((p > q) * 0.5 + (p >= q) * 0.5).astype(g.dtype)

    return binary(
        lambda a, b: np.maximum(a, b), lambda g, y, a, b: share(g, a, b), lambda g, y, a, b: share(g, b, a),
        kinks="ties", elementwise=False,
    )  # fmt: skip


@tricky
def sqrt_near_zero() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(10.0 ** rng.uniform(-12.0, -6.0, 8))
        yield Sample(10.0 ** rng.uniform(-6.0, 2.0, 8))

    return made(lambda x: np.sqrt(x), {"x": lambda g, y, x: g * 0.5 / y}, {"x": POSITIVE}, samples=samples)


@tricky
def log_over_twelve_decades() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(10.0 ** np.linspace(-6.0, 6.0, 13) * rng.uniform(1.0, 2.0, 13))

    return made(lambda x: np.log(x), {"x": lambda g, y, x: g / x}, {"x": POSITIVE}, samples=samples)


@tricky
def log_over_twelve_decades_elementwise() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(10.0 ** np.linspace(-6.0, 6.0, 13) * rng.uniform(1.0, 2.0, 13))

    return made(lambda x: np.log(x), {"x": lambda g, y, x: g / x}, {"x": POSITIVE}, samples=samples, elementwise=True)


@tricky
def arcsin_on_unit() -> Op:
    return unary(lambda x: np.arcsin(x), lambda g, y, x: g / mg.sqrt((1.0 - x) * (1.0 + x)), UNIT)


@tricky
def arcsin_within_1e5_of_one() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.choice([-1.0, 1.0], 6) * (1.0 - 10.0 ** rng.uniform(-5.0, -1.0, 6)))

    return made(
        lambda x: np.arcsin(x), {"x": lambda g, y, x: g / mg.sqrt((1.0 - x) * (1.0 + x))}, {"x": UNIT}, samples=samples
    )


@tricky
def arctanh_near_the_edge() -> Op:
    return unary(lambda x: np.arctanh(x), lambda g, y, x: g / ((1.0 - x) * (1.0 + x)), UNIT)


@tricky
def integer_power_of_negative_base() -> Op:
    def rule(g, y, x, *, n):
        below = x * 0.0 + 1.0
        for _ in range(n - 1):
            below = below * x
        return g * below * float(n)

    return made(lambda x, *, n: x**n, {"x": rule}, {"x": REAL}, params=[{"n": 2}, {"n": 3}, {"n": 5}], elementwise=True)


@tricky
def power_with_both_arguments() -> Op:
    return binary(
        lambda a, b: np.power(a, b), lambda g, y, a, b: g * b * mg.power(a, b - 1.0),
        lambda g, y, a, b: g * y * mg.log(a), domains=(POSITIVE, REAL),
    )  # fmt: skip


@tricky
def gelu_textbook() -> Op:
    """x (1 + tanh) / 2 cancels for negative x: its round-off is that of x, not of its value."""
    c = float(np.sqrt(2.0 / np.pi))

    def rule(g, y, x):
        t = mg.tanh((x + x * x * x * 0.044715) * c)
        return g * ((t + 1.0) * 0.5 + x * 0.5 * (1.0 - t * t) * (x * x * (3 * 0.044715) + 1.0) * c)

    return unary(lambda x: 0.5 * x * (1.0 + np.tanh(c * (x + 0.044715 * x**3))), rule)


@tricky
def naive_log1p_exp() -> Op:
    """log(1 + e^x) cancels for negative x."""
    return unary(lambda x: np.log(1.0 + np.exp(x)), lambda g, y, x: g * mg.sigmoid(x))


@tricky
def naive_one_minus_cos() -> Op:
    return unary(lambda x: 1.0 - np.cos(x), lambda g, y, x: g * mg.sin(x))


@tricky
def naive_sinh() -> Op:
    return unary(lambda x: 0.5 * (np.exp(x) - np.exp(-x)), lambda g, y, x: g * (mg.exp(x) + mg.exp(-x)) * 0.5)


@tricky
def exp_of_minus_square() -> Op:
    """Its tails are below 1e-27."""
    return unary(lambda x: np.exp(-x * x), lambda g, y, x: g * y * x * -2.0)


@tricky
def tanh_of_ten_x() -> Op:
    """Flat over most of the samples."""
    return unary(lambda x: np.tanh(10.0 * x), lambda g, y, x: g * (1.0 - y) * (1.0 + y) * 10.0)


@tricky
def sigmoid_saturated_samples() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.choice([-1.0, 1.0], 8) * rng.uniform(20.0, 40.0, 8))
        yield Sample(rng.normal(size=8))

    return made(
        lambda x: 1.0 / (1.0 + np.exp(-x)), {"x": lambda g, y, x: g * y * (1.0 - y)}, {"x": REAL}, samples=samples
    )


@tricky
def tanh_partly_saturated_unclaimed() -> Op:
    return made(lambda x: np.tanh(5.0 * x), {"x": lambda g, y, x: g * (1.0 - y * y) * 5.0}, {"x": REAL})


@tricky
def tiny_slope() -> Op:
    return unary(lambda x: 1e-7 * x, lambda g, y, x: g * 1e-7)


@tricky
def tiny_slope_unclaimed() -> Op:
    return made(lambda x: 1e-7 * x, {"x": lambda g, y, x: g * 1e-7}, {"x": REAL})


@tricky
def steep_slope() -> Op:
    return unary(lambda x: 1e8 * x, lambda g, y, x: g * 1e8)


@tricky
def steep_slope_unclaimed() -> Op:
    return made(lambda x: 1e8 * x, {"x": lambda g, y, x: g * 1e8}, {"x": REAL})
