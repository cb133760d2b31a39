"""Evenly spaced numbers, and slopes on grids, with NumPy's options."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, Shape
from minigrad.ops.arrangement import manipulation
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.elementwise.transcendental import exp, log
from minigrad.ops.functions import concatenate, moveaxis
from minigrad.ops.index import getitem
from minigrad.typing import V

__all__ = ["geomspace", "gradient_on_grid", "linspace_along", "logspace"]


def linspace_along(start: V, stop: V, num: int = 50, endpoint: bool = True, retstep: bool = False,
                   axis: int = 0) -> V | tuple[V, V]:  # fmt: skip
    """`num` evenly spaced numbers from `start` to `stop` along a new axis.

    With `retstep` their distance comes back, too.
    """
    y: V = manipulation.linspace(start, stop, num, endpoint)
    y = moveaxis(y, 0, axis) if axis else y
    if not retstep:
        return y
    return y, (stop - start) / float(num - 1 if endpoint else num)


def logspace(start: V, stop: V, num: int = 50, endpoint: bool = True, base: V | float = 10.0,
             axis: int = 0) -> V:  # fmt: skip
    """`base` to powers evenly spaced from `start` to `stop`."""
    powers = linspace_along(start, stop, num, endpoint, axis=axis)
    assert not isinstance(powers, tuple)
    rate: Any = log(base) if isinstance(base, Tensor) else np.log(base).astype(powers.dtype)
    y: V = exp(powers * rate)
    return y


def geomspace(start: V, stop: V, num: int = 50, endpoint: bool = True, axis: int = 0) -> V:
    """`num` numbers from `start` to `stop`, each the one before times the same factor.

    Both of one sign.
    """
    sign = np.where(as_array(start) > 0, 1.0, -1.0).astype(start.dtype)
    logs = linspace_along(log(absolute(start)), log(absolute(stop)), num, endpoint, axis=axis)
    assert not isinstance(logs, tuple)
    return exp(logs) * sign


def gradient_on_grid(x: V, *spacing: float | Array, axis: int | Shape | None = None,
                     edge_order: int = 1) -> V | tuple[V, ...]:  # fmt: skip
    """Central differences along each axis, one-sided at the ends, as numpy.gradient.

    Args:
        x: values on a grid.
        *spacing: nothing, one distance for all axes, or a distance or coordinates for each axis.
        axis: along which to differentiate; all axes by default.
        edge_order: 2 for slopes at the ends by parabolas instead of lines.
    """
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    distances = spacing or (1.0,)
    if len(distances) == 1 and np.ndim(distances[0]) == 0:
        distances = distances * len(axes)
    if len(distances) != len(axes):
        raise TypeError(f"gradient: {len(spacing)} distances for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, not {edge_order}")
    slopes: list[V] = []
    for a, distance in zip(axes, distances, strict=True):
        slope: V = manipulation.gradient(x, distance, a)  # type: ignore[assignment]
        slopes.append(slope if edge_order == 1 else _with_parabolas(x, slope, distance, a))
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _with_parabolas(x: V, slope: V, spacing: float | Array, axis: int) -> V:
    """The slopes with those at the ends replaced by the parabola's through three places."""
    length = x.shape[axis]
    if length < 3:
        raise ValueError(f"gradient: edge_order=2 needs three entries along axis {axis} of {x.shape}")
    places = np.arange(length) * spacing if np.ndim(spacing) == 0 else np.asarray(spacing)
    before: tuple[slice, ...] = (slice(None),) * normalize_axis_index(axis, x.ndim)
    inner: V = getitem(slope, key=(*before, slice(1, -1)))
    ends = []
    for ids in ((0, 1, 2), (-1, -2, -3)):
        near, far = places[ids[1]] - places[ids[0]], places[ids[2]] - places[ids[1]]
        weights = (-(2 * near + far) / (near * (near + far)), (near + far) / (near * far), -near / (far * (near + far)))
        parts = [
            getitem(x, key=(*before, slice(i, i + 1 or None))) * float(w) for i, w in zip(ids, weights, strict=True)
        ]
        ends.append(parts[0] + parts[1] + parts[2])
    return concatenate([ends[0], inner, ends[1]], axis=axis)
