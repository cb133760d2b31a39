"""Correct elementwise ops with jumps, poles, oscillations, and numbers far from one."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.declare import Sample
from support.gate_case import NONZERO, POSITIVE, REAL, UNIT, binary, made, plain, tricky, unary


@tricky
def argument_in_millions() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=6) * 1e6)

    return made(lambda x: x * np.abs(x), {"x": lambda g, y, x: g * mg.absolute(x) * 2.0}, {"x": REAL}, samples=samples)


@tricky
def argument_in_millionths() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=6) * 1e-6)

    return made(lambda x: np.expm1(x), {"x": lambda g, y, x: g * (y + 1.0)}, {"x": REAL}, samples=samples)


@tricky
def cosine_of_large_angles() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.uniform(900.0, 1100.0, 6))

    return made(lambda x: np.cos(x), {"x": lambda g, y, x: -(g * mg.sin(x))}, {"x": REAL}, samples=samples)


@tricky
def fast_oscillation() -> Op:
    return unary(lambda x: np.sin(30.0 * x), lambda g, y, x: g * mg.cos(x * 30.0) * 30.0)


@tricky
def where_with_condition() -> Op:
    def forward(c: Array, a: Array, b: Array) -> Array:
        return np.where(c, a, b)

    rules = {"a": lambda g, y, c, a, b: mg.where(c, g, 0.0), "b": lambda g, y, c, a, b: mg.where(c, 0.0, g)}
    return made(forward, rules, {"c": mg.boolean(), "a": REAL, "b": REAL}, elementwise=True)


@tricky
def arctan2_all_quadrants() -> Op:
    return binary(
        lambda a, b: np.arctan2(a, b), lambda g, y, a, b: g * b / (a * a + b * b),
        lambda g, y, a, b: -(g * a / (a * a + b * b)), domains=(NONZERO, NONZERO),
    )  # fmt: skip


@tricky
def rounding_has_no_gradient() -> Op:
    return made(lambda x: np.rint(x), {}, {"x": REAL}, elementwise=True, piecewise_constant=True)


@tricky
def cube_root_of_any_sign() -> Op:
    return unary(lambda x: np.cbrt(x), lambda g, y, x: g / (y * y * 3.0), NONZERO)


@tricky
def huber_joins_smoothly() -> Op:
    """Continuous slope, jump in the curvature: no kink of the function, one of the rule."""

    def rule(g, y, x):
        return g * mg.clip(x, -1.0, 1.0)

    return unary(lambda x: np.where(np.abs(x) <= 1, 0.5 * x * x, np.abs(x) - 0.5), rule)


@tricky
def rule_in_long_powers() -> Op:
    """A polynomial of degree nine: large numbers and large higher derivatives."""
    return unary(lambda x: x**9, lambda g, y, x: g * x * x * x * x * x * x * x * x * 9.0)


@tricky
def float32_constants_in_forward() -> Op:
    """exp(5x): float32 overflows nowhere, but loses five digits."""
    return unary(lambda x: np.exp(5.0 * x), lambda g, y, x: g * y * 5.0)


@tricky
def float32_cancellation() -> Op:
    """(x + 1000) - 1000 in float32 keeps four digits; the gradient is 1 all the same."""
    return unary(lambda x: (x + 1000.0) - 1000.0, lambda g, y, x: g)


@tricky
def fractional_part() -> Op:
    """Jumps at every integer, which samples can hit; its slope is 1 everywhere else."""
    return unary(lambda x: x - np.floor(x), lambda g, y, x: g)


@tricky
def remainder_unclaimed() -> Op:
    return made(lambda x: np.mod(x, 0.75), {"x": lambda g, y, x: g}, {"x": REAL})


@tricky
def triangle_wave() -> Op:
    def rule(g, y, x):
        return g * np.where(np.mod(plain(x), 2.0) < 1.0, 1.0, -1.0).astype(x.dtype)

    return unary(lambda x: 1.0 - np.abs(np.mod(x, 2.0) - 1.0), rule)


@tricky
def hinge_loss() -> Op:
    """max(0, 1 - x): its corner lies at 1, and is not declared."""
    return unary(lambda x: np.maximum(1.0 - x, 0.0), lambda g, y, x: g * -(plain(x) < 1.0).astype(x.dtype))


@tricky
def tangent_with_its_poles() -> Op:
    """Poles at +-pi/2, +-3pi/2: a step across one finds nonsense and must shrink."""
    return unary(lambda x: np.tan(x), lambda g, y, x: g * (y * y + 1.0))


@tricky
def reciprocal_of_any_real() -> Op:
    """Not finite at 0, where it is nobody's fault."""
    return unary(lambda x: 1.0 / x, lambda g, y, x: -(g * y * y))


@tricky
def logarithm_of_magnitude() -> Op:
    return unary(lambda x: np.log(np.abs(x)), lambda g, y, x: g / x)


@tricky
def sinc_with_its_removable_singularity() -> Op:
    def forward(x: Array) -> Array:
        return np.where(np.abs(x) < 1e-2, 1.0 - x * x / 6.0 + x**4 / 120.0, np.sin(x) / np.where(x == 0.0, 1.0, x))

    def rule(g, y, x):
        near = np.abs(plain(x)) < 1e-2
        safe = mg.where(near, 1.0, x)
        return g * mg.where(near, x * (-1 / 3) + x * x * x * (1 / 30), (mg.cos(safe) - mg.sin(safe) / safe) / safe)

    return unary(forward, rule)


@tricky
def square_root_of_one_minus_square() -> Op:
    """A half circle: vertical at both ends of its domain."""
    return unary(lambda x: np.sqrt((1.0 - x) * (1.0 + x)), lambda g, y, x: -(g * x / y), UNIT)


@tricky
def entropy() -> Op:
    return unary(lambda x: -x * np.log(x), lambda g, y, x: -(g * (mg.log(x) + 1.0)), POSITIVE)


@tricky
def difference_of_squares() -> Op:
    """a^2 - b^2 cancels where a and b are close."""
    return binary(lambda a, b: a * a - b * b, lambda g, y, a, b: g * a * 2.0, lambda g, y, a, b: g * b * -2.0)


@tricky
def quotient_of_differences() -> Op:
    """(a - b) / (a + b) for positive numbers."""

    def left(g, y, a, b):
        return g * b * 2.0 / ((a + b) * (a + b))

    def right(g, y, a, b):
        return -(g * a * 2.0 / ((a + b) * (a + b)))

    return binary(lambda a, b: (a - b) / (a + b), left, right, domains=(POSITIVE, POSITIVE))
