"""Functions that arrange entries.

Flips, rolls, tiles, splits, stacks, diagonals, triangles, padding.

All are composed of reshape, transpose, broadcasting and indexing, so no gradient rule is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array, Axis, IndexArray, Shape
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.functions import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    moveaxis,
    ravel,
    reshape,
    swapaxes,
)
from minigrad.ops.index import getitem, setitem
from minigrad.ops.reduce import sum as total
from minigrad.typing import V


def along(axis: int, ndim: int, part: slice | int | IndexArray) -> tuple[slice | int | IndexArray, ...]:
    """A key that picks `part` of one axis and everything of the axes before it."""
    return (*(slice(None),) * normalize_axis_index(axis, ndim), part)


def fliplr(x: V) -> V:
    """Columns (axis 1) in reversed order."""
    return flip(x, 1)


def flipud(x: V) -> V:
    """Rows (axis 0) in reversed order."""
    return flip(x, 0)


def rot90(x: V, k: int = 1, axes: tuple[int, int] = (0, 1)) -> V:
    """Turn x by k quarter turns in the plane of `axes`.

    From the first axis towards the second.
    """
    k %= 4
    if k == 2:
        return flip(x, axes)
    turned: V = swapaxes(x, *axes) if k else x
    return turned if k == 0 else flip(turned, axes[0] if k == 1 else axes[1])


def roll(x: V, shift: int | Shape, axis: Axis = None) -> V:
    """Move entries by `shift` places along `axis`.

    Those that leave come in at the other end.
    """
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = (axis,) if isinstance(axis, int) else axis
    shifts = (shift,) * len(axes) if isinstance(shift, int) else shift
    if len(axes) == 1:
        axes = axes * len(shifts)
    for s, a in zip(shifts, axes, strict=True):
        cut = -s % (x.shape[a] or 1)
        if cut:
            x = concatenate([getitem(x, key=along(a, x.ndim, slice(cut, None))),
                             getitem(x, key=along(a, x.ndim, slice(None, cut)))], axis=a)  # fmt: skip
    return x


def rollaxis(x: V, axis: int, start: int = 0) -> V:
    """`axis` moved to stand before `start`."""
    source = normalize_axis_index(axis, x.ndim)
    before = start + x.ndim if start < 0 else start
    return moveaxis(x, source, before - 1 if source < before else before)


def repeat(x: V, repeats: int | Sequence[int], axis: int | None = None) -> V:
    """Repeat entries along `axis` (of the flattened x by default).

    All `repeats` times, or each its own number.
    """
    if axis is None:
        return repeat(ravel(x), repeats, 0)
    at: int = normalize_axis_index(axis, x.ndim)
    if isinstance(repeats, int | np.integer):
        wide: V = broadcast_to(expand_dims(x, at + 1), (*x.shape[: at + 1], int(repeats), *x.shape[at + 1 :]))
        return reshape(wide, (*x.shape[:at], x.shape[at] * int(repeats), *x.shape[at + 1 :]))
    order = np.repeat(np.arange(x.shape[at]), np.asarray(repeats))
    return getitem(x, key=along(at, x.ndim, order))


def tile(x: V, reps: int | Shape) -> V:
    """x laid out `reps` times along each axis."""
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    lengths = (1,) * (ndim - x.ndim) + x.shape
    apart = tuple(n for length in lengths for n in (1, length))
    wide = tuple(n for pair in zip(counts, lengths, strict=True) for n in pair)
    laid: V = broadcast_to(reshape(x, apart), wide)
    return reshape(laid, tuple(c * n for c, n in zip(counts, lengths, strict=True)))


def diagonal(x: V, offset: int = 0, axis1: int = 0, axis2: int = 1) -> V:
    """Entries x[i, i + offset] of the planes of two axes, as a new last axis."""
    planes: V = moveaxis(x, (axis1, axis2), (x.ndim - 2, x.ndim - 1))
    rows, columns = planes.shape[-2:]
    count = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    start = offset if offset >= 0 else -offset * columns
    flat: V = reshape(planes, (*planes.shape[:-2], rows * columns))
    stop = start + count * (columns + 1) - columns if count else start
    return getitem(flat, key=(Ellipsis, slice(start, stop, columns + 1)))


def diag_embed(x: V, offset: int = 0) -> V:
    """Square matrices of zeros with the last axis of x on the diagonal at `offset`."""
    n = x.shape[-1] + abs(offset)
    start = offset if offset >= 0 else -offset * n
    stop = start + x.shape[-1] * (n + 1) - n if x.shape[-1] else start
    zeros = np.zeros((*x.shape[:-1], n * n), dtype=x.dtype)
    flat: V = setitem(zeros, x, key=(Ellipsis, slice(start, stop, n + 1)))
    return reshape(flat, (*x.shape[:-1], n, n))


def diag(x: V, k: int = 0) -> V:
    """The k-th diagonal of a matrix, or a matrix with the vector x on its k-th diagonal."""
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: x has {x.ndim} axes; 1 or 2 are needed (diagonal and diag_embed take more)")
    return diag_embed(x, k) if x.ndim == 1 else diagonal(x, k)


def diagflat(x: V, k: int = 0) -> V:
    """A matrix with the entries of x on its k-th diagonal."""
    return diag_embed(ravel(x), k)


def trace(x: V, offset: int = 0, axis1: int = 0, axis2: int = 1) -> V:
    """Sum over the diagonal of the planes of two axes."""
    return total(diagonal(x, offset, axis1, axis2), axis=-1)


def triu(x: V, k: int = 0) -> V:
    """The last two axes with zeros below the k-th diagonal."""
    return where(np.triu(np.ones(x.shape[-2:], dtype=bool), k), x, np.zeros((), x.dtype))


def tril(x: V, k: int = 0) -> V:
    """The last two axes with zeros above the k-th diagonal."""
    return where(np.tril(np.ones(x.shape[-2:], dtype=bool), k), x, np.zeros((), x.dtype))


def full(shape: int | Shape, value: V) -> V:
    """An array of `shape` filled with `value`, which broadcasts."""
    return broadcast_to(value, shape)


@overload
def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True) -> Array: ...


@overload
def linspace(start: V, stop: V | float, num: int = 50, endpoint: bool = True) -> V: ...


def linspace(start: V | float, stop: V | float, num: int = 50, endpoint: bool = True) -> V | Array:
    """`num` evenly spaced numbers from `start` to `stop`, along a new first axis."""
    steps = np.arange(num) / max(num - 1 if endpoint else num, 1)
    if isinstance(start, int | float) and isinstance(stop, int | float):
        return np.linspace(start, stop, num, endpoint)
    lean: V = start + stop  # type: ignore[assignment]  # one of them is no number
    weights = steps.reshape(num, *(1,) * lean.ndim).astype(lean.dtype if lean.dtype.kind == "f" else float)
    return start * (1.0 - weights) + stop * weights


def gradient(x: V, spacing: float | Array = 1.0, axis: int | Shape | None = None) -> V | list[V]:
    """Central differences along each axis, one-sided at the ends.

    A list with one array for each axis, or the one.

    Args:
        x: values on a grid.
        spacing: between neighbours along every axis, or the 1-d coordinates of the places (as many as along each axis).
        axis: along which to differentiate; all axes by default.
    """
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    slopes = [_slope(x, spacing, a) for a in axes]
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(x: V, spacing: float | Array, axis: int) -> V:
    def part(start: int | None, stop: int | None) -> V:
        return getitem(x, key=along(axis, x.ndim, slice(start, stop)))

    if x.shape[axis] < 2:
        raise ValueError(f"gradient: axis {axis} of shape {x.shape} needs two entries or more")
    if np.ndim(spacing):
        places = np.asarray(spacing, dtype=x.dtype)
        if places.shape != (x.shape[axis],):
            raise ValueError(f"gradient: {places.shape} coordinates for axis {axis} of shape {x.shape}")
        steps = np.diff(places).reshape([-1 if a == normalize_axis_index(axis, x.ndim) else 1 for a in range(x.ndim)])
        slopes: V = (part(1, None) - part(None, -1)) / steps
        before, after = along(axis, x.ndim, slice(None, -1)), along(axis, x.ndim, slice(1, None))
        # The parabola through three places: its slope in the middle weighs each side with the other's step.
        share = steps[before] / (steps[before] + steps[after])
        weighed: V = getitem(slopes, key=before) * (1.0 - share) + getitem(slopes, key=after) * share
        ends = [getitem(slopes, key=along(axis, x.ndim, k)) for k in (slice(0, 1), slice(-1, None))]
        return concatenate([ends[0], weighed, ends[1]], axis=axis)
    inner: V = (part(2, None) - part(None, -2)) * 0.5
    first: V = part(1, 2) - part(0, 1)
    last: V = part(-1, None) - part(-2, -1)
    return concatenate([first, inner, last], axis=axis) / spacing


def pad(x: V, pad_width: int | Sequence[int] | Sequence[Sequence[int]], mode: str = "constant",
        constant_values: float | Sequence[float] | Sequence[Sequence[float]] = 0.0) -> V:  # fmt: skip
    """x with entries added before and after each axis, as numpy.pad.

    Args:
        x: any shape.
        pad_width: one number for all ends, (before, after) for all axes, or such a pair for each axis.
        mode: "constant", or one that repeats entries of x: "edge", "reflect", "symmetric", "wrap".
        constant_values: what is added in mode "constant": one number, or numbers in the forms of `pad_width`.
    """
    pairs = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if mode == "constant":
        frame = np.pad(np.zeros(x.shape, x.dtype), pairs, constant_values=constant_values)
        key = tuple(slice(b, b + n) for (b, _), n in zip(pairs, x.shape, strict=True))
        return setitem(frame, x, key=key)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"pad: mode {mode!r} is not one of constant, edge, reflect, symmetric, wrap")
    for axis, pair in enumerate(pairs):
        if any(pair):
            order: IndexArray = np.pad(np.arange(x.shape[axis]), tuple(pair), mode=mode)  # type: ignore[call-overload]
            x = getitem(x, key=along(axis, x.ndim, order))
    return x


def astype(x: V, dtype: np.dtype[np.float64] | type[np.floating]) -> V:
    """x in another dtype; the gradient is of the dtype of x, and 0 through integers."""
    converted: V = REGISTRY["astype"](x, dtype=np.dtype(dtype))
    return converted


def broadcast_arrays(*arrays: V) -> tuple[V, ...]:
    """All arrays broadcast to their common shape."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(broadcast_to(a, shape) for a in arrays)


def copy(x: V) -> V:
    """Copy the entries into a new value."""
    return x * np.ones((), x.dtype)
