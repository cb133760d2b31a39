"""Rules that are wrong in one dtype, one shape or one memory layout only."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from support.gate_case import INVALID, MISMATCH, POSITIVE, REAL, binary, made, plain, unary, wrong


@wrong("dtype only", INVALID)
def float64_scalar_promotes(flaw: bool) -> Op:
    return unary(lambda x: 2.0 * x, lambda g, y, x: g * (np.float64(2.0) if flaw else 2.0))


@wrong("dtype only", INVALID)
def ones_promote(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * (np.ones(x.shape) if flaw else np.ones(x.shape, dtype=x.dtype))

    return made(lambda x: x * 1.0, {"x": rule}, {"x": REAL})


@wrong("dtype only", INVALID)
def gradient_cast_to_float32(flaw: bool) -> Op:
    def rule(g, y, x):
        d = g * mg.cos(x)
        return d.astype(np.float32) if flaw else d

    return unary(lambda x: np.sin(x), rule)


@wrong("dtype only", MISMATCH, INVALID)
def computed_in_float32(flaw: bool) -> Op:
    """Through float32 and back: the dtype is right, the last eight digits are not."""

    def rule(g, y, x):
        d = g * mg.cos(x)
        return d.astype(np.float32).astype(x.dtype) if flaw else d

    return unary(lambda x: np.sin(x), rule)


@wrong("dtype only", INVALID)
def boolean_mask_returned(flaw: bool) -> Op:
    return unary(
        lambda x: np.maximum(x, 0.0), lambda g, y, x: (plain(x) > 0.0) if flaw else g * (plain(x) > 0.0), kinks=[0.0]
    )


@wrong("dtype only", INVALID)
def integer_gradient(flaw: bool) -> Op:
    return unary(
        lambda x: np.abs(x),
        lambda g, y, x: np.sign(plain(x)).astype(int) if flaw else g * np.sign(plain(x)).astype(x.dtype), kinks=[0.0],
    )  # fmt: skip


@wrong("dtype only", INVALID)
def complex_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (g * mg.cos(x)).astype(complex) if flaw else g * mg.cos(x))


@wrong("dtype only", MISMATCH)
def float32_branch_doubled(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (2.0 if flaw and x.dtype == np.float32 else 1.0)

    return unary(lambda x: np.sin(x), rule)


@wrong("dtype only", MISMATCH)
def float32_negative_only(flaw: bool) -> Op:
    def rule(g, y, x):
        bad = flaw and x.dtype == np.float32
        return g * mg.cos(x) * np.where(plain(x) < -2.0, -1.0 if bad else 1.0, 1.0).astype(x.dtype)

    return unary(lambda x: np.sin(x), rule)


@wrong("dtype only", MISMATCH)
def float32_last_entry(flaw: bool) -> Op:
    def rule(g, y, x):
        w = np.ones(x.shape, dtype=x.dtype)
        if flaw and x.dtype == np.float32 and w.size:
            w.flat[-1] = 0.0
        return mg.broadcast_to(g, x.shape) * w

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL})


@wrong("dtype only", INVALID, MISMATCH)
def float32_raises(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(x, np.ndarray) and x.dtype != np.float64:
            raise TypeError("float64 only")
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("dtype only", INVALID)
def forward_promotes_float32(flaw: bool) -> Op:
    return unary(lambda x: x * (np.float64(0.5) if flaw else 0.5), lambda g, y, x: g * 0.5)


@wrong("dtype only", INVALID, MISMATCH)
def float32_overflow_guard(flaw: bool) -> Op:
    """Clamps with a constant that only float32 rounds up to infinity."""

    def rule(g, y, x):
        top = np.asarray(1e39 if flaw else 1e30).astype(x.dtype)
        return g * mg.cos(x) * top / top

    def quiet(g, y, x):
        with np.errstate(over="ignore"):
            return rule(g, y, x)

    return unary(lambda x: np.sin(x), quiet)


@wrong("shape only", INVALID)
def flattened_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: mg.ravel(g * mg.cos(x)) if flaw else g * mg.cos(x))


@wrong("shape only", INVALID)
def leading_axis_added(flaw: bool) -> Op:
    def rule(g, y, x):
        d = g * mg.cos(x)
        return mg.expand_dims(d, 0) if flaw else d

    return unary(lambda x: np.sin(x), rule)


@wrong("shape only", INVALID)
def squeezed_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: mg.squeeze(g * mg.cos(x)) if flaw else g * mg.cos(x))


@wrong("shape only", INVALID, MISMATCH)
def axis_of_length_one_squeezed(flaw: bool) -> Op:
    def rule(g, y, x):
        d = g * mg.cos(x)
        return mg.squeeze(d) if flaw and x.size > 1 else d

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("shape only", INVALID)
def transposed_gradient(flaw: bool) -> Op:
    return made(
        lambda x: np.sin(x), {"x": lambda g, y, x: mg.transpose(g * mg.cos(x)) if flaw else g * mg.cos(x)}, {"x": REAL}
    )


@wrong("shape only", MISMATCH)
def square_transposed(flaw: bool) -> Op:
    def rule(g, y, x):
        d = g * mg.cos(x)
        return mg.transpose(d) if flaw else d

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL}, shapes=[((3, 3),)])


@wrong("0-d only", MISMATCH)
def zero_d_doubled(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x) * (2.0 if flaw and x.ndim == 0 else 1.0))


@wrong("0-d only", MISMATCH)
def zero_d_doubled_unclaimed(flaw: bool) -> Op:
    rule = lambda g, y, x: g * mg.cos(x) * (2.0 if flaw and x.ndim == 0 else 1.0)  # noqa: E731
    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("0-d only", INVALID)
def zero_d_becomes_one_d(flaw: bool) -> Op:
    def rule(g, y, x):
        d = g * mg.cos(x)
        return mg.reshape(d, (1,)) if flaw and x.ndim == 0 else d

    return unary(lambda x: np.sin(x), rule)


@wrong("0-d only", INVALID)
def zero_d_indexed(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (1.0 if not flaw or x.shape[0] >= 0 else 2.0)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("0-d only", MISMATCH)
def scalar_partner_forgotten(flaw: bool) -> Op:
    """Treats a 0-d second argument as a constant."""

    def right(g, y, a, b):
        return b * 0.0 if flaw and b.ndim == 0 and a.ndim else g * a

    return binary(lambda a, b: a * b, lambda g, y, a, b: g * b, right, elementwise=False)


@wrong("empty only", INVALID)
def empty_raises(flaw: bool) -> Op:
    def rule(g, y, x):
        scale = (float(np.max(np.abs(plain(x)))) if flaw or x.size else 1.0) or 1.0
        return g / scale * scale * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("empty only", INVALID)
def empty_raises_unclaimed(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and x.size == 0:
            raise IndexError("index 0 is out of bounds")
        return mg.broadcast_to(g, x.shape)

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL})


@wrong("empty only", INVALID)
def empty_gets_scalar(flaw: bool) -> Op:
    def rule(g, y, x):
        return mg.sum(g) if flaw and x.size == 0 else g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("empty only", INVALID)
def empty_mean_divides_by_zero(flaw: bool) -> Op:
    """The forward function gives 0 for no entries; the rule divides by their number."""

    def forward(x: Array) -> Array:
        return np.asarray(np.sum(x) / max(x.size, 1))

    def rule(g, y, x):
        return mg.broadcast_to(g * (1 / x.size if flaw else 1.0 / max(x.size, 1)), x.shape)

    return made(forward, {"x": rule}, {"x": REAL})


@wrong("one element only", MISMATCH)
def one_element_special_case(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * mg.cos(x) * (0.5 if flaw and x.size == 1 else 1.0)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("layout only", MISMATCH)
def reads_argument_in_memory_order(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(x, np.ndarray):
            return g * np.cos(x.ravel(order="K")).reshape(x.shape)
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("layout only", MISMATCH)
def reads_argument_in_memory_order_unclaimed(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(x, np.ndarray):
            return g * np.cos(x.ravel(order="K")).reshape(x.shape)
        return g * mg.cos(x)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("layout only", MISMATCH)
def reads_gradient_in_memory_order(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray):
            return np.cos(x) * g.ravel(order="K").reshape(x.shape)
        return g * mg.cos(x)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("layout only", MISMATCH, INVALID)
def reads_output_in_memory_order(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(y, np.ndarray):
            return g * y.ravel(order="K").reshape(y.shape)
        return g * y

    return made(lambda x: np.exp(x), {"x": rule}, {"x": REAL})


@wrong("layout only", INVALID, MISMATCH)
def needs_contiguous_gradient(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(g, np.ndarray) and not g.flags.c_contiguous:
            raise ValueError("incompatible shape for in-place modification: g must be contiguous")
        return g * mg.cos(x)

    return made(lambda x: np.sin(x), {"x": rule}, {"x": REAL})


@wrong("layout only", INVALID)
def forward_in_memory_order(flaw: bool) -> Op:
    def forward(x: Array) -> Array:
        return np.log(x.ravel(order="K").reshape(x.shape)) if flaw else np.log(x)

    return unary(forward, lambda g, y, x: g / x, POSITIVE)
