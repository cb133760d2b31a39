"""False claims, and samples that could not have revealed anything."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.declare import Sample
from support.gate_case import (
    INCONCLUSIVE,
    INVALID,
    MISMATCH,
    POSITIVE,
    REAL,
    made,
    plain,
    wrong,
)


@wrong("false claim", INVALID)
def elementwise_but_centred(flaw: bool) -> Op:
    return made(
        lambda x: x - np.mean(x), {"x": lambda g, y, x: g - mg.mean(g)}, {"x": REAL}, elementwise=flaw,
        shapes=() if flaw else [((3, 4),)],
    )  # fmt: skip


@wrong("false claim", INVALID)
def elementwise_but_cumulative(flaw: bool) -> Op:
    def rule(g, y, x):
        return op(g[::-1])[::-1]

    op = made(lambda x: np.cumsum(x), {"x": rule}, {"x": REAL}, elementwise=flaw, shapes=() if flaw else [((4,),)])
    return op


@wrong("false claim", INVALID)
def elementwise_but_normalised_by_max(flaw: bool) -> Op:
    def rule(g, y, x):
        top = mg.max(x)
        won = (plain(x) == plain(top)).astype(x.dtype)
        return g / top - mg.sum(g * x) / (top * top) * (won / np.maximum(won.sum(), 1).astype(x.dtype))

    return made(
        lambda x: x / np.max(x), {"x": rule}, {"x": POSITIVE}, elementwise=flaw, shapes=() if flaw else [((3, 4),)]
    )


@wrong("false claim", INVALID, MISMATCH)
def elementwise_but_positional(flaw: bool) -> Op:
    def weights(x: Array | mg.Tensor) -> Array:
        return np.arange(1.0, x.size + 1.0).reshape(x.shape).astype(x.dtype)

    return made(lambda x: x * weights(x), {"x": lambda g, y, x: g * weights(x)}, {"x": REAL}, elementwise=flaw)


def _last_sample(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample(rng.normal(size=5))
    yield Sample(rng.normal(size=4))


@wrong("false claim", INVALID)
def elementwise_but_uses_last_entry(flaw: bool) -> Op:
    """Every entry is scaled by the last one; the samples are the author's own."""

    def rule(g, y, x):
        ends = np.zeros(x.shape, dtype=x.dtype)
        ends[-1] = 1.0
        return g * x[-1] + mg.sum(g * x) * ends

    return made(lambda x: x * x[-1], {"x": rule}, {"x": REAL}, elementwise=flaw, samples=_last_sample)


@wrong("false claim", INVALID)
def elementwise_but_shifts(flaw: bool) -> Op:
    return made(
        lambda x: np.roll(x, 1), {"x": lambda g, y, x: mg.concatenate([g[1:], g[:1]])}, {"x": REAL}, elementwise=flaw,
        samples=_last_sample,
    )  # fmt: skip


@wrong("false claim", INVALID)
def linear_but_affine(flaw: bool) -> Op:
    return made(lambda x: 2.0 * x + 1.0, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}, linear=flaw, elementwise=True)


@wrong("false claim", INVALID)
def linear_but_slightly_quadratic(flaw: bool) -> Op:
    return made(lambda x: x + 1e-7 * x * x, {"x": lambda g, y, x: g * (x * 2e-7 + 1.0)}, {"x": REAL}, linear=flaw)


@wrong("false claim", INVALID)
def linear_but_product(flaw: bool) -> Op:
    return made(
        lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL},
        linear=flaw, elementwise=True,
    )  # fmt: skip


@wrong("false claim", INVALID, INCONCLUSIVE)
def linear_but_absolute_value(flaw: bool) -> Op:
    return made(
        lambda x: np.abs(x), {"x": lambda g, y, x: g * mg.sign(x)}, {"x": REAL}, linear=flaw, kinks=[0.0],
    )  # fmt: skip


@wrong("false claim", INVALID)
def linear_but_squared_at_one_metadata(flaw: bool) -> Op:
    return made(
        lambda x, *, n: x**n, {"x": lambda g, y, x, *, n: g * float(n) * x ** max(n - 1, 0)}, {"x": REAL}, linear=flaw,
        elementwise=True, params=[{"n": 1}, {"n": 2}],
    )  # fmt: skip


@wrong("false claim", MISMATCH, INCONCLUSIVE, INVALID, twin=False)
def constant_but_sawtooth(flaw: bool) -> Op:
    return made(lambda x: x - np.floor(x), {}, {"x": REAL}, piecewise_constant=True, elementwise=True)


@wrong("false claim", MISMATCH, INCONCLUSIVE, INVALID, twin=False)
def constant_but_steep_sigmoid(flaw: bool) -> Op:
    return made(lambda x: np.tanh(50.0 * x), {}, {"x": REAL}, piecewise_constant=True, elementwise=True)


@wrong("false claim", MISMATCH, INCONCLUSIVE, INVALID, twin=False)
def constant_but_slightly_sloped(flaw: bool) -> Op:
    return made(lambda x: np.floor(x) + 1e-6 * x, {}, {"x": REAL}, piecewise_constant=True)


@wrong("false claim", INVALID)
def constant_with_a_rule(flaw: bool) -> Op:
    rules = {"x": lambda g, y, x: g * 0.0} if flaw else {}
    return made(lambda x: np.sign(x), rules, {"x": REAL}, piecewise_constant=True, elementwise=True)


@wrong("vacuous", INCONCLUSIVE, twin=False)
def relu_seen_only_negative(flaw: bool) -> Op:
    """All samples are negative: nothing can be learnt from them."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(-rng.uniform(0.5, 2.0, 6))

    return made(lambda x: np.maximum(x, 0.0), {"x": lambda g, y, x: g * 0.0}, {"x": REAL}, samples=samples)


@wrong("vacuous", INCONCLUSIVE, MISMATCH)
def saturated_tanh(flaw: bool) -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.choice([-1.0, 1.0], 6) * rng.uniform(25.0, 30.0, 6) * (1.0 if flaw else 0.04))

    def rule(g, y, x):
        return g * (1.0 - y) * (1.0 + y) * (2.0 if flaw else 1.0)

    return made(lambda x: np.tanh(x), {"x": rule}, {"x": REAL}, samples=samples)


@wrong("vacuous", INCONCLUSIVE, twin=False)
def argument_without_effect(flaw: bool) -> Op:
    return made(
        lambda a, b: a + 0.0 * b, {"a": lambda g, y, a, b: g, "b": lambda g, y, a, b: g * 0.0}, {"a": REAL, "b": REAL}
    )


@wrong("vacuous", INCONCLUSIVE, twin=False)
def no_samples_at_all(flaw: bool) -> Op:
    return made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 3.0}, {"x": REAL}, samples=lambda rng: ())


@wrong("vacuous", INCONCLUSIVE, MISMATCH)
def drowned_by_a_constant(flaw: bool) -> Op:
    """exp(-x) next to 1e16: the gradient cannot be seen at all."""
    big = 1e16 if flaw else 1.0
    return made(lambda x: np.exp(-x) + big, {"x": lambda g, y, x: g * (0.0 if flaw else 1.0 - y)}, {"x": POSITIVE})
