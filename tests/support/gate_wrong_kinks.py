"""Rules that are wrong at corners and ties only."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from support.gate_case import (
    DISTINCT,
    INCONCLUSIVE,
    INVALID,
    MISMATCH,
    REAL,
    binary,
    made,
    plain,
    unary,
    wrong,
)


@wrong("kink", MISMATCH)
def relu_two_at_zero(flaw: bool) -> Op:
    def rule(g, y, x):
        at = plain(x)
        return g * np.where(at == 0.0, 2.0 if flaw else 0.5, (at > 0.0) * 1.0).astype(x.dtype)

    return unary(lambda x: np.maximum(x, 0.0), rule, kinks=[0.0])


@wrong("kink", MISMATCH)
def relu_two_at_zero_unclaimed(flaw: bool) -> Op:
    def rule(g, y, x):
        at = plain(x)
        return g * np.where(at == 0.0, 2.0 if flaw else 0.5, (at > 0.0) * 1.0).astype(x.dtype)

    return made(lambda x: np.maximum(x, 0.0), {"x": rule}, {"x": REAL}, kinks=[0.0])


@wrong("kink", MISMATCH)
def relu_negative_at_zero(flaw: bool) -> Op:
    def rule(g, y, x):
        at = plain(x)
        return g * np.where(at == 0.0, -0.1 if flaw else 0.0, (at > 0.0) * 1.0).astype(x.dtype)

    return unary(lambda x: np.maximum(x, 0.0), rule, kinks=[0.0])


@wrong("kink", MISMATCH, INVALID, INCONCLUSIVE)
def abs_nan_at_zero_unclaimed(flaw: bool) -> Op:
    rule = lambda g, y, x: g * (x / y if flaw else mg.sign(x))  # noqa: E731
    return made(lambda x: np.abs(x), {"x": rule}, {"x": REAL}, kinks=[0.0])


@wrong("kink", MISMATCH)
def clip_doubled_on_bounds(flaw: bool) -> Op:
    def rule(g, y, x, *, low, high):
        at = plain(x)
        inside = (at > low) * 1.0 * (at < high) + ((at == low) | (at == high)) * (1.5 if flaw else 1.0)
        return g * inside.astype(x.dtype)

    return made(
        lambda x, *, low, high: np.clip(x, low, high), {"x": rule}, {"x": REAL}, elementwise=True,
        params=[{"low": -1.0, "high": 2.0}], kinks=[-1.0, 2.0],
    )  # fmt: skip


@wrong("kink", MISMATCH)
def clip_bounds_of_second_metadata(flaw: bool) -> Op:
    """Right on the bounds of the first metadata, wrong on those of the second."""

    def rule(g, y, x, *, low, high):
        at = plain(x)
        edge = 3.0 if flaw and high == 0.5 else 1.0
        inside = (at > low) * 1.0 * (at < high) + ((at == low) | (at == high)) * edge
        return g * inside.astype(x.dtype)

    return made(
        lambda x, *, low, high: np.clip(x, low, high), {"x": rule}, {"x": REAL}, elementwise=True,
        params=[{"low": -1.0, "high": 2.0}, {"low": -0.5, "high": 0.5}], kinks=[-1.0, 2.0, 0.5, -0.5],
    )  # fmt: skip


@wrong("tie", MISMATCH)
def maximum_both_winners(flaw: bool) -> Op:
    def share(g, one, other):
        p, q = plain(one), plain(other)
        return g * ((p > q) * 1.0 + (p == q) * (1.0 if flaw else 0.5)).astype(g.dtype)

    return binary(
        lambda a, b: np.maximum(a, b), lambda g, y, a, b: share(g, a, b), lambda g, y, a, b: share(g, b, a),
        kinks="ties",
    )  # fmt: skip


@wrong("tie", MISMATCH)
def minimum_no_winner(flaw: bool) -> Op:
    def share(g, one, other, tied):
        p, q = plain(one), plain(other)
        return g * ((p < q) * 1.0 + (p == q) * tied).astype(g.dtype)

    return binary(
        lambda a, b: np.minimum(a, b), lambda g, y, a, b: share(g, a, b, 0.0 if flaw else 1.0),
        lambda g, y, a, b: share(g, b, a, 0.0), kinks="ties",
    )  # fmt: skip


def _max(count: bool, axis: object = None):
    def rule(g, y, x, *, axis=axis):
        hit = (plain(x) == np.max(plain(x), axis=axis, keepdims=True)).astype(x.dtype)
        if count:
            hit = hit / hit.sum(axis=axis, keepdims=True)
        kept = tuple(1 if axis is None or i in (axis, axis + x.ndim) else n for i, n in enumerate(x.shape))
        return mg.reshape(g, kept) * hit

    return rule


@wrong("tie", MISMATCH)
def max_all_winners(flaw: bool) -> Op:
    return made(
        lambda x, *, axis=None: np.asarray(np.max(x, axis=axis)), {"x": _max(not flaw)}, {"x": DISTINCT}, kinks="ties",
        params=[{"axis": None}], shapes=[((3, 4),)],
    )  # fmt: skip


@wrong("tie", MISMATCH)
def max_all_winners_along_axis(flaw: bool) -> Op:
    return made(
        lambda x, *, axis: np.max(x, axis=axis), {"x": _max(not flaw)}, {"x": DISTINCT}, kinks="ties",
        params=[{"axis": 1}, {"axis": 0}], shapes=[((3, 4),)],
    )  # fmt: skip


@wrong("tie", MISMATCH)
def max_all_winners_second_axis_only(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        return _max(not (flaw and axis == 0))(g, y, x, axis=axis)

    return made(
        lambda x, *, axis: np.max(x, axis=axis), {"x": rule}, {"x": DISTINCT}, kinks="ties",
        params=[{"axis": 1}, {"axis": 0}], shapes=[((3, 4),)],
    )  # fmt: skip


@wrong("tie", MISMATCH, twin=False)
def median_middle_not_shared(flaw: bool) -> Op:
    """At ties the gradient goes to every entry equal to the median."""

    def rule(g, y, x):
        hit = (plain(x) == plain(y)[..., None]).astype(x.dtype)
        return mg.expand_dims(g, -1) * (hit if flaw else hit / hit.sum(axis=-1, keepdims=True))

    return made(lambda x: np.median(x, axis=-1), {"x": rule}, {"x": DISTINCT}, kinks="ties", shapes=[((3, 5),)])
