"""Wrong rules of reductions, scans and norms."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.types import Axis
from minigrad.typing import Array, V
from support.gate_case import DISTINCT, INCONCLUSIVE, INVALID, MISMATCH, POSITIVE, REAL, either, made, plain, wrong

AXES: list[dict[str, object]] = [{"axis": 0}, {"axis": 1}, {"axis": -1}]
KEEP: list[dict[str, object]] = [{"axis": 1}, {"axis": 1, "keepdims": True}, {"axis": None}, {"axis": (0, 2)}]


def _kept(x: Array | mg.Tensor, axis: Axis) -> tuple[int, ...]:
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    return tuple(1 if i in axes else n for i, n in enumerate(x.shape))


def _spread(g: V, x: V, axis: Axis) -> V:
    return mg.broadcast_to(mg.reshape(g, _kept(x, axis)), x.shape)


def _sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.sum(x, axis=axis, keepdims=keepdims)


def _mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    return _sum(x, axis=axis, keepdims=keepdims) / max(prod(x.shape) // max(prod(_kept(x, axis)), 1), 1)


def _last(x: Array) -> Array:
    if x.ndim == 0:
        raise ValueError("needs an axis")
    return np.asarray(np.sum(x, axis=-1))


@wrong("factor", MISMATCH)
def mean_without_count(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        n = 1 if flaw else max(prod(x.shape) // max(prod(_kept(x, axis)), 1), 1)
        return _spread(g, x, axis) / float(n)

    return made(_mean, {"x": rule}, {"x": REAL}, params=KEEP, linear=True)


@wrong("metadata", MISMATCH)
def mean_divides_by_size(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        n = prod(x.shape) if flaw else prod(x.shape) // max(prod(_kept(x, axis)), 1)
        return _spread(g, x, axis) / float(max(n, 1))

    return made(_mean, {"x": rule}, {"x": REAL}, params=KEEP, linear=True)


@wrong("metadata", MISMATCH)
def mean_divides_by_first_axis(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        return _spread(g, x, axis) / float(max(x.shape[0 if flaw else axis], 1))

    def forward(x: Array, *, axis: int) -> Array:
        return np.add.reduce(x, axis=axis) / max(x.shape[axis], 1)

    return made(forward, {"x": rule}, {"x": REAL}, params=AXES)


@wrong("axis=1 only", MISMATCH)
def sum_axis_one_doubled(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        return _spread(g, x, axis) * (2.0 if flaw and axis == 1 and not keepdims else 1.0)

    return made(_sum, {"x": rule}, {"x": REAL}, params=KEEP, linear=True)


@wrong("keepdims only", MISMATCH)
def sum_keepdims_halved(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        return _spread(g, x, axis) * (0.5 if flaw and keepdims else 1.0)

    return made(_sum, {"x": rule}, {"x": REAL}, params=KEEP, linear=True)


@wrong("keepdims only", INVALID, MISMATCH)
def sum_ignores_keepdims(flaw: bool) -> Op:
    """Expands the axis even when keepdims has kept it, so the gradient has one axis too many."""

    def rule(g, y, x, *, axis, keepdims):
        if flaw:
            return (
                mg.broadcast_to(mg.expand_dims(g, axis), (x.shape[0], *x.shape))[0] if keepdims else _spread(g, x, axis)
            )
        return _spread(g, x, axis)

    return made(
        _sum, {"x": rule}, {"x": REAL}, params=[{"axis": 1}, {"axis": 1, "keepdims": True}], shapes=[((2, 3, 4),)]
    )


@wrong("axis tuple only", MISMATCH)
def sum_axis_tuple_first_only(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        found = _spread(g, x, axis)
        if flaw and isinstance(axis, tuple):
            found = found / float(max(x.shape[axis[-1]], 1))
        return found

    return made(_sum, {"x": rule}, {"x": REAL}, params=KEEP)


@wrong("negative axis only", MISMATCH)
def sum_negative_axis(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        return _spread(g, x, axis) * (-1.0 if flaw and axis < 0 else 1.0)

    return made(lambda x, *, axis: np.sum(x, axis=axis), {"x": rule}, {"x": REAL}, params=AXES, shapes=[((2, 3, 4),)])


@wrong("shape only", INVALID)
def sum_gradient_not_spread(flaw: bool) -> Op:
    return made(lambda x: np.sum(x), {"x": lambda g, y, x: g if flaw else mg.broadcast_to(g, x.shape)}, {"x": REAL})


@wrong("number of axes", INVALID, MISMATCH)
def last_axis_hard_coded(flaw: bool) -> Op:
    """Written with three axes in mind: raises for any other number."""

    def rule(g, y, x):
        shape = (*x.shape[:2], 1) if flaw else (*x.shape[:-1], 1)
        return mg.broadcast_to(mg.reshape(g, shape), x.shape)

    return made(_last, {"x": rule}, {"x": REAL})


@wrong("number of axes", INVALID, MISMATCH)
def matrix_only_transposed(flaw: bool) -> Op:
    """Sum over the last axis, right for three axes and for one, half the gradient for a matrix."""

    def rule(g, y, x):
        half = 0.5 if flaw and x.ndim == 2 else 1.0
        return mg.broadcast_to(mg.expand_dims(g, -1), x.shape) * half

    return made(_last, {"x": rule}, {"x": REAL})


@wrong("formula", MISMATCH)
def logsumexp_uniform(flaw: bool) -> Op:
    def rule(g, y, x):
        p = 1.0 / x.shape[-1] if flaw else mg.softmax(x)
        return mg.expand_dims(g, -1) * p + x * 0.0

    return made(lambda x: np.log(np.sum(np.exp(x), axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("forgotten term", MISMATCH)
def softmax_diagonal_only(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * y * (1.0 - y) if flaw else y * (g - mg.sum(g * y, axis=-1, keepdims=True))

    def forward(x: Array) -> Array:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("forgotten term", MISMATCH)
def log_softmax_without_sum(flaw: bool) -> Op:
    def rule(g, y, x):
        total = g if flaw else mg.sum(g, axis=-1, keepdims=True)
        return g - mg.exp(y) * total

    def forward(x: Array) -> Array:
        s = x - np.max(x, axis=-1, keepdims=True)
        return s - np.log(np.sum(np.exp(s), axis=-1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("forgotten term", MISMATCH)
def centre_without_mean(flaw: bool) -> Op:
    def rule(g, y, x):
        return g if flaw else g - mg.mean(g, axis=-1, keepdims=True)

    return made(
        lambda x: x - np.mean(x, axis=-1, keepdims=True), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)], linear=True
    )


@wrong("factor", MISMATCH)
def variance_with_wrong_ddof(flaw: bool) -> Op:
    def rule(g, y, x, *, ddof):
        n = float(x.shape[-1] - (0 if flaw else ddof))
        return mg.expand_dims(g, -1) * (x - mg.mean(x, axis=-1, keepdims=True)) * (2.0 / n)

    return made(
        lambda x, *, ddof=0: np.var(x, axis=-1, ddof=ddof), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)],
        params=[{}, {"ddof": 1}],
    )  # fmt: skip


@wrong("forgotten term", MISMATCH)
def variance_uncentred(flaw: bool) -> Op:
    def rule(g, y, x):
        centred = x if flaw else x - mg.mean(x, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * centred * (2.0 / x.shape[-1])

    return made(lambda x: np.var(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)])


@wrong("forgotten term", MISMATCH)
def std_without_root(flaw: bool) -> Op:
    def rule(g, y, x):
        centred = x - mg.mean(x, axis=-1, keepdims=True)
        return mg.expand_dims(g if flaw else g / y, -1) * centred / float(x.shape[-1])

    return made(lambda x: np.std(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((3, 5),)])


@wrong("formula", MISMATCH)
def norm_unnormalised(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g if flaw else g / y, -1) * x

    return made(lambda x: np.sqrt(np.sum(x * x, axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("metadata", MISMATCH)
def p_norm_exponent(flaw: bool) -> Op:
    def rule(g, y, x, *, p):
        power = p if flaw else p - 1.0
        return mg.expand_dims(g * mg.power(y, -power), -1) * mg.power(x, p - 1.0)

    return made(
        lambda x, *, p: np.sum(x**p, axis=-1) ** (1.0 / p), {"x": rule}, {"x": POSITIVE}, shapes=[((3, 4),)],
        params=[{"p": 2.0}, {"p": 3.0}, {"p": 1.5}],
    )  # fmt: skip


@wrong("metadata", MISMATCH)
def p_norm_right_for_two(flaw: bool) -> Op:
    def rule(g, y, x, *, p):
        q = 2.0 if flaw else p
        return mg.expand_dims(g * mg.power(y, 1.0 - q), -1) * mg.power(x, q - 1.0)

    return made(
        lambda x, *, p: np.sum(x**p, axis=-1) ** (1.0 / p), {"x": rule}, {"x": POSITIVE}, shapes=[((3, 4),)],
        params=[{"p": 2.0}, {"p": 3.0}],
    )  # fmt: skip


@wrong("formula", MISMATCH)
def product_without_others(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.expand_dims(g if flaw else g * y, -1) / x

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": mg.nonzero()}, shapes=[((3, 4),)])


@wrong("not finite at zero", MISMATCH, INVALID, INCONCLUSIVE)
def product_by_division_with_zero(flaw: bool) -> Op:
    """The classic: prod(x) / x, asked about a row that holds a zero."""

    def rule(g, y, x):
        if flaw:
            return mg.expand_dims(g * y, -1) / x
        a, b, c = x[..., 0], x[..., 1], x[..., 2]
        return mg.stack([g * b * c, g * a * c, g * a * b], axis=-1)

    def samples(rng: np.random.Generator) -> Iterator[mg.Sample]:
        yield mg.Sample(rng.normal(size=(2, 3)))
        yield mg.Sample(np.array([[0.0, 1.5, -2.0], [1.0, 0.5, 0.75]]))

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": REAL}, samples=samples)


@wrong("every entry", MISMATCH)
def max_to_every_entry(flaw: bool) -> Op:
    def rule(g, y, x):
        hit = plain(x) == plain(y)[..., None]
        winners = np.sum(hit, axis=-1, keepdims=True).astype(x.dtype)
        return mg.expand_dims(g, -1) * either(hit | flaw, 1.0, 0.0, x) / winners

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)])


@wrong("wrong entry", MISMATCH)
def min_gradient_to_max(flaw: bool) -> Op:
    def rule(g, y, x):
        extreme = np.max(plain(x), axis=-1, keepdims=True) if flaw else plain(y)[..., None]
        hit = plain(x) == extreme
        winners = np.sum(hit, axis=-1, keepdims=True).astype(x.dtype)
        return mg.expand_dims(g, -1) * either(hit, 1.0, 0.0, x) / winners

    return made(lambda x: np.min(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)])


@wrong("wrong entry", MISMATCH)
def median_of_even_count(flaw: bool) -> Op:
    def rule(g, y, x):
        rank = np.argsort(np.argsort(plain(x), axis=-1), axis=-1)
        n = x.shape[-1]
        middle = (rank == n // 2) if flaw else (rank == n // 2) | (rank == (n - 1) // 2)
        share = 0.5 if n % 2 == 0 and not flaw else 1.0
        return mg.expand_dims(g, -1) * either(middle, share, 0.0, x)

    return made(lambda x: np.median(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 5),), ((3, 4),)])
