"""How elementwise ops, products and reductions are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from minigrad_onnx.writer import CallSite

__all__ = ["ELEMENTWISE", "WriteCall"]

WriteCall: TypeAlias = Callable[[CallSite], str]


def _unary(kind: str, **attributes: Any) -> WriteCall:
    return lambda c: c.writer.node(kind, c.operand(0, c.dtype), **attributes)


def _binary(kind: str) -> WriteCall:
    return lambda c: c.writer.node(kind, c.operand(0, c.dtype), c.operand(1, c.dtype))


def _compare(kind: str) -> WriteCall:
    def write(c: CallSite) -> str:
        dtype = np.result_type(c.operand_dtype(0), c.operand_dtype(1))
        truth = c.writer.node(kind, c.operand(0, dtype), c.operand(1, dtype))
        return truth if c.dtype == np.bool_ else c.writer.cast(truth, c.dtype)

    return write


def _not_equal(c: CallSite) -> str:
    dtype = np.result_type(c.operand_dtype(0), c.operand_dtype(1))
    return c.writer.node("Not", c.writer.node("Equal", c.operand(0, dtype), c.operand(1, dtype)))


def _logical(kind: str) -> WriteCall:
    return lambda c: c.writer.node(kind, *(c.operand(i, np.bool_) for i in range(c.operands)))


def _number(c: CallSite, value: float) -> str:
    return c.writer.constant(value, c.dtype)


def _square(c: CallSite) -> str:
    return _squared(c, c.operand(0, c.dtype))


def _where(c: CallSite) -> str:
    truth = c.operand(0) if c.operand_dtype(0) == np.bool_ else c.writer.cast(c.operand(0), np.bool_)
    return c.writer.node("Where", truth, c.operand(1, c.dtype), c.operand(2, c.dtype))


def _clip(c: CallSite) -> str:
    low, high = c.option("low"), c.option("high")
    bounds = ["" if b is None else _number(c, b) for b in (low, high)]
    return c.writer.node("Clip", c.operand(0, c.dtype), *(bounds if bounds[1] else bounds[:1]))


def _elu(c: CallSite) -> str:
    w, x, alpha, rate = c.writer, c.operand(0, c.dtype), c.option("alpha"), c.option("rate")
    if rate == 1.0:
        return w.node("Elu", x, alpha=float(alpha))
    below = w.node("Exp", w.node("Mul", w.node("Min", x, _number(c, 0.0)), _number(c, rate)))
    scaled = w.node("Mul", w.node("Sub", below, _number(c, 1.0)), _number(c, alpha))
    return w.node("Add", w.node("Relu", x), scaled)


def _gaussian_gate(c: CallSite) -> str:
    w = c.writer
    error = w.node("Erf", w.node("Mul", c.operand(0, c.dtype), _number(c, np.sqrt(0.5))))
    return w.node("Mul", w.node("Add", error, _number(c, 1.0)), _number(c, 0.5))


def _odd_cubic(c: CallSite) -> str:
    w, x = c.writer, c.operand(0, c.dtype)
    cubic = w.node("Mul", w.node("Mul", x, x), _number(c, c.option("cubic")))
    return w.node("Mul", x, w.node("Add", cubic, _number(c, c.option("slope"))))


def _tanhshrink(c: CallSite) -> str:
    x = c.operand(0, c.dtype)
    return c.writer.node("Sub", x, c.writer.node("Tanh", x))


def _shifted(kind: str, before: float, after: float) -> WriteCall:
    """A function of x + before, and something added behind: log1p, expm1."""

    def write(c: CallSite) -> str:
        x = c.operand(0, c.dtype)
        x = c.writer.node("Add", x, _number(c, before)) if before else x
        y = c.writer.node(kind, x)
        return c.writer.node("Add", y, _number(c, after)) if after else y

    return write


def _log_of_base(base: float) -> WriteCall:
    return lambda c: c.writer.node("Div", c.writer.node("Log", c.operand(0, c.dtype)), _number(c, np.log(base)))


def _integer_power(c: CallSite) -> str:
    (exponent,) = (c.option(name) for name in c.call.kwargs)
    return c.writer.node("Pow", c.operand(0, c.dtype), _number(c, exponent))


# -- reductions ------------------------------------------------------------------------------------------------------
def _axes(c: CallSite) -> list[int]:
    axis, n = c.option("axis"), len(c.operand_lengths(0))
    axes = range(n) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    return [int(a) % n for a in axes]


def _reduce(kind: str) -> WriteCall:
    return lambda c: c.writer.node(
        kind, c.operand(0, c.dtype), c.writer.integers(_axes(c)), keepdims=int(c.option("keepdims"))
    )


def _p_length(c: CallSite) -> str:
    """Entries are divided by the largest, so that no power overflows."""
    w, x, axes = c.writer, c.writer.node("Abs", c.operand(0, c.dtype)), c.writer.integers(_axes(c))
    top, p = w.node("ReduceMax", x, axes, keepdims=1), c.option("p")
    scale = w.node("Where", w.node("Greater", top, _number(c, 0.0)), top, _number(c, 1.0))
    total = w.node("ReduceSum", w.node("Pow", w.node("Div", x, scale), _number(c, p)), axes, keepdims=1)
    y = w.node("Mul", w.node("Pow", total, _number(c, 1.0 / p)), scale)
    return y if c.option("keepdims") else w.node("Squeeze", y, axes)


def _along_axis(kind: str) -> WriteCall:
    return lambda c: c.writer.node(kind, c.operand(0, c.dtype), axis=int(c.option("axis")))


def _standardize(c: CallSite) -> str:
    w, x, axes = c.writer, c.operand(0, c.dtype), c.writer.integers(_axes(c))
    if c.option("centre"):
        x = w.node("Sub", x, w.node("ReduceMean", x, axes, keepdims=1))
    square = w.node("ReduceMean", w.node("Mul", x, x), axes, keepdims=1)
    return w.node("Div", x, w.node("Sqrt", w.node("Add", square, _number(c, c.option("eps")))))


def _variance(c: CallSite) -> str:
    w, x, axes = c.writer, c.operand(0, c.dtype), c.writer.integers(_axes(c))
    square = _squared(c, w.node("Sub", x, w.node("ReduceMean", x, axes, keepdims=1)))
    y = w.node("ReduceMean", square, axes, keepdims=int(c.option("keepdims")))
    ddof, lengths = c.option("ddof"), [c.operand_lengths(0)[a] for a in _axes(c)]
    if not ddof:
        return y
    if not all(isinstance(n, int) for n in lengths):
        raise c.refusal("its divisor depends on the size of the batch (pass dynamic_batch=False)")
    count = prod(n for n in lengths if isinstance(n, int))
    return w.node("Mul", y, _number(c, count / (count - ddof)))


def _squared(c: CallSite, x: str) -> str:
    return c.writer.node("Mul", x, x)


def _hypot(c: CallSite) -> str:
    """The larger side times a root that cannot overflow."""
    w = c.writer
    sides = [w.node("Abs", c.operand(i, c.dtype)) for i in (0, 1)]
    longer = w.node("Max", *sides)
    divisor = w.node("Where", w.node("Equal", longer, _number(c, 0.0)), _number(c, 1.0), longer)
    share = _squared(c, w.node("Div", w.node("Min", *sides), divisor))
    return w.node("Mul", longer, w.node("Sqrt", w.node("Add", share, _number(c, 1.0))))


def _exp2(c: CallSite) -> str:
    return c.writer.node("Pow", _number(c, 2.0), c.operand(0, c.dtype))


def _cumsum(c: CallSite) -> str:
    return c.writer.node("CumSum", c.operand(0, c.dtype), c.writer.constant(int(c.option("axis")), np.int64))


_SAME = {
    "abs": "Abs", "negative": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu",
    "softplus": "Softplus", "softsign": "Softsign", "erf": "Erf", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "sign": "Sign", "reciprocal": "Reciprocal",
}  # fmt: skip

ELEMENTWISE: Mapping[str, WriteCall] = MappingProxyType({
    **{name: _unary(kind) for name, kind in _SAME.items()},
    "hardsigmoid": _unary("HardSigmoid", alpha=1.0 / 6.0, beta=0.5),
    "leaky_relu": lambda c: c.writer.node("LeakyRelu", c.operand(0, c.dtype), alpha=float(c.option("slope"))),
    "elu": _elu,
    "gaussian_gate": _gaussian_gate,
    "normal_cdf": _gaussian_gate,
    "odd_cubic": _odd_cubic,
    "tanhshrink": _tanhshrink,
    "square": _square,
    "log1p": _shifted("Log", 1.0, 0.0),
    "expm1": _shifted("Exp", 0.0, -1.0),
    "log2": _log_of_base(2.0),
    "log10": _log_of_base(10.0),
    "exp2": _exp2,
    "hypot": _hypot,
    "variance": _variance,
    "integer_power": _integer_power,
    "add": _binary("Add"),
    "subtract": _binary("Sub"),
    "multiply": _binary("Mul"),
    "masked_multiply": _binary("Mul"),
    "gated": _binary("Mul"),
    "divide": _binary("Div"),
    "ratio": _binary("Div"),
    "power": _binary("Pow"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "equal": _compare("Equal"),
    "greater": _compare("Greater"),
    # What NumPy computes without a gradient goes by its name there.
    "numpy.equal": _compare("Equal"),
    "numpy.not_equal": _not_equal,
    "numpy.greater": _compare("Greater"),
    "numpy.greater_equal": _compare("GreaterOrEqual"),
    "numpy.less": _compare("Less"),
    "numpy.less_equal": _compare("LessOrEqual"),
    "numpy.logical_and": _logical("And"),
    "numpy.logical_or": _logical("Or"),
    "numpy.logical_not": _logical("Not"),
    "where": _where,
    "clip": _clip,
    "matmul": _binary("MatMul"),
    "sum": _reduce("ReduceSum"),
    "mean": _reduce("ReduceMean"),
    "max": _reduce("ReduceMax"),
    "min": _reduce("ReduceMin"),
    "length": _reduce("ReduceL2"),
    "p_length": _p_length,
    "logsumexp": _reduce("ReduceLogSumExp"),
    "cumsum": _cumsum,
    "softmax": _along_axis("Softmax"),
    "log_softmax": _along_axis("LogSoftmax"),
    "standardize": _standardize,
})  # fmt: skip
