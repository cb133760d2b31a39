"""Rules that are right at first order and wrong, or silently zero, when they are differentiated themselves."""

# Rules are untyped: half of the corpus breaks the types on purpose.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array, V
from support.gate_case import INVALID, MISMATCH, REAL, UNIT, either, made, plain, unary, wrong


def _again(t: V, value: Array) -> V:
    """`value` as a constant of the kind of `t`."""
    return mg.tensor(value) if isinstance(t, mg.Tensor) else value


@wrong("raw arrays", MISMATCH, INVALID)
def data_of_argument(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: g * (np.cos(plain(x)) if flaw else mg.cos(x)))


@wrong("raw arrays", MISMATCH, INVALID)
def data_of_output(flaw: bool) -> Op:
    return unary(lambda x: np.exp(x), lambda g, y, x: g * (plain(y) if flaw else y))


@wrong("raw arrays", MISMATCH, INVALID)
def data_of_output_unclaimed(flaw: bool) -> Op:
    return made(lambda x: np.exp(x), {"x": lambda g, y, x: g * (plain(y) if flaw else y)}, {"x": REAL})


@wrong("raw arrays", MISMATCH, INVALID)
def data_of_gradient(flaw: bool) -> Op:
    return unary(lambda x: np.sin(x), lambda g, y, x: (plain(g) if flaw else g) * mg.cos(x))


@wrong("raw arrays", MISMATCH, INVALID)
def everything_raw(flaw: bool) -> Op:
    def rule(g, y, x):
        return plain(g) * np.cos(plain(x)) if flaw else g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("raw arrays", MISMATCH, INVALID)
def everything_raw_then_wrapped(flaw: bool) -> Op:
    def rule(g, y, x):
        return _again(g, plain(g) * np.cos(plain(x))) if flaw else g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("raw arrays", MISMATCH, INVALID)
def asarray_of_argument(flaw: bool) -> Op:
    def rule(g, y, x):
        return g * np.cos(np.asarray(x)) if flaw else g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("raw arrays", MISMATCH, INVALID)
def linear_rule_raw(flaw: bool) -> Op:
    """A linear op: only the way from g to the gradient is lost."""

    def rule(g, y, x):
        spread = np.broadcast_to(plain(g), x.shape)
        return _again(g, np.array(spread)) if flaw else mg.broadcast_to(g, x.shape)

    return made(lambda x: np.sum(x), {"x": rule}, {"x": REAL}, linear=True)


@wrong("detached", MISMATCH)
def output_detached(flaw: bool) -> Op:
    def rule(g, y, x):
        kept = y.detach() if flaw and isinstance(y, mg.Tensor) else y
        return g * (1.0 - kept * kept)

    return unary(lambda x: np.tanh(x), rule)


@wrong("detached", MISMATCH)
def one_factor_detached(flaw: bool) -> Op:
    """y (1 - y) with one of the two y taken as a constant."""

    def rule(g, y, x):
        kept = y.detach() if flaw and isinstance(y, mg.Tensor) else y
        return g * y * (1.0 - kept)

    return unary(lambda x: 1.0 / (1.0 + np.exp(-x)), rule)


@wrong("detached", MISMATCH)
def gradient_detached(flaw: bool) -> Op:
    def rule(g, y, x):
        return (g.detach() if flaw and isinstance(g, mg.Tensor) else g) * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("detached", MISMATCH, INVALID)
def under_no_grad(flaw: bool) -> Op:
    def rule(g, y, x):
        if not flaw:
            return g * mg.cos(x)
        with mg.no_grad():
            slope = mg.cos(x)
        return g * slope

    return unary(lambda x: np.sin(x), rule)


@wrong("detached", MISMATCH)
def first_argument_constant(flaw: bool) -> Op:
    """Mixed second derivative of a product lost."""

    def right(g, y, a, b):
        return g * (a.detach() if flaw and isinstance(a, mg.Tensor) else a)

    return made(lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": right}, {"a": REAL, "b": REAL})


@wrong("detached", MISMATCH)
def softmax_probabilities_constant(flaw: bool) -> Op:
    def rule(g, y, x):
        p = _again(y, plain(y)) if flaw else y
        return p * (g - mg.sum(g * p, axis=-1, keepdims=True))

    def forward(x: Array) -> Array:
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    return made(forward, {"x": rule}, {"x": UNIT}, shapes=[((2, 3),)])


@wrong("detached", MISMATCH)
def norm_value_constant(flaw: bool) -> Op:
    def rule(g, y, x):
        size = _again(y, plain(y)) if flaw else y
        return mg.expand_dims(g / size, -1) * x

    return made(lambda x: np.sqrt((x * x).sum(axis=-1)), {"x": rule}, {"x": REAL}, shapes=[((2, 3),)])


@wrong("detached", MISMATCH)
def inverse_value_constant(flaw: bool) -> Op:
    def rule(g, y, x):
        t = mg.swapaxes(y, -1, -2)
        left = _again(t, plain(t)) if flaw else t
        return -mg.matmul(mg.matmul(left, g), t)

    return made(lambda x: np.linalg.inv(x), {"x": rule}, {"x": mg.square_wellconditioned()})


@wrong("detached", MISMATCH)
def normaliser_constant_in_layer_norm(flaw: bool) -> Op:
    def rule(g, y, x):
        c = x - mg.mean(x, axis=-1, keepdims=True)
        s = mg.sqrt(mg.mean(c * c, axis=-1, keepdims=True))
        s = _again(s, plain(s)) if flaw else s
        h = c / s
        return (g - mg.mean(g, axis=-1, keepdims=True) - h * mg.mean(g * h, axis=-1, keepdims=True)) / s

    def forward(x: Array) -> Array:
        c = x - x.mean(axis=-1, keepdims=True)
        return c / np.sqrt((c * c).mean(axis=-1, keepdims=True))

    return made(forward, {"x": rule}, {"x": REAL}, shapes=[((2, 4),)])


@wrong("closure", MISMATCH, INVALID)
def slope_kept_by_forward(flaw: bool) -> Op:
    """The forward function leaves the derivative in a closure for the rule."""
    kept: list[Array] = []

    def forward(x: Array) -> Array:
        kept[:] = [np.cos(x)]
        return np.sin(x)

    return unary(forward, lambda g, y, x: g * (kept[0] if flaw else mg.cos(x)))


@wrong("python numbers", MISMATCH, INVALID)
def item_of_output(flaw: bool) -> Op:
    """y = exp(mean x): the rule multiplies by a Python float."""

    def rule(g, y, x):
        value = float(plain(y)) if flaw else y
        return mg.broadcast_to(g * value / float(x.size), x.shape)

    return made(lambda x: np.asarray(np.exp(x.mean())), {"x": rule}, {"x": UNIT}, shapes=[((3, 2),)])


@wrong("other branch on Tensors", MISMATCH)
def other_formula_on_tensors(flaw: bool) -> Op:
    def rule(g, y, x):
        if flaw and isinstance(x, mg.Tensor):
            return g * mg.cos(x) * 2.0
        return g * mg.cos(x)

    return unary(lambda x: np.sin(x), rule)


@wrong("other branch on Tensors", MISMATCH, INVALID)
def constant_on_tensors(flaw: bool) -> Op:
    """The value of the rule on Tensors is off by a constant: its derivative is right, its value is not."""

    def rule(g, y, x):
        d = g * mg.cos(x)
        return d + 1.0 if flaw and isinstance(x, mg.Tensor) else d

    return unary(lambda x: np.sin(x), rule)


@wrong("other branch on Tensors", MISMATCH, INVALID)
def piecewise_linear_doubled_on_tensors(flaw: bool) -> Op:
    def rule(g, y, x):
        factor = 2.0 if flaw and isinstance(x, mg.Tensor) else 1.0
        return g * either(plain(x) > 0.0, factor, 0.0, x)

    return unary(lambda x: np.maximum(x, 0.0), rule, kinks=[0.0])
