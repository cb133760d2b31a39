"""Ops of programs alone, which passes write: nobody differentiates them, and they are not registered."""

from __future__ import annotations

from typing import cast

import numpy as np

from minigrad.core.op import op
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array, Shape
from minigrad.verify.domains import real

__all__ = ["packed", "spread"]


@op(g=real(), x=real(), y=real(), name="spread_to_winners")
def spread(g: Array, x: Array, y: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Each entry of g goes where its window of x has the largest entry, y; what ties gets equal shares.

    `overlap_add(g * window_winners(x, y))`, and written only by the pass that finds that.
    """
    shares = REGISTRY["window_winners"].forward(x, y, kernel=kernel, stride=stride, dilation=dilation)
    size = x.shape[-len(kernel) :]
    found = REGISTRY["overlap_add"].forward(g * shares, size=size, stride=stride, dilation=dilation)
    return cast(Array, found)


@op(x=real())
def packed(x: Array) -> Array:
    """x, copied into memory in C order."""
    return np.array(x, order="C")
