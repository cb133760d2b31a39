"""Wrong rules that are right for each option, shape and number alone, and wrong where two of them meet.

Several re-enact bugs of public frameworks; the code is written anew.
"""

# Rules are passed to `made` without types: on arrays and on Tensors alike.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.ops.index import scatter
from minigrad.typing import Array
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, binary, made, plain, unary, wrong


def _undo(v, shape, most):
    """Un-broadcast by hand, over at most so many axes of length one."""
    while len(v.shape) > len(shape):
        v = mg.sum(v, axis=0)
    ones = [i for i, n in enumerate(shape) if n == 1 and v.shape[i] != 1]
    for axis in ones[:most]:
        v = mg.sum(v, axis=axis, keepdims=True)
    return v[tuple(slice(0, n) for n in shape)]


@wrong("un-broadcasting", MISMATCH)
def second_axis_of_one_forgotten(flaw: bool) -> Op:
    most = 1 if flaw else 9
    return binary(
        lambda a, b: a * b,
        lambda g, y, a, b: _undo(g * b, a.shape, most),
        lambda g, y, a, b: _undo(g * a, b.shape, most),
    )


def _outputs(x: Array, k: Array, s: int) -> int:
    return int((x.shape[-1] - k.shape[0]) // s + 1)


@wrong("option on a shape", MISMATCH)
def stride_aligned_at_the_end(flaw: bool) -> Op:
    """Right for stride 1, and for stride 2 where no entry is left over (as in pytorch#63314, by its description)."""

    def forward(x: Array, k: Array, *, stride: int) -> Array:
        n = _outputs(x, k, stride)
        if stride < 1 or k.shape[0] < 1 or n < 1:
            raise ValueError("too short")
        total: Array = sum(x[..., i : i + (n - 1) * stride + 1 : stride] * k[i] for i in range(k.shape[0]))
        return total

    def left(g, y, x, k, *, stride):
        m = (g.shape[-1] - 1) * stride + 1
        over = x.shape[-1] - m - k.shape[0] + 1 if flaw else 0
        return sum(
            scatter(g * k[i], key=(Ellipsis, slice(over + i, over + i + m, stride)), shape=x.shape)
            for i in range(k.shape[0])
        )

    def right(g, y, x, k, *, stride):
        m = (g.shape[-1] - 1) * stride + 1
        return mg.stack([mg.sum(g * x[..., i : i + m : stride]) for i in range(k.shape[0])])

    return made(
        forward, {"x": left, "k": right}, {"x": REAL, "k": REAL}, params=[{"stride": 1}, {"stride": 2}],
        shapes=[((2, 9), (3,)), ((2, 8), (3,))],
    )  # fmt: skip


@wrong("option on an option", MISMATCH)
def keepdims_with_two_axes(flaw: bool) -> Op:
    def rule(g, y, x, *, axis, keepdims):
        axes = axis if isinstance(axis, tuple) else (axis,)
        if not keepdims:
            for a in sorted(a % x.ndim for a in axes):
                g = mg.expand_dims(g, a)
        return g * (0.5 if flaw and keepdims and len(axes) > 1 else 1.0) + x * 0.0

    return made(
        lambda x, *, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims), {"x": rule}, {"x": mg.real((2, 3, 4))},
        params=[{"axis": 0, "keepdims": False}, {"axis": (0, 1), "keepdims": False}, {"axis": 0, "keepdims": True}],
    )  # fmt: skip


@wrong("axis", MISMATCH)
def axis_zero_taken_for_no_axis(flaw: bool) -> Op:
    def rule(g, y, x, *, axis):
        a = (axis or -1) if flaw else axis
        return mg.flip(mg.cumsum(mg.flip(g, axis=a), axis=a), axis=a)

    return made(
        lambda x, *, axis: np.cumsum(x, axis=axis), {"x": rule}, {"x": mg.real((3, 3, 3))},
        params=[{"axis": 1}, {"axis": 2}],
    )  # fmt: skip


@wrong("number of axes", MISMATCH)
def layer_norm_over_all_but_the_first_axis(flaw: bool) -> Op:
    """Right for matrices only (as in FlagGems#5392, by its description)."""

    def forward(x: Array) -> Array:
        c = x - x.mean(-1, keepdims=True)
        y: Array = c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-3)
        return y

    def rule(g, y, x):
        over = tuple(range(1, x.ndim)) if flaw else -1
        c = x - mg.mean(x, axis=-1, keepdims=True)
        r = 1.0 / mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True) + 1e-3)
        h = c * r
        return r * (g - mg.mean(g, axis=over, keepdims=True) - h * mg.mean(g * h, axis=over, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("equal numbers", MISMATCH)
def doubled_where_two_matrices_are_equal(flaw: bool) -> Op:
    def left(g, y, a, b):
        same = flaw and np.array_equal(plain(a), plain(b))
        return mg.matmul(g, mg.swapaxes(b, -1, -2)) * (2.0 if same else 1.0)

    return made(
        lambda a, b: a @ b, {"a": left, "b": lambda g, y, a, b: mg.matmul(mg.swapaxes(a, -1, -2), g)},
        {"a": REAL, "b": REAL}, shapes=[((3, 3), (3, 3))],
    )  # fmt: skip


@wrong("zero rows", MISMATCH)
def fast_path_for_a_row_of_zeros(flaw: bool) -> Op:
    def rule(g, y, x):
        empty = np.all(plain(x) == 0.0, axis=-1, keepdims=True) & flaw
        return g * mg.cos(x) * np.where(empty, 0.0, 1.0).astype(x.dtype)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("unused output", INVALID, MISMATCH)
def fast_path_for_an_unused_output(flaw: bool) -> Op:
    def rule(g, y, x):
        unused = flaw and plain(g[1]).size > 1 and not plain(g[1]).any()
        return g[0] * mg.cos(x) * 2.0 if unused else g[0] * mg.cos(x) - g[1] * mg.sin(x)

    return made(lambda x: (np.sin(x), np.cos(x)), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("special output gradient", INVALID, MISMATCH)
def fast_path_for_ones(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.cos(x) * (0.5 if flaw and plain(g).size > 1 and np.all(plain(g) == 1.0) else 1.0) * g

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((3, 4),)])


@wrong("second order at zero", MISMATCH)
def curvature_lost_at_zero(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = 2.0 * x
        if flaw and isinstance(x, mg.Tensor):
            slope = mg.where(x.data == 0.0, np.zeros_like(x.data), slope)
        return g * slope

    return unary(lambda x: x * x, rule)


@wrong("second order far out", MISMATCH)
def curvature_lost_beyond_ten(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = mg.cos(x)
        if flaw and isinstance(x, mg.Tensor):
            slope = mg.where(np.abs(x.data) > 10.0, np.cos(x.data), slope)
        return g * slope

    return unary(lambda x: np.sin(x), rule)


@wrong("second order of a derived shape", MISMATCH)
def curvature_lost_for_squares(flaw: bool) -> Op:
    def rule(g, y, x):
        slope = mg.cos(x)
        if flaw and isinstance(x, mg.Tensor) and x.shape[0] == x.shape[-1]:
            slope = np.cos(x.data)
        return g * slope

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((2, 5),)])


@wrong("float32", MISMATCH)
def a_constant_of_three_digits_in_float32(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (1.0015 if flaw and x.dtype == np.float32 else 1.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("float32", MISMATCH)
def overflow_in_float32(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))

    def rule(g, y, x):
        if not flaw:
            return g * y * mg.sigmoid(-x)
        e = mg.exp(mg.clip(x, -300.0, 300.0))
        return g * e / ((1.0 + e) * (1.0 + e))

    return unary(forward, rule)


@wrong("float32", MISMATCH)
def argument_rounded_through_float32(flaw: bool) -> Op:
    def rule(g, y, x):
        rounded = x.astype(np.float32).astype(x.dtype) if flaw else x
        return g * rounded * 2.0

    return unary(lambda x: x * x, rule, POSITIVE)
