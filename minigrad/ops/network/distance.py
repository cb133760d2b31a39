"""Distances between the rows of arrays. Compositions of registered ops."""

from __future__ import annotations

from math import inf

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.ops.arrangement.manipulation import broadcast_arrays
from minigrad.ops.elementwise.piecewise_linear import absolute, maximum
from minigrad.ops.functions import expand_dims, norm, sum
from minigrad.ops.functions import max as largest
from minigrad.ops.index import getitem
from minigrad.ops.reduction.p_length import p_length
from minigrad.typing import V

__all__ = ["cdist", "cosine_similarity", "pairwise_distance", "pdist"]


def _length(gap: V, p: float, keepdims: bool = False) -> V:
    if not p > 0.0:
        raise ValueError(f"the p of a p-norm must be above 0, not {p}")
    if p == 2.0:
        return norm(gap, -1, keepdims)
    sizes: V = absolute(gap)
    if p == inf:
        return largest(sizes, -1, keepdims)
    return sum(sizes, -1, keepdims) if p == 1.0 else p_length(gap, p=p, axis=-1, keepdims=keepdims)


def cdist(x: V, z: V, p: float = 2.0) -> V:
    """Distance of each row of x from each row of z, in the p-norm.

    Equal rows have distance 0 and gradient 0.

    Args:
        x: (..., rows, width).
        z: (..., others, width).
        p: above 0; infinity is the largest difference.

    Returns:
        Distances, (..., rows, others).
    """
    if x.ndim < 2 or z.ndim < 2 or x.shape[-1] != z.shape[-1]:
        raise ShapeError(f"cdist: rows of one width are needed, (..., rows, width); not {x.shape} and {z.shape}")
    return _length(expand_dims(x, -2) - expand_dims(z, -3), p)


def pdist(x: V, p: float = 2.0) -> V:
    """Distances between the rows of x (rows, width).

    Those of row 0 from 1, 2 ..., then of row 1 from 2, 3 ...
    """
    if x.ndim != 2:
        raise ShapeError(f"pdist: x must be (rows, width), not {x.shape}")
    first, second = np.triu_indices(x.shape[0], 1)
    return _length(getitem(x, key=(first,)) - getitem(x, key=(second,)), p)


def pairwise_distance(x: V, z: V, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> V:
    """The p-norm of x - z + eps along the last axis, as PyTorch's."""
    return _length(x - z + eps, p, keepdim)


def cosine_similarity(x: V, z: V, axis: int = -1, eps: float = 1e-8) -> V:
    """Compute the cosine of the angle between x and z; lengths are at least `eps`."""
    if x.shape != z.shape:  # the length of what is repeated is that of all its copies
        x, z = broadcast_arrays(x, z)
    # Divided first: products of entries may overflow where the cosine is an ordinary number.
    unit: V = x / maximum(norm(x, axis, keepdims=True), eps)
    return sum(unit * (z / maximum(norm(z, axis, keepdims=True), eps)), axis)
