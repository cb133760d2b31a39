"""Recipes that are nearly right: ties and zeros that nobody declared, normalisation, borders, losses."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array
from support.gate_case import DISTINCT, INVALID, MISMATCH, POSITIVE, REAL, binary, made, plain, unary, wrong


@wrong("undeclared ties", MISMATCH)
def sort_by_counting_smaller(flaw: bool) -> Op:
    """The rank is the number of smaller entries, which is the same for equal ones."""

    def rule(g, y, x):
        v = plain(x)
        if flaw:
            return mg.take_along_axis(g, np.sum(v[..., :, None] > v[..., None, :], axis=-1), axis=-1)
        return mg.take_along_axis(g, np.argsort(np.argsort(v, axis=-1), axis=-1), axis=-1)

    return made(lambda x: np.sort(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 5),)])


@wrong("undeclared ties", MISMATCH)
def max_all_winners_undeclared(flaw: bool) -> Op:
    """Every winner gets the whole gradient, and no kinks are declared."""

    def rule(g, y, x):
        won = (plain(x) == plain(y)[..., None]).astype(x.dtype)
        share = won if flaw else won / np.sum(won, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * share

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)])


@wrong("undeclared ties", MISMATCH)
def maximum_of_equal_arrays(flaw: bool) -> Op:
    """maximum(a, a) has the slope of a; a >= b and b >= a both hold there."""

    def right(g, y, a, b):
        return g * ((plain(b) >= plain(a)) if flaw else (plain(b) > plain(a))).astype(y.dtype)

    return binary(lambda a, b: np.maximum(a, b), lambda g, y, a, b: g * (plain(a) >= plain(b)).astype(y.dtype), right)


@wrong("undeclared ties", MISMATCH)
def ties_shared_by_two(flaw: bool) -> Op:
    """Half to each winner, however many there are."""

    def rule(g, y, x):
        won = (plain(x) == plain(y)[..., None]).astype(x.dtype)
        count = np.sum(won, axis=-1, keepdims=True)
        return mg.expand_dims(g, -1) * won / (np.minimum(count, 2.0) if flaw else count)

    return made(lambda x: np.max(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((3, 4),)], kinks="ties")


@wrong("two zeros", MISMATCH)
def product_with_two_zeros(flaw: bool) -> Op:
    """Where there is a zero the rule multiplies the entries that are not zero: right for one zero only."""

    def others(x, k):
        columns = [j for j in range(x.shape[-1]) if j != k]
        return mg.prod(x[..., columns], axis=-1)

    def rule(g, y, x):
        parts = []
        for k in range(x.shape[-1]):
            rest = others(x, k)
            if flaw:
                nonzero = mg.prod(mg.where(plain(x) == 0.0, 1.0, x), axis=-1)
                rest = mg.where(plain(x)[..., k] == 0.0, nonzero, rest)
            parts.append(g * rest)
        return mg.stack(parts, axis=-1)

    return made(lambda x: np.prod(x, axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 4),)])


@wrong("second order at zero", MISMATCH, INVALID)
def cube_by_root(flaw: bool) -> Op:
    """3 sqrt(x^4): 0 at x = 0, and its derivative infinity times 0."""

    def rule(g, y, x):
        return g * mg.sqrt(mg.square(x * x)) * 3.0 if flaw else g * x * x * 3.0

    return unary(lambda x: x * x * x, rule)


@wrong("second order, float32 only", MISMATCH, INVALID)
def single_precision_detached(flaw: bool) -> Op:
    def rule(g, y, x):
        inner = plain(x) if flaw and x.dtype == np.float32 else x
        return g * mg.cos(inner)

    return unary(lambda x: np.sin(x), rule)


@wrong("normalisation", MISMATCH)
def layer_norm_with_sample_variance(flaw: bool) -> Op:
    """The forward function divides by n, the rule by n - 1."""

    def forward(x: Array) -> Array:
        c = x - np.mean(x, axis=-1, keepdims=True)
        return np.asarray(c / np.sqrt(np.mean(c * c, axis=-1, keepdims=True) + x.dtype.type(1e-5)))

    def rule(g, y, x):
        n = x.shape[-1]
        spread = mg.mean(mg.square(x - mg.mean(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)
        root = mg.sqrt(spread * (n / (n - 1.0) if flaw else 1.0) + 1e-5)
        along = y * mg.mean(g * y, axis=-1, keepdims=True)
        return (g - mg.mean(g, axis=-1, keepdims=True) - along) / root

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 6),)])


@wrong("normalisation", MISMATCH)
def epsilon_outside_the_root(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + x.dtype.type(1e-5))

    def rule(g, y, x):
        m = mg.mean(x * x, axis=-1, keepdims=True)
        root = mg.sqrt(m) + 1e-5 if flaw else mg.sqrt(m + 1e-5)
        return (g - y * mg.mean(g * y, axis=-1, keepdims=True)) / root

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 6),)])


@wrong("normalisation", MISMATCH)
def centred_along_the_wrong_axis(flaw: bool) -> Op:
    """As many rows as columns, so nothing complains."""

    def rule(g, y, x):
        return g - mg.mean(g, axis=1 if flaw else 0, keepdims=True)

    return made(lambda x: x - np.mean(x, axis=0, keepdims=True), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)])


@wrong("running extreme", MISMATCH)
def running_maximum_to_the_current_entry(flaw: bool) -> Op:
    """The gradient belongs to the entry that holds the record, not to the one where it is read."""

    def rule(g, y, x):
        v = plain(x)
        if flaw:
            return g * (v == plain(y)).astype(v.dtype)
        record = np.maximum.accumulate(np.where(v == plain(y), np.arange(v.shape[-1]), 0), axis=-1)
        hot = (record[..., :, None] == np.arange(v.shape[-1])).astype(v.dtype)
        return mg.sum(mg.expand_dims(g, -1) * hot, axis=-2)

    return made(lambda x: np.maximum.accumulate(x, axis=-1), {"x": rule}, {"x": DISTINCT}, shapes=[((2, 6),)])


@wrong("borders", MISMATCH)
def reflected_border_counts_the_edge(flaw: bool) -> Op:
    """Padding by reflection leaves the edge itself out; the rule folds it back as if it were there twice."""

    def rule(g, y, x):
        n = x.shape[-1]
        inner = g[..., 1 : n + 1]
        left, right = (0, n - 1) if flaw else (1, n - 2)
        inner = inner + scatter(g[..., 0], key=(Ellipsis, left), shape=x.shape)
        return inner + scatter(g[..., -1], key=(Ellipsis, right), shape=x.shape)

    return made(lambda x: np.pad(x, [(0, 0), (1, 1)], mode="reflect"), {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("borders", MISMATCH)
def window_one_too_short(flaw: bool) -> Op:
    """The last window is forgotten by the rule."""

    def rule(g, y, x):
        m = g.shape[-1] - (1 if flaw else 0)
        part = g[..., :m]
        first = scatter(part, key=(Ellipsis, slice(0, m)), shape=x.shape)
        return first + scatter(part, key=(Ellipsis, slice(1, m + 1)), shape=x.shape)

    return made(lambda x: x[..., :-1] + x[..., 1:], {"x": rule}, {"x": REAL}, shapes=[((2, 6),)])


@wrong("loss", MISMATCH)
def divergence_not_divided_by_batch(flaw: bool) -> Op:
    """KL(p || q), mean over the batch, as a function of log q."""

    def forward(logq: Array, p: Array) -> Array:
        return np.asarray(np.sum(p * (np.log(p) - logq)) / logq.shape[0])

    rules = {
        "logq": lambda g, y, logq, p: -p * g / (1.0 if flaw else logq.shape[0]),
        "p": lambda g, y, logq, p: (mg.log(p) + 1.0 - logq) * g / logq.shape[0],
    }
    return made(forward, rules, {"logq": REAL, "p": POSITIVE}, shapes=[((3, 4), (3, 4))])


@wrong("loss", MISMATCH)
def attention_over_the_wrong_axis(flaw: bool) -> Op:
    """As many queries as keys."""

    def forward(x: Array) -> Array:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))

    def rule(g, y, x):
        return y * (g - mg.sum(g * y, axis=-2 if flaw else -1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 3, 3),)])
