"""Elementwise ops with kinks. At a kink the rule gives a documented subgradient."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.elementwise.arithmetic import masked_multiply
from minigrad.ops.elementwise.piecewise_constant import equal, greater, prefer, sign
from minigrad.ops.elementwise.smooth_at_zero import slope_at_zero
from minigrad.ops.family import OpFamily
from minigrad.runtime.numpy_fast import as_row_operand
from minigrad.typing import V
from minigrad.verify.declare import op as declare
from minigrad.verify.domains import real

family = OpFamily()
unary, binary = family.unary, family.binary


def _relu(x: Array) -> Array:
    return np.maximum(x, as_row_operand(x, 0.0))


def _absolute_slope(g: V, y: V, x: V) -> V:
    bend = slope_at_zero(g, y)
    slope: V = masked_multiply(g, sign(x))
    return slope if bend is None else slope + bend * x


# fmt: off
relu = unary(
    "relu", _relu, "max(x, 0); the gradient at 0 is 0.", lambda g, y, x: masked_multiply(g, greater(x, 0.0)),
    kinks=[0.0],
)
absolute = unary("abs", np.absolute, "|x|; the gradient at 0 is 0.", _absolute_slope, kinks=[0.0])
maximum = binary(
    "maximum", np.maximum, "The larger of x and y; ties share the gradient equally.",
    lambda g, out, x, y: masked_multiply(g, prefer(x, y)), lambda g, out, x, y: masked_multiply(g, prefer(y, x)),
    kinks="ties",
)
minimum = binary(
    "minimum", np.minimum, "The smaller of x and y; ties share the gradient equally.",
    lambda g, out, x, y: masked_multiply(g, prefer(y, x)), lambda g, out, x, y: masked_multiply(g, prefer(x, y)),
    kinks="ties",
)
# fmt: on


@declare(
    x=real(),
    elementwise=True,
    params=[
        {"low": -1.0, "high": 2.0},
        {"low": None, "high": 0.5},
        {"low": -0.5, "high": None},
        {"low": -1.0, "high": 2.0, "closed": False},
    ],
    kinks=[-1.0, 2.0, 0.5, -0.5],
)
def clip(x: Array, *, low: float | None = None, high: float | None = None, closed: bool = True) -> Array:
    """Move x into [low, high].

    The gradient is 1 inside, 0 outside, and on the bounds 1 if `closed`, else 0.
    """
    return np.clip(x, low, high)


@clip.vjp("x")
def _(g: V, y: V, x: V, *, low: float | None, high: float | None, closed: bool) -> V:
    inside: V = equal(x, y)
    if not closed:
        inside = inside if low is None else inside * greater(x, low)
        inside = inside if high is None else inside * greater(high, x)
    return masked_multiply(g, inside)


family.add(clip)
family.register()
