"""Ops that only passes write: they are never differentiated, and not registered."""

from __future__ import annotations

from typing import cast

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array, Shape
from minigrad.ops.elementwise.arithmetic import masked_product
from minigrad.verify.declare import op
from minigrad.verify.domains import real

__all__ = ["contiguous", "max_pool_backward"]


@op(g=real(), x=real(), y=real(), name="max_pool_backward")
def max_pool_backward(g: Array, x: Array, y: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Put each entry of g where its window of x has the largest entry, y.

    What ties gets equal shares.

    `overlap_add(masked_multiply(g, window_winners(x, y)))`, and written only by the pass that finds that.
    """
    shares = REGISTRY["window_winners"].forward(x, y, kernel=kernel, stride=stride, dilation=dilation)
    size = x.shape[-len(kernel) :]
    shared = masked_product(g, cast(Array, shares))
    spread_out = REGISTRY["overlap_add"].forward(shared, size=size, stride=stride, dilation=dilation)
    return cast(Array, spread_out)


@op(x=real())
def contiguous(x: Array) -> Array:
    """x, copied into memory in C order."""
    return np.array(x, order="C")
