"""The elementwise ops that are registered at once: arithmetic, transcendental, kinked, and piecewise constant."""

from __future__ import annotations

from minigrad.ops.arithmetic import (
    add,
    divide,
    integer_power,
    multiply,
    negative,
    ratio,
    reciprocal,
    square,
    subtract,
    where,
)
from minigrad.ops.piecewise_constant import ceil, equal, floor, greater, prefer, rint, sign, trunc
from minigrad.ops.piecewise_linear import absolute, clip, maximum, minimum, relu
from minigrad.ops.transcendental import (
    cos,
    exp,
    expm1,
    log,
    log1p,
    power,
    power_slope,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)

# fmt: off
__all__ = [
    "absolute", "add", "ceil", "clip", "cos", "divide", "equal", "exp", "expm1", "floor", "greater", "integer_power",
    "log", "log1p", "maximum", "minimum", "multiply", "negative", "power", "power_slope", "prefer", "ratio",
    "reciprocal", "relu", "rint", "sigmoid", "sign", "sin", "softplus", "sqrt", "square", "subtract", "tanh", "trunc",
    "where",
]
# fmt: on
