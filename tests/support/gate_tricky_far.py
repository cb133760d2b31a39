"""Correct ops at thresholds, with cancellation, saturation and noise inside, at numbers far from and near to zero."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array, IndexArray
from minigrad.verify.declare import Sample
from support.gate_case import DISTINCT, NONZERO, POSITIVE, REAL, UNIT, binary, either, made, plain, tricky, unary


@tricky
def softplus_with_threshold() -> Op:
    """x itself above 20, as in PyTorch: a jump of 2e-9 in the function."""

    def forward(x: Array) -> Array:
        return np.where(x > 20, x, np.logaddexp(x.dtype.type(0), np.minimum(x, x.dtype.type(20))))

    return unary(forward, lambda g, y, x: g * mg.where(plain(x) > 20, 1.0, mg.sigmoid(x)))


@tricky
def logit_of_a_share() -> Op:
    return unary(lambda x: np.log1p(x) - np.log1p(-x), lambda g, y, x: g * 2.0 / (1.0 - x * x), UNIT)


@tricky
def logarithm_of_cosh() -> Op:
    def forward(x: Array) -> Array:
        a = np.abs(x)
        return np.asarray(a + np.log1p(np.exp(-2 * a)) - x.dtype.type(np.log(2.0)))

    return unary(forward, lambda g, y, x: g * mg.tanh(x))


@tricky
def relative_exponential() -> Op:
    """expm1(x) / x; its rule subtracts nearly equal numbers near 0."""
    return unary(lambda x: np.expm1(x) / x, lambda g, y, x: g * (mg.exp(x) - y) / x, NONZERO)


@tricky
def sinh_minus_x() -> Op:
    """Loses all digits near 0, and so does its rule."""
    return unary(lambda x: np.sinh(x) - x, lambda g, y, x: g * (mg.cosh(x) - 1.0))


@tricky
def pseudo_huber() -> Op:
    return unary(lambda x: np.sqrt(1 + x * x) - 1, lambda g, y, x: g * x / mg.sqrt(x * x + 1.0))


@tricky
def smooth_step() -> Op:
    """3 t^2 - 2 t^3 of t clipped to [0, 1]: smooth, flat outside, with jumps in the curvature."""

    def rule(g, y, x):
        t = mg.clip(x, 0.0, 1.0)
        return g * t * (1.0 - t) * 6.0

    return unary(lambda x: np.clip(x, 0, 1) ** 2 * (3 - 2 * np.clip(x, 0, 1)), rule)


@tricky
def narrow_bell() -> Op:
    """exp(-50 x^2): zero, to the last bit, at most samples."""
    return unary(lambda x: np.exp(-50 * x * x), lambda g, y, x: g * y * x * -100.0)


@tricky
def relu_six() -> Op:
    return unary(
        lambda x: np.clip(x, 0, 6), lambda g, y, x: g * either((plain(x) > 0) & (plain(x) < 6), 1.0, 0.0, x),
        kinks=(0.0, 6.0),
    )  # fmt: skip


@tricky
def inverse_cube() -> Op:
    return unary(lambda x: 1 / (x * x * x), lambda g, y, x: g * y / x * -3.0, NONZERO)


@tricky
def reciprocal_root() -> Op:
    return unary(lambda x: 1 / np.sqrt(x), lambda g, y, x: g * y / x * -0.5, POSITIVE)


@tricky
def logaddexp_of_any_pair() -> Op:
    def share(g, y, a, b):
        return g * mg.sigmoid(a - b)

    return binary(lambda a, b: np.logaddexp(a, b), share, lambda g, y, a, b: share(g, y, b, a))


@tricky
def largest_magnitude() -> Op:
    """The maximum norm; equal magnitudes share the gradient."""

    def rule(g, y, x):
        won = np.abs(plain(x)) == plain(y)[..., None]
        share = won.astype(x.dtype) / np.maximum(np.sum(won, axis=-1, keepdims=True), 1).astype(x.dtype)
        return mg.expand_dims(g, -1) * mg.sign(x) * share

    return made(lambda x: np.max(np.abs(x), axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@tricky
def masked_softmax() -> Op:
    """-1e9 in place of forbidden scores, as attention does it."""

    def forward(x: Array) -> Array:
        n = x.shape[-1]
        s = np.where(np.tril(np.ones((x.shape[-2], n), dtype=bool)), x, x.dtype.type(-1e9))
        e = np.exp(s - np.max(s, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))

    def rule(g, y, x):
        allowed = np.tril(np.ones(x.shape[-2:], dtype=bool))
        return mg.where(allowed, y * (g - mg.sum(g * y, axis=-1, keepdims=True)), 0.0)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)])


@tricky
def noisy_series() -> Op:
    """sin x from a thousand shifted terms that cancel: a thousand times the round-off of a sine."""

    def forward(x: Array) -> Array:
        shifts = np.linspace(-50.0, 50.0, 1001).astype(x.dtype)
        return np.asarray(np.sin(x) + np.sum((x[..., None] + shifts) - shifts, axis=-1) - x * 1001)

    return made(forward, {"x": lambda g, y, x: g * mg.cos(x)}, {"x": REAL}, shapes=[((5,),)])


@tricky
def product_of_many() -> Op:
    """Two hundred factors overflow or vanish."""

    def rule(g, y, x):
        return mg.expand_dims(g * y, -1) / x

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": NONZERO}, shapes=[((2, 5),)])


@tricky
def index_of_either_sign() -> Op:
    def forward(x: Array, i: IndexArray) -> Array:
        return x[i]

    return made(
        forward, {"x": lambda g, y, x, i: scatter(g, key=plain(i).astype(np.intp), shape=x.shape)},
        {"x": REAL, "i": mg.integer_index(4)}, shapes=[((4, 3), (6,))],
    )  # fmt: skip


@tricky
def linear_interpolation() -> Op:
    """Between table entries: piecewise linear in the position, with corners at whole numbers."""

    def forward(table: Array, at: Array) -> Array:
        k = np.floor(at).astype(np.intp)
        t = at - k.astype(at.dtype)
        return np.asarray(table[k] * (1 - t) + table[k + 1] * t)

    def rule(g, y, table, at):
        k = np.floor(plain(at)).astype(np.intp)
        t = at - k.astype(at.dtype)
        left = scatter(g * (1.0 - t), key=k, shape=table.shape) + scatter(g * t, key=k + 1, shape=table.shape)
        return left, g * (table[k + 1] - table[k])

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=6), rng.integers(0, 5, 7) + rng.uniform(0.1, 0.9, 7))

    return made(forward, {"table at": rule}, {"table": REAL, "at": REAL}, samples=samples)


@tricky
def running_maximum() -> Op:
    def rule(g, y, x):
        v = plain(x)
        record = np.maximum.accumulate(np.where(v == plain(y), np.arange(v.shape[-1]), 0), axis=-1)
        hot = (record[..., :, None] == np.arange(v.shape[-1])).astype(v.dtype)
        return mg.sum(mg.expand_dims(g, -1) * hot, axis=-2)

    return made(lambda x: np.maximum.accumulate(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 6),)])


@tricky
def variance_far_from_zero() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=(2, 8)) + 1e3)

    def rule(g, y, x):
        return mg.expand_dims(g, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / x.shape[-1])

    return made(lambda x: np.var(x, axis=-1), {"x": rule}, {"x": REAL}, samples=samples)


@tricky
def unit_vectors_of_any_length() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for size in (1e-6, 1.0, 1e6):
            yield Sample(rng.normal(size=(2, 4)) * size)

    def rule(g, y, x):
        length = mg.sqrt(mg.sum(x * x, axis=-1, keepdims=True))
        return (g - y * mg.sum(g * y, axis=-1, keepdims=True)) / length

    return made(lambda x: x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True)), {"x": rule}, {"x": REAL}, samples=samples)
