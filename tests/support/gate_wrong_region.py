"""Wrong rules that are wrong in places only: a sign, a band, a stratum, an entry, a special value."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import (
    DISTINCT,
    INCONCLUSIVE,
    INVALID,
    MISMATCH,
    NONZERO,
    POSITIVE,
    REAL,
    UNIT,
    binary,
    either,
    made,
    plain,
    unary,
    wrong,
)


@wrong("negative only", MISMATCH)
def elu_without_exp(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.where(x > 0.0, 1.0, 1.0 if flaw else mg.exp(mg.minimum(x, 0.0)))

    return unary(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))), rule, kinks=[0.0])


@wrong("negative only", MISMATCH)
def leaky_slope_forgotten(flaw: bool) -> Op:
    slope = 0.0 if flaw else 0.01
    return unary(
        lambda x: np.where(x > 0, x, 0.01 * x), lambda g, y, x: g * either(x > 0.0, 1.0, slope, x), kinks=[0.0]
    )


@wrong("negative only", MISMATCH)
def softsign_without_abs(flaw: bool) -> Op:
    def rule(g, y, x):
        d = (x if flaw else mg.absolute(x)) + 1.0
        return g / (d * d)

    return unary(lambda x: x / (1.0 + np.abs(x)), rule)


@wrong("negative only", MISMATCH)
def cube_root_of_magnitude(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * (mg.sign(x) if flaw else 1.0) / (y * y * 3.0)

    return unary(lambda x: np.cbrt(x), rule, NONZERO)


@wrong("negative only", MISMATCH)
def unclaimed_abs_is_identity(flaw: bool) -> Op:
    rule = lambda g, y, x: g if flaw else g * mg.sign(x)  # noqa: E731
    return made(lambda x: np.abs(x), {"x": rule}, {"x": REAL}, kinks=[0.0])


@wrong("region", MISMATCH)
def huber_outside_delta(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.where(np.abs(plain(x)) <= 1.0, x, (2.0 if flaw else 1.0) * mg.sign(x))

    return unary(lambda x: np.where(np.abs(x) <= 1, 0.5 * x * x, np.abs(x) - 0.5), rule, kinks=[-1.0, 1.0])


@wrong("region", MISMATCH)
def hard_sigmoid_outside(flaw: bool) -> Op:
    def rule(g, y, x):
        return g / 6.0 * either(np.abs(plain(x)) < (4.0 if flaw else 3.0), 1.0, 0.0, x)

    return unary(lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0), rule, kinks=[-3.0, 3.0])


@wrong("region", MISMATCH)
def hard_swish_inner(flaw: bool) -> Op:
    def rule(g, y, x):
        inside = (x * (1.0 if flaw else 2.0) + 3.0) / 6.0
        return g * mg.where(x <= -3.0, 0.0, mg.where(x >= 3.0, 1.0, inside))

    return unary(lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0, rule, kinks=[-3.0, 3.0])


@wrong("region", MISMATCH)
def above_two(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * y * either(x > 2.0, 1.01 if flaw else 1.0, 1.0, g)

    return unary(lambda x: np.exp(x), rule)


@wrong("region", MISMATCH)
def above_two_unclaimed(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * either(x > 2.0, 1.01 if flaw else 1.0, 1.0, g)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("region", MISMATCH)
def above_five(flaw: bool) -> Op:
    def rule(g, y, x):
        return g / (x * x + 1.0) * either(x > 5.0, 1.01 if flaw else 1.0, 1.0, g)

    return unary(lambda x: np.arctan(x), rule)


@wrong("region", MISMATCH)
def near_zero(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.where(np.abs(plain(x)) < 0.1, 1.0 if flaw else mg.cos(x), mg.cos(x))

    return unary(lambda x: np.sin(x), rule)


@wrong("region", MISMATCH)
def very_near_zero(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.where(np.abs(plain(x)) < 0.03, 1.0 if flaw else mg.exp(x), mg.exp(x))

    return unary(lambda x: np.exp(x), rule)


@wrong("region", MISMATCH)
def one_stratum(flaw: bool) -> Op:
    def rule(g, y, x):
        band = (np.abs(plain(x)) > 1.0) & (np.abs(plain(x)) < 2.0)
        return g * (1.0 - y * y) * either(band, 0.999 if flaw else 1.0, 1.0, g)

    return unary(lambda x: np.tanh(x), rule)


@wrong("region", MISMATCH)
def arcsin_near_the_edge(flaw: bool) -> Op:
    def rule(g, y, x):
        return g / mg.sqrt(1.0 - x * x) * either(np.abs(plain(x)) > 0.9, 0.5 if flaw else 1.0, 1.0, g)

    return unary(lambda x: np.arcsin(x), rule, UNIT)


@wrong("region", MISMATCH)
def log_floor_too_high(flaw: bool) -> Op:
    return unary(lambda x: np.log(x), lambda g, y, x: g / mg.maximum(x, 0.05 if flaw else 1e-300), POSITIVE)


@wrong("region", MISMATCH)
def second_argument_negative(flaw: bool) -> Op:
    def right(g, y, a, b):
        return g * a * either(b < 0.0, -1.0 if flaw else 1.0, 1.0, g)

    return binary(lambda a, b: a * b, lambda g, y, a, b: g * b, right)


@wrong("region", MISMATCH)
def both_negative(flaw: bool) -> Op:
    def left(g, y, a, b):
        return g * b * either((a < 0.0) & (b < 0.0), 0.9 if flaw else 1.0, 1.0, g)

    return binary(lambda a, b: a * b, left, lambda g, y, a, b: g * a)


@wrong("region", MISMATCH)
def quotient_of_large_by_small(flaw: bool) -> Op:
    def left(g, y, a, b):
        return g / b * either(np.abs(plain(a)) > np.abs(plain(b)), 1.001 if flaw else 1.0, 1.0, g)

    return binary(lambda a, b: a / b, left, lambda g, y, a, b: -(g * y / b), domains=(REAL, NONZERO))


@wrong("region", MISMATCH)
def where_both_branches(flaw: bool) -> Op:
    def forward(c: Array, a: Array, b: Array) -> Array:
        return np.where(c, a, b)

    rules = {
        "a": lambda g, y, c, a, b: g if flaw else mg.where(c, g, 0.0),
        "b": lambda g, y, c, a, b: mg.where(c, 0.0, g),
    }
    return made(forward, rules, {"c": mg.boolean(), "a": REAL, "b": REAL}, elementwise=True)


@wrong("region", MISMATCH)
def where_condition_swapped(flaw: bool) -> Op:
    def forward(c: Array, a: Array, b: Array) -> Array:
        return np.where(c, a, b)

    rules = {
        "a": lambda g, y, c, a, b: mg.where(c, 0.0, g) if flaw else mg.where(c, g, 0.0),
        "b": lambda g, y, c, a, b: mg.where(c, g, 0.0) if flaw else mg.where(c, 0.0, g),
    }
    return made(forward, rules, {"c": mg.boolean(), "a": REAL, "b": REAL})


@wrong("region", MISMATCH)
def sort_above_two(flaw: bool) -> Op:
    def rule(g, y, x):
        order = np.argsort(x)
        inverse = np.argsort(order)
        return g[inverse] * either(x > 2.0, 1.01 if flaw else 1.0, 1.0, g)

    return made(lambda x: np.sort(x), {"x": rule}, {"x": DISTINCT}, shapes=[((6,),), ((17,),)])


@wrong("one entry", MISMATCH)
def last_entry_of_sum(flaw: bool) -> Op:
    weights = np.ones((2, 3, 4))
    weights[1, 2, 3] = 1.001 if flaw else 1.0

    def rule(g, y, x):
        return mg.broadcast_to(g, x.shape) * (weights.astype(x.dtype) if x.shape == weights.shape else 1.0)

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL})


@wrong("one entry", MISMATCH)
def corner_of_product(flaw: bool) -> Op:
    def left(g, y, a, b):
        w = np.ones(a.shape, dtype=a.dtype)
        w[0, 0] = 1.0001 if flaw else 1.0
        return mg.matmul(g, mg.swapaxes(b, -1, -2)) * w

    return made(
        lambda a, b: a @ b, {"a": left, "b": lambda g, y, a, b: mg.matmul(mg.swapaxes(a, -1, -2), g)},
        {"a": REAL, "b": REAL}, shapes=[((3, 4), (4, 2))],
    )  # fmt: skip


@wrong("one entry", MISMATCH)
def diagonal_of_outer(flaw: bool) -> Op:
    def left(g, y, a, b):
        hollow = 1.0 - np.eye(3, dtype=a.dtype)
        return mg.matmul(g * hollow if flaw else g, b)

    return made(
        lambda a, b: np.outer(a, b), {"a": left, "b": lambda g, y, a, b: mg.matmul(mg.transpose(g), a)},
        {"a": REAL, "b": REAL}, shapes=[((3,), (3,))],
    )  # fmt: skip


@wrong("not finite at zero", MISMATCH, INVALID, INCONCLUSIVE)
def square_by_quotient(flaw: bool) -> Op:
    return unary(lambda x: x * x, lambda g, y, x: g * 2.0 * y / x if flaw else g * x * 2.0)


@wrong("not finite at zero", MISMATCH, INVALID, INCONCLUSIVE)
def cube_by_quotient_unclaimed(flaw: bool) -> Op:
    rule = lambda g, y, x: g * 3.0 * y / x if flaw else g * x * x * 3.0  # noqa: E731
    return made(lambda x: x**3, {"x": rule}, {"x": REAL})


@wrong("not finite at zero", MISMATCH, INVALID, INCONCLUSIVE)
def abs_by_quotient(flaw: bool) -> Op:
    return unary(lambda x: np.abs(x), lambda g, y, x: g * x / y if flaw else g * mg.sign(x), kinks=[0.0])


@wrong("not finite at zero", MISMATCH, INVALID, INCONCLUSIVE)
def softsign_by_quotient(flaw: bool) -> Op:
    def rule(g, y, x):
        r = y / x if flaw else 1.0 / (mg.absolute(x) + 1.0)
        return g * r * r

    return unary(lambda x: x / (1.0 + np.abs(x)), rule)


@wrong("not finite far out", MISMATCH, INVALID, INCONCLUSIVE)
def softplus_naive_far_out(flaw: bool) -> Op:
    def rule(g, y, x):
        e = mg.exp(x)
        return g * (e / (e + 1.0)) if flaw else g * mg.sigmoid(x)

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        yield mg.Sample(rng.normal(size=6))
        yield mg.Sample(np.array([800.0, 750.0, 2.0]) + rng.normal(size=3))

    return made(lambda x: np.logaddexp(0.0, x), {"x": rule}, {"x": REAL}, samples=samples)


@wrong("branch on magnitude", MISMATCH)
def series_branch_wrong(flaw: bool) -> Op:
    """expm1(x)/x with a series near 0 whose derivative is 1/2, not 1."""

    def forward(x: Array) -> Array:
        return np.where(
            np.abs(x) < 0.02, 1.0 + x / 2 + x * x / 6 + x**3 / 24 + x**4 / 120 + x**5 / 720, np.expm1(x) / x
        )

    def rule(g, y, x):
        close = np.abs(plain(x)) < 0.02
        apart = mg.where(close, 1.0, x)
        far = (mg.exp(apart) - mg.expm1(apart) / apart) / apart
        near = x * 0.0 + 1.0 if flaw else x * (1 / 3) + 0.5 + x * x * 0.125 + x * x * x / 30 + x * x * x * x / 144
        return g * mg.where(close, near, far)

    return unary(forward, rule)
