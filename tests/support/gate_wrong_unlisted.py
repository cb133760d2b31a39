"""Rules that fail where the author did not think of looking: metadata, shapes and numbers he has not listed."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.types import Axis
from minigrad.typing import Array
from support.gate_case import INVALID, MISMATCH, NONZERO, REAL, UNIT, binary, either, made, plain, unary, wrong


@wrong("unlisted metadata", MISMATCH, INVALID)
def negative_axis_not_listed(flaw: bool) -> Op:
    """A running sum is undone by flipping along the axis; `(slice(None),) * -1` is empty, so the first axis flips."""

    def flipped(x, axis):
        before = (slice(None),) * (axis if flaw else axis % x.ndim)
        return x[(*before, slice(None, None, -1))]

    def rule(g, y, x, *, axis):
        return flipped(op(flipped(g, axis), axis=axis), axis)

    op = made(
        lambda x, *, axis: np.cumsum(x, axis=axis), {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)],
        params=[{"axis": 0}, {"axis": 1}, {"axis": 2}],
    )  # fmt: skip
    return op


@wrong("unlisted metadata", MISMATCH, INVALID)
def keepdims_not_listed(flaw: bool) -> Op:
    """y = |x| along an axis; with the axis kept, the rule for a lost one divides by the wrong entries."""

    def forward(x: Array, *, keepdims: bool = False) -> Array:
        return np.sqrt(np.sum(x * x, axis=-1, keepdims=keepdims))

    def rule(g, y, x, *, keepdims):
        scale = g / y
        if keepdims:
            return mg.transpose(scale) * x if flaw else scale * x
        return mg.expand_dims(scale, -1) * x

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 3),)])


@wrong("unlisted metadata", MISMATCH, INVALID)
def flag_with_default_never_set(flaw: bool) -> Op:
    """No params= at all: `reverse=True` is never tried."""

    def forward(x: Array, *, reverse: bool = False) -> Array:
        return -x if reverse else x * 1.0

    def rule(g, y, x, *, reverse):
        return -g if reverse and not flaw else g

    return made(forward, {"x": rule}, {"x": REAL}, elementwise=True)


@wrong("unlisted metadata", MISMATCH, INVALID)
def axis_as_tuple_of_one(flaw: bool) -> Op:
    """axis=(1,) and axis=1 mean the same; the rule reads one of them only."""

    def rule(g, y, x, *, axis):
        one = 1 if flaw and isinstance(axis, tuple) else 0
        shape = list(x.shape)
        for a in axis if isinstance(axis, tuple) else (axis,):
            shape[a] = 1
        return mg.broadcast_to(mg.reshape(g, tuple(shape)), x.shape) * (1.0 - 0.5 * one)

    def forward(x: Array, *, axis: Axis) -> Array:
        return np.asarray(np.sum(x, axis=axis))

    return made(
        forward, {"x": rule}, {"x": REAL}, shapes=[((2, 3, 4),)], params=[{"axis": 1}, {"axis": 0}, {"axis": (0, 2)}]
    )


@wrong("batch only", MISMATCH, INVALID)
def inverse_of_a_stack(flaw: bool) -> Op:
    """Right for one matrix; of a stack it uses the first inverse for all."""

    def rule(g, y, x):
        t = mg.swapaxes(y, -1, -2)
        t = t[:1] if flaw and x.ndim > 2 else t
        return -mg.matmul(mg.matmul(t, g), t)

    return made(lambda x: np.linalg.inv(x), {"x": rule}, {"x": mg.square_wellconditioned()})


@wrong("batch only", MISMATCH, INVALID)
def determinant_of_a_stack(flaw: bool) -> Op:
    """The rule adds up the determinants of a stack, which for one matrix changes nothing."""

    def rule(g, y, x):
        k = mg.sum(g * y) if flaw else mg.expand_dims(mg.expand_dims(g * y, -1), -1)
        return k * mg.swapaxes(helper(x), -1, -2)

    helper = made(
        lambda x: np.linalg.inv(x),
        {"x": lambda g, y, x: -mg.matmul(mg.matmul(mg.swapaxes(y, -1, -2), g), mg.swapaxes(y, -1, -2))},
        {"x": mg.square_wellconditioned()},
    )  # fmt: skip
    return made(lambda x: np.asarray(np.linalg.det(x)), {"x": rule}, {"x": mg.square_wellconditioned()})


@wrong("truncated constant", MISMATCH)
def constant_in_single_precision(flaw: bool) -> Op:
    """np.float32(0.1) is 1.5e-8 off."""
    tenth = float(np.float32(0.1)) if flaw else 0.1
    return unary(lambda x: x * 0.1, lambda g, y, x: g * tenth)


@wrong("truncated constant", MISMATCH)
def pi_to_six_digits(flaw: bool) -> Op:
    pi = 3.14159 if flaw else float(np.pi)
    return unary(lambda x: np.sin(np.pi * x), lambda g, y, x: g * mg.cos(x * float(np.pi)) * pi, UNIT)


@wrong("late binding", MISMATCH)
def loop_variable_captured(flaw: bool) -> Op:
    """Rules made in a loop: all of them see the last value of the loop variable."""
    factors = {"a": 2.0, "b": 5.0}
    rules: dict[str, Callable[..., object]] = {}
    for name in factors:

        def late(g, y, a, b):
            return g * factors[name]  # noqa: B023 - that is the flaw

        def early(g, y, a, b, name=name):
            return g * factors[name]

        rules[name] = late if flaw else early
    return made(lambda a, b: a * 2.0 + b * 5.0, rules, {"a": REAL, "b": REAL}, elementwise=True)


@wrong("integer division", MISMATCH, INVALID)
def floor_division_of_gradient(flaw: bool) -> Op:
    rule = lambda g, y, x: np.floor_divide(g, 2.0) if flaw and isinstance(g, np.ndarray) else g / 2.0  # noqa: E731
    return unary(lambda x: x / 2.0, rule)


@wrong("integer division", MISMATCH)
def half_the_count_rounded_down(flaw: bool) -> Op:
    """Divides by 2 * (n // 2), which is n for even n only."""

    def rule(g, y, x):
        n = x.shape[-1]
        return mg.broadcast_to(mg.expand_dims(g, -1), x.shape) / float(2 * (n // 2) if flaw else n)

    return made(lambda x: x.mean(axis=-1), {"x": rule}, {"x": REAL}, shapes=[((2, 4),), ((2, 5),)])


@wrong("not linear in g", MISMATCH, INVALID)
def second_gradient_divides_by_first(flaw: bool) -> Op:
    """Two outputs: nothing arrives through the first one when only the second is used."""

    def rule(g, y, x):
        first = g[0] * mg.cos(x)
        return first * (1.0 - g[1] * mg.sin(x) / first) if flaw else first - g[1] * mg.sin(x)

    return made(lambda x: (np.sin(x), np.cos(x)), {"x": rule}, {"x": UNIT}, shapes=[((3,),)])


@wrong("wrong root", MISMATCH, INVALID)
def arccosh_branch(flaw: bool) -> Op:
    """sqrt(x^2) in a rule is |x|: wrong for negative x."""

    def rule(g, y, x):
        return g * 2.0 * (mg.sqrt(x * x) if flaw else x)

    return unary(lambda x: x * x, rule, NONZERO)


@wrong("un-broadcasting", MISMATCH, INVALID)
def summed_by_hand_over_leading_axes(flaw: bool) -> Op:
    """Sums the surplus axes itself, but over the last ones instead of the first."""

    def right(g, y, a, b):
        product = g * a
        surplus = product.ndim - b.ndim
        if flaw and surplus > 0 and product.shape[: b.ndim] == b.shape:
            return mg.sum(product, axis=tuple(range(b.ndim, product.ndim)))
        return product

    return binary(lambda a, b: a * b, lambda g, y, a, b: g * b, right, elementwise=False)


@wrong("long axes only", MISMATCH, INVALID)
def axis_longer_than_eight(flaw: bool) -> Op:
    """Works through the axis in one block of eight and forgets the rest."""

    def forward(x: Array) -> Array:
        if x.ndim == 0:
            raise ValueError("needs an axis")
        return np.asarray(np.sum(x, axis=-1))

    def rule(g, y, x):
        kept = np.ones(x.shape, dtype=x.dtype)
        kept[..., 8:] = 0.0 if flaw else 1.0
        return mg.broadcast_to(mg.expand_dims(g, -1), x.shape) * kept

    return made(forward, {"x": rule}, {"x": REAL})


@wrong("mixed dtypes only", MISMATCH, INVALID)
def float32_next_to_float64(flaw: bool) -> Op:
    """A special case for arguments of unlike dtype, with a factor too much."""
    return binary(
        lambda a, b: a * b, lambda g, y, a, b: g * b * (2.0 if flaw and a.dtype != b.dtype else 1.0),
        lambda g, y, a, b: g * a,
    )  # fmt: skip


@wrong("few entries", MISMATCH)
def above_two_with_three_entries(flaw: bool) -> Op:
    """The declared shape holds three numbers: one draw does not visit every magnitude."""

    def rule(g, y, x):
        return g * mg.cos(x) * either(plain(x) > 2.0, 1.01 if flaw else 1.0, 1.0, x)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((3,),)])


@wrong("returns", INVALID)
def masked_array_returned(flaw: bool) -> Op:
    """Entries behind the mask are no gradient: some NumPy functions skip them, others use what lies underneath."""

    def rule(g, y, x):
        d = g * mg.cos(x)
        return np.ma.masked_where(x > 3.0, d) if flaw and isinstance(d, np.ndarray) else d

    return unary(lambda x: np.sin(x), rule)


@wrong("returns", INVALID)
def matrix_returned(flaw: bool) -> Op:
    """numpy.matrix turns the next `*` of the backward pass into a matrix product."""

    def rule(g, y, x):
        d = mg.broadcast_to(g, x.shape) * 2.0
        return d.view(np.matrix) if flaw and isinstance(d, np.ndarray) and d.ndim == 2 else d

    return made(lambda x: np.asarray(2.0 * np.sum(x)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("unlisted length", MISMATCH)
def wrong_where_another_rule_raises(flaw: bool) -> Op:
    """Beyond three entries the rule for b raises; who wants no gradient for b gets a wrong one for a."""

    def to_a(g, y, a, b):
        return mg.expand_dims(g, -1) * (b * (np.arange(b.shape[0]) < 3) if flaw else b)

    def to_b(g, y, a, b):
        return mg.reshape(mg.sum(mg.expand_dims(g, -1) * a, axis=0), (3,))

    return made(lambda a, b: a @ b, {"a": to_a, "b": to_b}, {"a": REAL, "b": REAL}, shapes=[((2, 3), (3,))])
