"""Correct ops on whole arrays that a careless checker refuses."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array, IndexArray, V
from minigrad.verify.declare import Sample
from support.gate_case import DISTINCT, POSITIVE, REAL, made, plain, tricky
from support.gate_wrong_conv import _back_w, _back_x, _max_pool, _pool_key, correlate
from support.gate_wrong_nn import _ce_op, _layer_norm, _norm_rule


def _hot(index: IndexArray, n: int, like: Array | mg.Tensor) -> Array:
    return np.eye(n, dtype=like.dtype)[index]


@tricky
def max_ties_to_first() -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g, -1) * _hot(np.argmax(plain(x), axis=-1), x.shape[-1], x)

    return made(lambda x: x.max(axis=-1), {"x": rule}, {"x": DISTINCT}, kinks="ties", shapes=[((3, 4),)])


@tricky
def max_ties_shared() -> Op:
    def rule(g, y, x):
        hit = (plain(x) == plain(x).max(axis=-1, keepdims=True)).astype(x.dtype)
        return mg.expand_dims(g, -1) * (hit / hit.sum(axis=-1, keepdims=True))

    return made(lambda x: x.max(axis=-1), {"x": rule}, {"x": DISTINCT}, kinks="ties", shapes=[((3, 4),)])


@tricky
def sort_distinct() -> Op:
    def rule(g, y, x):
        return g[np.argsort(np.argsort(plain(x)))]

    return made(lambda x: np.sort(x), {"x": rule}, {"x": DISTINCT}, shapes=[((7,),)])


@tricky
def median_odd_and_even() -> Op:
    def rule(g, y, x):
        n = x.shape[-1]
        order = np.argsort(plain(x), axis=-1)
        low, high = _hot(order[..., (n - 1) // 2], n, x), _hot(order[..., n // 2], n, x)
        return mg.expand_dims(g, -1) * ((low + high) * 0.5)

    return made(lambda x: np.median(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 5),), ((2, 4),)])


@tricky
def logsumexp_wide() -> Op:
    def forward(x: Array) -> Array:
        top = x.max(axis=-1, keepdims=True)
        return np.asarray((np.log(np.exp(x - top).sum(axis=-1, keepdims=True)) + top)[..., 0])

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=(3, 4)) * 50.0)
        yield Sample(rng.normal(size=(3, 4)) + 700.0)

    return made(forward, {"x": lambda g, y, x: mg.expand_dims(g, -1) * mg.softmax(x)}, {"x": REAL}, samples=samples)


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_rule(scale: float):
    def rule(g, y, x):
        return y * (g - mg.sum(g * y, axis=-1, keepdims=True)) * scale

    return rule


@tricky
def softmax_of_thirty_x() -> Op:
    return made(lambda x: _softmax(30.0 * x), {"x": _softmax_rule(30.0)}, {"x": REAL}, shapes=[((3, 4),)])


@tricky
def softmax_of_thirty_x_normal_samples() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for _ in range(3):
            yield Sample(0.1 * rng.normal(size=(3, 4)))

    return made(lambda x: _softmax(30.0 * x), {"x": _softmax_rule(30.0)}, {"x": REAL}, samples=samples)


@tricky
def softmax_one_saturated_sample() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=(2, 3)))
        yield Sample(np.array([[0.0, 60.0, -60.0], [80.0, 0.0, 1.0]]) + rng.normal(size=(2, 3)))

    return made(_softmax, {"x": _softmax_rule(1.0)}, {"x": REAL}, samples=samples)


@tricky
def std_of_rows() -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g / y, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) / float(x.shape[-1])

    return made(lambda x: x.std(axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)])


@tricky
def std_next_to_a_large_mean() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=(2, 5)) + 1e4)

    def rule(g, y, x):
        return mg.expand_dims(g / y, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) / float(x.shape[-1])

    return made(lambda x: x.std(axis=-1), {"x": rule}, {"x": REAL}, samples=samples)


def _norm_op(scale: float) -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(rng.normal(size=(3, 4)) * scale)

    return made(
        lambda x: np.sqrt((x * x).sum(axis=-1)), {"x": lambda g, y, x: mg.expand_dims(g / y, -1) * x}, {"x": REAL},
        samples=samples,
    )  # fmt: skip


@tricky
def norm_of_tiny_vectors() -> Op:
    return _norm_op(1e-8)


@tricky
def norm_of_huge_vectors() -> Op:
    return _norm_op(1e6)


@tricky
def cumulative_product_with_zero() -> Op:
    def rule(g, y, x):
        a, b, c = x[..., 0], x[..., 1], x[..., 2]
        p, q, r = g[..., 0], g[..., 1], g[..., 2]
        return mg.stack([p + q * b + r * b * c, q * a + r * a * c, r * a * b], axis=-1)

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.normal(size=(3, 3))
        x[0, 1] = x[1, 0] = x[2, 2] = 0.0
        yield Sample(x)

    return made(lambda x: np.cumprod(x, axis=-1), {"x": rule}, {"x": REAL}, samples=samples)


@tricky
def product_of_rows_with_zeros() -> Op:
    def rule(g, y, x):
        a, b, c = x[..., 0], x[..., 1], x[..., 2]
        return mg.stack([g * b * c, g * a * c, g * a * b], axis=-1)

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 3),)])


@tricky
def gather_with_repeats() -> Op:
    return made(
        lambda table, index: table[index], {"table": lambda g, y, t, i: scatter(g, key=(plain(i),), shape=t.shape)},
        {"table": REAL, "index": mg.integer_index(3)}, shapes=[((3, 4), (7,))], linear=True,
    )  # fmt: skip


@tricky
def convolution_with_stride_and_dilation() -> Op:
    rules = {
        "x": lambda g, y, x, w, *, stride, dilation: _back_x(g, x, w, stride, dilation),
        "w": lambda g, y, x, w, *, stride, dilation: _back_w(g, x, w, stride, dilation),
    }
    params = [{}, {"stride": 2}, {"dilation": 2}, {"stride": 2, "dilation": 2}]
    return made(correlate, rules, {"x": REAL, "w": REAL}, shapes=[((2, 7), (3,))], params=params)


@tricky
def max_pool_overlapping() -> Op:
    def rule(g, y, x, *, size, stride):
        return scatter(g, key=_pool_key(x, size, stride), shape=x.shape)

    return made(
        _max_pool, {"x": rule}, {"x": DISTINCT}, shapes=[((2, 7),)], params=[{"size": 3, "stride": 1}, {}],
    )  # fmt: skip


@tricky
def layer_norm() -> Op:
    return made(_layer_norm, {"x": _norm_rule("")}, {"x": REAL}, shapes=[((3, 5),)])


@tricky
def layer_norm_of_nearly_constant_rows() -> Op:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(3.0 + 1e-2 * rng.normal(size=(3, 5)))

    return made(_layer_norm, {"x": _norm_rule("")}, {"x": REAL}, samples=samples)


@tricky
def cross_entropy_with_labels() -> Op:
    return _ce_op("")


@tricky
def sum_next_to_a_large_constant() -> Op:
    return made(lambda x: np.asarray(x.sum() + 1e8), {"x": lambda g, y, x: mg.broadcast_to(g, x.shape)}, {"x": REAL})


@tricky
def sum_that_cancels() -> Op:
    """The total gradient along a direction is zero for half of the entries' sake."""

    def rule(g, y, x):
        return mg.broadcast_to(mg.expand_dims(g, -1), x.shape) * np.array([1.0, -1.0, 1.0, -1.0], dtype=x.dtype)

    return made(
        lambda x: np.asarray(x[..., 0] - x[..., 1] + x[..., 2] - x[..., 3]), {"x": rule}, {"x": REAL},
        shapes=[((3, 4),)], linear=True,
    )  # fmt: skip


@tricky
def softmax_summed() -> Op:
    """Constant: the rows of a softmax sum to one; only the square makes the gradient visible."""
    return made(
        lambda x: np.asarray((_softmax(x) ** 2).sum(axis=-1)),
        {"x": lambda g, y, x: _sq_rule(g, x)}, {"x": REAL}, shapes=[((3, 4),)],
    )  # fmt: skip


def _sq_rule(g: V, x: V) -> V:
    p: V = mg.softmax(x)
    k: V = mg.expand_dims(g, -1) * p * 2.0
    return p * (k - mg.sum(k * p, axis=-1, keepdims=True))


@tricky
def variance_of_uneven_axis() -> Op:
    def rule(g, y, x, *, axis):
        return mg.expand_dims(g, axis) * (x - mg.mean(x, axis=axis, keepdims=True)) * (2.0 / x.shape[axis])

    return made(
        lambda x, *, axis: np.var(x, axis=axis), {"x": rule}, {"x": REAL}, shapes=[((2, 5, 3),)],
        params=[{"axis": 0}, {"axis": 1}, {"axis": -1}],
    )  # fmt: skip


@tricky
def geometric_mean() -> Op:
    return made(
        lambda x: np.exp(np.log(x).mean(axis=-1)),
        {"x": lambda g, y, x: mg.expand_dims(g * y, -1) / x / float(x.shape[-1])}, {"x": POSITIVE}, shapes=[((2, 4),)],
    )  # fmt: skip
