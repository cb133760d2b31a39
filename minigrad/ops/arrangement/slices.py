"""Functions of slices, as NumPy's: one call a slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.functions import expand_dims, moveaxis, reshape
from minigrad.typing import V

__all__ = ["apply_along_axis", "apply_over_axes"]


def apply_along_axis(func1d: Callable[..., V], axis: int, x: V) -> V:
    """`func1d` of every slice of x along `axis`; its result takes the place of the axis."""
    at = normalize_axis_index(axis, x.ndim)
    rows: V = moveaxis(x, at, -1)
    lead: Shape = rows.shape[:-1]
    if not int(np.prod(lead)):
        raise ValueError(f"apply_along_axis: there are no slices along axis {axis} of {x.shape}")
    flat: V = reshape(rows, (-1, x.shape[at]))
    results = [func1d(flat[k]) for k in range(flat.shape[0])]
    joined: V = stack([r if isinstance(r, Tensor) else np.asarray(r) for r in results])
    y: V = reshape(joined, (*lead, *joined.shape[1:]))
    inner = joined.ndim - 1
    return moveaxis(y, tuple(range(len(lead), len(lead) + inner)), tuple(range(at, at + inner))) if inner else y


def apply_over_axes(func: Callable[[V, int], V], x: V, axes: int | Sequence[int]) -> V:
    """`func(x, axis)` for each of the axes in turn.

    An axis that it removes comes back with length one.
    """
    y = x
    for axis in (axes,) if isinstance(axes, int) else axes:
        result = func(y, normalize_axis_index(axis, x.ndim))
        y = expand_dims(result, normalize_axis_index(axis, x.ndim)) if result.ndim < y.ndim else result
        if y.ndim != x.ndim:
            raise ValueError(f"apply_over_axes: the function gives {result.shape} for an array of {y.shape}")
    return y
