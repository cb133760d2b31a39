"""Differences and running sums with NumPy's options.

Numbers joined to the ends, NaN left out, a first 0.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.tensor import Tensor, as_array
from minigrad.ops.arrangement.manipulation import astype
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.functions import broadcast_to, concatenate, ravel, reshape
from minigrad.ops.index import getitem
from minigrad.ops.reduction.cumulative import cumprod, cumsum, diff
from minigrad.typing import V

__all__ = [
    "cumulative_prod",
    "cumulative_sum",
    "cumulative_trapezoid",
    "diff_joined",
    "ediff1d_joined",
    "nancumprod",
    "nancumsum",
]


def diff_joined(x: V, n: int = 1, axis: int = -1, prepend: V | float | None = None,
                append: V | float | None = None) -> V:  # fmt: skip
    """Differences of neighbours along `axis`, taken n times.

    Numbers may be joined to the ends of x first.

    Args:
        x: any shape.
        n: how often.
        axis: along which neighbours lie.
        prepend: what comes before x: a number, or an array of the shape of x but for the axis.
        append: what comes behind it.
    """
    if n < 0:
        raise ValueError(f"diff: n must not be negative, but it is {n}")
    parts: list[V] = [x]
    if prepend is not None:
        parts.insert(0, _end(x, axis, prepend))
    if append is not None:
        parts.append(_end(x, axis, append))
    return diff(concatenate(parts, axis=axis) if len(parts) > 1 else x, n, axis)


def _end(x: V, axis: int, end: V | float) -> V:
    """What is joined to x."""
    numbers: V = end if isinstance(end, Tensor) else np.asarray(end)  # type: ignore[assignment]
    if numbers.ndim:
        return numbers
    return broadcast_to(
        numbers, tuple(1 if a == normalize_axis_index(axis, x.ndim) else n for a, n in enumerate(x.shape))
    )


def ediff1d_joined(x: V, to_end: V | None = None, to_begin: V | None = None) -> V:
    """Differences of neighbours of the flattened x, with numbers joined to their ends."""
    steps: V = diff(ravel(x)) if x.size > 1 else getitem(ravel(x), key=(slice(0, 0),))
    parts: list[V] = [steps]
    if to_begin is not None:
        parts.insert(0, astype(ravel(to_begin), x.dtype))
    if to_end is not None:
        parts.append(astype(ravel(to_end), x.dtype))
    return concatenate(parts) if len(parts) > 1 else steps


def nancumsum(x: V, axis: int | None = None) -> V:
    """Running sums along `axis` (of the flattened x by default), NaN counted as 0."""
    return cumsum(_without_nan(x, 0.0), axis)


def nancumprod(x: V, axis: int | None = None) -> V:
    """Running products along `axis` (of the flattened x by default), NaN counted as 1."""
    return cumprod(_without_nan(x, 1.0), axis)


def _without_nan(x: V, neutral: float) -> V:
    absent = np.isnan(as_array(x))
    return where(absent, neutral, x) if absent.any() else x


def cumulative_sum(x: V, axis: int | None = None, include_initial: bool = False) -> V:
    """Running sums along `axis`, which an array of several axes needs.

    A 0 comes in front if wanted.
    """
    return _with_initial(cumsum(x, _only_axis("cumulative_sum", x, axis)), x, axis, 0.0, include_initial)


def cumulative_prod(x: V, axis: int | None = None, include_initial: bool = False) -> V:
    """Running products along `axis`, which an array of several axes needs.

    A 1 comes in front if wanted.
    """
    return _with_initial(cumprod(x, _only_axis("cumulative_prod", x, axis)), x, axis, 1.0, include_initial)


def _only_axis(name: str, x: V, axis: int | None) -> int:
    if axis is None and x.ndim != 1:
        raise ValueError(f"{name}: an array of shape {x.shape} needs axis=")
    return 0 if axis is None else axis


def _with_initial(y: V, x: V, axis: int | None, initial: float, include: bool) -> V:
    if not include:
        return y
    at = 0 if axis is None else normalize_axis_index(axis, x.ndim)
    shape = tuple(1 if a == at else n for a, n in enumerate(x.shape))
    first: V = np.full(shape, initial, y.dtype)  # type: ignore[assignment]
    return concatenate([first, y], axis=at)


def cumulative_trapezoid(y: V, x: V | None = None, dx: float = 1.0, axis: int = -1, initial: float | None = None) -> V:
    """Running integral along `axis` by the trapezoidal rule.

    As scipy.integrate.cumulative_trapezoid.

    Args:
        y: values.
        x: their places, of one axis or of the shape of y; or a distance.
        dx: distance of places, without x.
        axis: along which to integrate.
        initial: 0 to put a 0 in front, so that the result has the length of y.
    """
    at = normalize_axis_index(axis, y.ndim)
    before: tuple[slice, ...] = (slice(None),) * at
    ahead: V = getitem(y, key=(*before, slice(1, None)))
    behind: V = getitem(y, key=(*before, slice(None, -1)))
    means: V = (ahead + behind) * 0.5
    if x is not None:
        steps: V = diff(x, axis=-1 if x.ndim == 1 else axis)
        if x.ndim == 1:
            steps = reshape(steps, tuple(-1 if a == at else 1 for a in range(y.ndim)))
        means = means * steps
    else:
        means = means * dx
    return _with_initial(cumsum(means, at), y, at, 0.0 if initial is None else initial, initial is not None)
