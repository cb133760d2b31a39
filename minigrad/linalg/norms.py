"""Norms of vectors and matrices, as numpy.linalg.

At 0 every norm has the gradient 0, a subgradient.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.types import Axis
from minigrad.linalg.decompose import svdvals
from minigrad.linalg.solve import inv
from minigrad.ops.arrangement import manipulation
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.functions import max, min, moveaxis, reshape, sum
from minigrad.ops.reduce import keepdims_shape, length
from minigrad.ops.reduction.p_length import p_length
from minigrad.typing import V

Order = float | str | None


def vector_norm(x: V, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> V:
    """Compute the norm of order `ord` over `axis` (all axes by default).

    The order is 2, 1, inf, -inf, 0 (count) or any p.
    """
    if ord == 2:
        return length(x, axis=axis, keepdims=keepdims)
    size: V = absolute(x)
    if ord == np.inf:
        return max(size, axis, keepdims)
    if ord == -np.inf:
        return min(size, axis, keepdims)
    if ord == 1:
        return sum(size, axis, keepdims)
    if ord == 0:
        return sum(1.0 - equal(x, 0.0), axis, keepdims)
    return p_length(x, p=float(ord), axis=axis, keepdims=keepdims)


def matrix_norm(x: V, keepdims: bool = False, ord: Order = "fro") -> V:
    """The norm of matrices (..., m, n): "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    if ord in ("fro", None):
        return length(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values: V = svdvals(x)
        y: V = sum(values, -1) if ord == "nuc" else values[..., 0] if ord == 2 else values[..., -1]
        return reshape(y, (*y.shape, 1, 1)) if keepdims else y
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"matrix_norm: ord {ord!r} is not one of 'fro', 'nuc', 1, -1, 2, -2, inf, -inf")
    along = -2 if ord in (1, -1) else -1
    sums: V = sum(absolute(x), along, keepdims=True)
    pick = max if ord in (1, np.inf) else min
    return pick(sums, (-2, -1), keepdims)


def norm(x: V, ord: Order = None, axis: Axis = None, keepdims: bool = False) -> V:
    """Compute a vector norm over one axis, or a matrix norm over two, as numpy.linalg.norm.

    By default, the length of everything.
    """
    if axis is None:
        if ord is None:
            return length(x, axis=None, keepdims=keepdims)
        if x.ndim > 2:
            raise ValueError(f"norm: with ord={ord!r} and {x.ndim} axes say which axis, or which two")
        axis = 0 if x.ndim == 1 else (0, 1)
    if isinstance(axis, int) or len(axis) == 1:
        if isinstance(ord, str):
            raise ValueError(f"norm: ord {ord!r} is a norm of matrices, but one axis is given")
        return vector_norm(x, axis, keepdims, 2 if ord is None else ord)
    last: V = moveaxis(x, axis, (-2, -1))
    y: V = matrix_norm(last, False, ord)
    return reshape(y, keepdims_shape(x.shape, axis)) if keepdims else y


def cond(a: V, p: Order = None) -> V:
    """Compute the condition number of matrices (..., m, n).

    By default the largest over the smallest singular value.
    """
    if 0 in a.shape[-2:]:
        raise ShapeError(f"cond: matrices without entries, of shape {a.shape}, have no condition number")
    if p in (None, 2, -2):
        values: V = svdvals(a)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    return matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)


def trace(x: V, offset: int = 0) -> V:
    """Sum over the diagonal of matrices (..., m, n)."""
    return manipulation.trace(x, offset, -2, -1)


def diagonal(x: V, offset: int = 0) -> V:
    """The diagonal of matrices (..., m, n)."""
    return manipulation.diagonal(x, offset, -2, -1)
