"""Rules whose own gradient is wrong in part: in a region, for one shape or metadata, by a little, or not finite."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import INCONCLUSIVE, INVALID, MISMATCH, POSITIVE, REAL, UNIT, made, plain, unary, wrong
from support.gate_wrong_second_order import _again as again


@wrong("region", MISMATCH)
def detached_for_negative(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = mg.cos(x)
        return g * (mg.where(plain(x) < 0.0, plain(slope), slope) if flaw else slope)

    return unary(lambda x: np.sin(x), rule)


@wrong("region", MISMATCH)
def detached_above_two(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = mg.cos(x)
        return g * (mg.where(plain(x) > 2.0, plain(slope), slope) if flaw else slope)

    return unary(lambda x: np.sin(x), rule)


@wrong("metadata", MISMATCH)
def detached_for_one_axis(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        p = again(y, plain(y)) if flaw and axis == 0 else y
        return p * (g - mg.sum(g * p, axis=axis, keepdims=True))

    def forward(x: Array, *, axis: int) -> Array:
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    return made(forward, {"x": rule}, {"x": UNIT}, shapes=[((2, 3),)], params=[{"axis": 1}, {"axis": 0}])


@wrong("shape only", MISMATCH)
def detached_when_broadcast(flaw: bool) -> Op:
    def left(g, y, a, b):
        return g * (again(b, plain(b)) if flaw and b.shape != a.shape else b)

    return made(lambda a, b: a * b, {"a": left, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL})


@wrong("shape only", MISMATCH)
def detached_when_broadcast_elementwise(flaw: bool) -> Op:
    def left(g, y, a, b):
        return g * (again(b, plain(b)) if flaw and b.shape != a.shape else b)

    return made(
        lambda a, b: a * b, {"a": left, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL}, elementwise=True
    )


@wrong("shape only", MISMATCH)
def detached_in_zero_d(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = mg.cos(x)
        return g * (again(slope, plain(slope)) if flaw and x.ndim == 0 else slope)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("second output", MISMATCH)
def second_output_detached(flaw: bool) -> Op:
    def forward(x: Array) -> tuple[Array, Array]:
        return np.sin(x), np.exp(x)

    def rule(g, y, x):
        e = again(y[1], plain(y[1])) if flaw else y[1]
        return g[0] * mg.cos(x) + g[1] * e

    return made(forward, {"x": rule}, {"x": UNIT})


@wrong("raw arrays", MISMATCH, INVALID)
def log_rule_by_numpy_reciprocal(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * np.reciprocal(plain(x)) if flaw else g / x

    return unary(lambda x: np.log(x), rule, POSITIVE)


@wrong("small error", MISMATCH)
def second_order_off_by_1e4(flaw: bool) -> Op:
    """x - x.detach() is zero: it changes no gradient, only the gradient's gradient."""

    def rule(g, y, x):
        extra = (x - x.detach()) * 1e-4 if flaw and isinstance(x, mg.Tensor) else 0.0
        return g * (mg.cos(x) + extra)

    return unary(lambda x: np.sin(x), rule)


@wrong("not finite", MISMATCH, INVALID, INCONCLUSIVE)
def masked_root(flaw: bool) -> Op:
    """max(x, 0) ** 1.5: the mask hides the NaN of sqrt(x) for negative x from the rule, not from its gradient."""

    def rule(g, y, x):
        inside = x if flaw else mg.where(plain(x) > 0.0, x, 1.0)
        return g * mg.where(plain(x) > 0.0, mg.sqrt(inside) * 1.5, 0.0)

    return unary(lambda x: np.maximum(x, 0.0) ** 1.5, rule)


@wrong("not finite", MISMATCH, INVALID, INCONCLUSIVE)
def root_of_zero_added(flaw: bool) -> Op:
    """sqrt(x - x) is 0 with an infinite slope."""
    return unary(lambda x: x * x, lambda g, y, x: g * (x * 2.0 + (mg.sqrt(x - x) if flaw else 0.0)))


@wrong("not finite", MISMATCH, INVALID, INCONCLUSIVE)
def root_of_zero_added_unclaimed(flaw: bool) -> Op:
    rule = lambda g, y, x: mg.broadcast_to(g, x.shape) * (x * 2.0 + (mg.sqrt(x - x) if flaw else 0.0))  # noqa: E731
    return made(lambda x: np.asarray(np.sum(x * x)), {"x": rule}, {"x": REAL}, shapes=[((2, 3),)])
