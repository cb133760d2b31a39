"""Rules that are right at moderate numbers and small arrays: guards, overflow, blocks, the shapes nobody listed."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array
from support.gate_case import (
    INCONCLUSIVE,
    INVALID,
    MISMATCH,
    NONZERO,
    POSITIVE,
    REAL,
    binary,
    made,
    plain,
    unary,
    wrong,
)


def _logistic(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=x.dtype)


@wrong("far from zero", MISMATCH)
def logistic_slope_clipped_at_ten(flaw: bool) -> Op:
    """The rule clips its argument against overflow, the forward function does not."""

    def rule(g, y, x):
        s = mg.sigmoid(mg.clip(x, -10.0, 10.0) if flaw else x)
        return g * s * mg.sigmoid(-x if not flaw else -mg.clip(x, -10.0, 10.0))

    return unary(_logistic, rule)


@wrong("far from zero", MISMATCH)
def softplus_slope_overflows(flaw: bool) -> Op:
    """exp(x) / (1 + exp(x)) is NaN from x = 710 on; the function is x there."""

    def rule(g, y, x):
        e = mg.exp(x)
        return g * e / (e + 1.0) if flaw else g * mg.sigmoid(x)

    return unary(lambda x: np.logaddexp(x.dtype.type(0), x), rule)


@wrong("far from zero", MISMATCH)
def numerator_overflows_before_the_function(flaw: bool) -> Op:
    """exp(x) (x - 1) is infinite in float32 from x = 84.3 on, exp(x) / x is not below 88.7."""

    def rule(g, y, x):
        e = mg.exp(x)
        return g * e * (x - 1.0) / (x * x) if flaw else g * e / x * ((x - 1.0) / x)

    return unary(lambda x: np.exp(x) / x, rule, POSITIVE)


@wrong("far from zero", MISMATCH)
def tanh_slope_by_exponentials(flaw: bool) -> Op:
    def rule(g, y, x):
        e = mg.exp(x * 2.0)
        return g * e * 4.0 / mg.square(e + 1.0) if flaw else g * (1.0 - y * y)

    return unary(lambda x: np.tanh(x), rule)


@wrong("far from zero", MISMATCH)
def exponential_slope_capped(flaw: bool) -> Op:
    """Capped "so that it does not explode", above all numbers that the author has tried."""
    return unary(lambda x: np.exp(x), lambda g, y, x: g * (mg.minimum(y, 1e4) if flaw else y))


@wrong("far from zero", MISMATCH)
def logsumexp_slope_unshifted(flaw: bool) -> Op:
    """The forward function subtracts the largest, the rule does not."""

    def forward(x: Array) -> Array:
        m = np.max(x, axis=-1, keepdims=True)
        return np.asarray(np.log(np.sum(np.exp(x - m), axis=-1)) + m[..., 0])

    def rule(g, y, x):
        e = mg.exp(x)
        share = e / mg.sum(e, axis=-1, keepdims=True) if flaw else mg.exp(x - mg.expand_dims(y, -1))
        return mg.expand_dims(g, -1) * share

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("far from zero", MISMATCH)
def softmax_of_clipped_logits(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))

    def rule(g, y, x):
        p = mg.softmax(mg.clip(x, -20.0, 20.0)) if flaw else y
        return p * (g - mg.sum(g * p, axis=-1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("near zero", MISMATCH, INCONCLUSIVE)
def reciprocal_guarded(flaw: bool) -> Op:
    """At ordinary numbers the gap is one to four error bars: too little to accuse, too much to pass."""
    eps = 1e-12 if flaw else 0.0
    return unary(lambda x: 1.0 / x, lambda g, y, x: -g / (x * x + eps), NONZERO)


@wrong("near zero", MISMATCH)
def logarithm_guarded(flaw: bool) -> Op:
    eps = 1e-10 if flaw else 0.0
    return unary(lambda x: np.log(x), lambda g, y, x: g / (x + eps), POSITIVE)


@wrong("near zero", MISMATCH)
def root_slope_floored(flaw: bool) -> Op:
    return unary(lambda x: np.sqrt(x), lambda g, y, x: g * 0.5 / (mg.maximum(y, 1e-3) if flaw else y), POSITIVE)


@wrong("near zero", MISMATCH)
def norm_guarded(flaw: bool) -> Op:
    """The guard against a zero norm is in the rule only."""
    eps = 1e-8 if flaw else 0.0

    def rule(g, y, x):
        return mg.expand_dims(g, -1) * x / (mg.expand_dims(y, -1) + eps)

    return made(lambda x: np.sqrt(np.sum(x * x, axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("near zero", MISMATCH)
def small_numbers_are_zero(flaw: bool) -> Op:
    """A slope of |x| that calls everything below 1e-4 zero."""

    def rule(g, y, x):
        away = np.abs(plain(x)) > (1e-4 if flaw else 0.0)
        return g * mg.where(away, mg.sign(x), 0.0)

    return unary(lambda x: np.abs(x), rule, kinks=(0.0,))


@wrong("large arrays", MISMATCH)
def last_block_forgotten(flaw: bool) -> Op:
    """Works in blocks of 64 and drops what is left over."""

    def rule(g, y, x):
        whole = x.size if x.size <= 64 or not flaw else x.size - x.size % 64
        mask = (np.arange(x.size) < whole).reshape(x.shape)
        return mg.where(mask, x * 2.0 * g, 0.0)

    return made(lambda x: np.asarray(np.sum(x * x)), {"x": rule}, {"x": REAL})


@wrong("large arrays", MISMATCH, INVALID)
def last_block_forgotten_elementwise(flaw: bool) -> Op:
    def rule(g, y, x):
        whole = x.size if x.size <= 1024 or not flaw else x.size - x.size % 1024
        mask = (np.arange(x.size) < whole).reshape(x.shape)
        return mg.where(mask, x * 2.0 * g, 0.0)

    return unary(lambda x: x * x, rule)


@wrong("large arrays", MISMATCH)
def mean_of_block_means(flaw: bool) -> Op:
    """A pairwise mean whose rule weighs the short last block like the others."""

    def rule(g, y, x):
        n = x.shape[-1]
        weight = np.full(n, 1.0 / n)
        if flaw and n > 128:
            weight[n - n % 128 :] = 1.0 / 128
        return mg.expand_dims(g, -1) * weight.astype(x.dtype) * mg.broadcast_to(np.ones((), x.dtype), x.shape)

    return made(lambda x: np.mean(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("lengths not listed", MISMATCH, INVALID)
def pooling_tail_in_front(flaw: bool) -> Op:
    """Average over pairs; of an odd number the last is left out, and the rule leaves out the first."""

    def forward(x: Array) -> Array:
        return (x[..., 0 : x.shape[-1] // 2 * 2 : 2] + x[..., 1::2]) * 0.5

    def rule(g, y, x):
        n = x.shape[-1]
        start = n % 2 if flaw else 0
        left = scatter(g * 0.5, key=(Ellipsis, slice(start, start + n // 2 * 2, 2)), shape=x.shape)
        return left + scatter(g * 0.5, key=(Ellipsis, slice(start + 1, start + n // 2 * 2, 2)), shape=x.shape)

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 6),)])


@wrong("lengths not listed", MISMATCH)
def slice_aligned_at_the_end(flaw: bool) -> Op:
    """Every other entry: the first one of an even number, and counted from the end by the rule."""

    def rule(g, y, x):
        start = (x.shape[-1] - 1) % 2 if flaw else 0
        return scatter(g, key=(Ellipsis, slice(start, None, 2)), shape=x.shape)

    return made(lambda x: x[..., ::2] * 1.0, {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("lengths not listed", MISMATCH)
def middle_of_even_count(flaw: bool) -> Op:
    def rule(g, y, x):
        n = x.shape[-1]
        return scatter(g, key=(Ellipsis, (n - 1) // 2 if flaw else n // 2), shape=x.shape)

    return made(lambda x: x[..., x.shape[-1] // 2] * 1.0, {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("lengths not listed", MISMATCH)
def kernel_of_three_assumed(flaw: bool) -> Op:
    """A correlation tried with one kernel only."""

    def forward(x: Array, w: Array) -> Array:
        m = x.shape[0] - w.shape[0] + 1
        return sum((x[i : i + m] * w[i] for i in range(1, w.shape[0])), x[:m] * w[0])

    def left(g, y, x, w):
        taps = 3 if flaw else w.shape[0]
        return sum(scatter(g * w[i], key=slice(i, i + g.shape[0]), shape=x.shape) for i in range(taps))

    def right(g, y, x, w):
        return mg.stack([mg.sum(g * x[i : i + g.shape[0]]) for i in range(w.shape[0])])

    return made(forward, {"x": left, "w": right}, {"x": REAL, "w": REAL}, shapes=[((8,), (3,))])


@wrong("lengths not listed", MISMATCH, INVALID)
def short_axis_wraps(flaw: bool) -> Op:
    """y = x[1:] - x[:-1]: nothing comes out of one entry, but the rule gives it a gradient."""

    def rule(g, y, x):
        if flaw and x.shape[-1] == 1:
            return x * 1.0
        n = x.shape[-1]
        last = scatter(g, key=(Ellipsis, slice(1, n)), shape=x.shape)
        return last - scatter(g, key=(Ellipsis, slice(0, n - 1)), shape=x.shape)

    return made(lambda x: x[..., 1:] - x[..., :-1], {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("square only", MISMATCH, INVALID)
def summed_axis_guessed_from_lengths(flaw: bool) -> Op:
    """The rule finds the axis that was summed by comparing lengths, and takes the first that fits."""

    def rule(g, y, x, *, axis):
        if flaw:
            axis = next(k for k in range(x.ndim) if x.shape[:k] + x.shape[k + 1 :] == g.shape)
        return mg.broadcast_to(mg.expand_dims(g, axis), x.shape)

    return made(
        lambda x, *, axis=1: np.asarray(np.sum(x, axis=axis)), {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)],
        params=[{"axis": 1}, {"axis": 0}, {"axis": 2}],
    )  # fmt: skip


@wrong("square only", MISMATCH, INVALID)
def norm_without_kept_axis(flaw: bool) -> Op:
    """Broadcasts the row norms along the rows if there are as many rows as columns."""

    def rule(g, y, x):
        if flaw and x.ndim == 2 and x.shape[0] == x.shape[1]:
            return x * (g / y)
        return x * mg.expand_dims(g / y, -1)

    return made(lambda x: np.sqrt(np.sum(x * x, axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((2, 4),)])


@wrong("number of axes", MISMATCH, INVALID)
def mean_of_a_vector_undivided(flaw: bool) -> Op:
    """Divides by the length of the axis, except for a vector, where the axis "is everything"."""

    def rule(g, y, x, *, axis):
        if axis is None:
            return mg.broadcast_to(g / x.size, x.shape)
        count = x.size // x.shape[axis] if flaw and x.ndim == 1 else x.shape[axis]
        return mg.broadcast_to(mg.expand_dims(g / count, axis), x.shape)

    return made(
        lambda x, *, axis=None: np.asarray(np.mean(x, axis=axis)), {"x": rule}, {"x": REAL},
        params=[{}, {"axis": 0}, {"axis": 1}, {"axis": -1}],
    )  # fmt: skip


@wrong("number of axes", MISMATCH, INVALID)
def three_axes_are_a_batch(flaw: bool) -> Op:
    """With three axes the first is taken for a batch, and only its first member gets a gradient."""

    def rule(g, y, x):
        keep = np.ones(x.shape, dtype=bool)
        if flaw and x.ndim == 3:
            keep[1:] = False
        return mg.where(keep, g * mg.cos(x), 0.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("unlike lengths", MISMATCH)
def matrix_product_of_equal_inner_lengths(flaw: bool) -> Op:
    """a @ b where the listed shapes are square: the rule divides by the wrong length."""

    def left(g, y, a, b):
        return mg.matmul(g, mg.transpose(b)) / (a.shape[0] if flaw else a.shape[1])

    def right(g, y, a, b):
        return mg.matmul(mg.transpose(a), g) / a.shape[1]

    return made(
        lambda a, b: a @ b / a.shape[1], {"a": left, "b": right}, {"a": REAL, "b": REAL}, shapes=[((3, 3), (3, 3))]
    )


@wrong("integers beside floats", MISMATCH, INVALID)
def reciprocal_of_integers(flaw: bool) -> Op:
    """np.reciprocal of integers rounds to 0: wrong when the divisor is an array of counts."""

    def left(g, y, a, b):
        return g * (mg.reciprocal(b) if flaw else 1.0 / b)

    return binary(lambda a, b: a / b, left, lambda g, y, a, b: -g * y / b, domains=(REAL, NONZERO))


@wrong("integers beside floats", MISMATCH, INVALID)
def half_of_an_integer(flaw: bool) -> Op:
    """full_like(b, 0.5) is 0 when b holds integers."""

    def left(g, y, a, b):
        return g * (np.full_like(plain(b), 0.5) if flaw else 0.5)

    return binary(lambda a, b: (a + b) * 0.5, left, lambda g, y, a, b: g * 0.5)
