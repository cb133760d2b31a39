"""The p-norm of any order. Registered on first use."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array, Axis
from minigrad.ops.elementwise.arithmetic import masked_multiply, ratio
from minigrad.ops.elementwise.piecewise_constant import equal, sign
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.elementwise.transcendental import power
from minigrad.ops.family import OpFamily
from minigrad.ops.reduce import broadcast_back
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)


@op(x=real(), params=[{"p": 3.0, "axis": 1}, {"p": 1.5, "axis": (0, 2), "keepdims": True}, {"p": 0.5, "axis": 1}])
def p_length(x: Array, *, p: float, axis: Axis = None, keepdims: bool = False) -> Array:
    """(sum |x| ** p) ** (1 / p) over `axis`, without overflow; at 0 the gradient is 0."""
    top = np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0)
    scale = np.where((top > 0) & np.isfinite(top), top, 1.0).astype(x.dtype)
    y = np.power(np.sum(np.power(np.abs(x) / scale, p), axis=axis, keepdims=True), 1.0 / p) * scale
    return y if keepdims else np.asarray(y.squeeze(axis))


@p_length.vjp("x")
def _(g: V, y: V, x: V, *, p: float, axis: Axis, keepdims: bool) -> V:
    # At entries of 0 the gradient is 0, also where p < 1 makes the slope infinite (or p < 2 the curvature).
    size, whole = absolute(x), broadcast_back(y, x, axis)
    share: V = ratio(size, whole) if p > 1.0 else size
    nothing: V = equal(share, 0.0)
    slope: V = power(share + nothing, p - 1.0)
    if p < 1.0:  # a share that underflows would have lost its steep slope
        slope = slope * power(whole + equal(whole, 0.0), 1.0 - p)
    slope = masked_multiply(slope, sign(x) * (1.0 - nothing))
    return broadcast_back(g, x, axis) * slope


family.add(p_length)
family.register()
