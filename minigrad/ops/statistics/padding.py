"""Padding in all of NumPy's modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.types import IndexArray
from minigrad.ops.arrangement.gather import take_along
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.functions import broadcast_to, concatenate, mean
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import min as smallest
from minigrad.ops.index import getitem
from minigrad.ops.statistics.quantiles import median
from minigrad.typing import V

__all__ = ["pad_in_mode"]

Pairs: TypeAlias = "int | Sequence[int] | Sequence[Sequence[int]]"

_STATISTICS: Mapping[str, Callable[..., object]] = {
    "maximum": largest,
    "minimum": smallest,
    "mean": mean,
    "median": median,
}


def pad_in_mode(
    x: V,
    pad_width: Pairs | Mapping[int, int | Sequence[int]],
    mode: str = "constant",
    constant_values: float | Sequence[float] | Sequence[Sequence[float]] = 0.0,
    end_values: float | Sequence[float] | Sequence[Sequence[float]] = 0.0,
    stat_length: Pairs | None = None,
    reflect_type: str = "even",
) -> V:
    """x with entries added before and after each axis, as numpy.pad.

    Args:
        x: any shape.
        pad_width: one number for all ends, (before, after) for all axes, such a pair for each axis, or a dict of them.
        mode: "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "minimum", "mean", "median".
        constant_values: what is added in mode "constant", in the forms of `pad_width`.
        end_values: where ramps end in mode "linear_ramp".
        stat_length: how many entries at each end the statistics are of; all by default.
        reflect_type: "odd" mirrors at the outermost value as well, in the modes "reflect" and "symmetric".
    """
    pairs = _pairs(x, pad_width)
    if mode in _STATISTICS:
        spans = [(None, None)] * x.ndim if stat_length is None else np.broadcast_to(stat_length, (x.ndim, 2)).tolist()
        for axis, (widths, span) in enumerate(zip(pairs, spans, strict=True)):
            x = _by_statistic(x, axis, widths, span, _STATISTICS[mode])
        return x
    if mode == "linear_ramp":
        ends = np.broadcast_to(np.asarray(end_values, x.dtype), (x.ndim, 2))
        for axis, (widths, (first, last)) in enumerate(zip(pairs, ends, strict=True)):
            x = _by_ramp(x, axis, widths, float(first), float(last))
        return x
    if mode in ("reflect", "symmetric") and reflect_type == "odd":
        for axis, widths in enumerate(pairs):
            x = _odd(x, axis, widths, mode)
        return x
    if reflect_type not in ("even", "odd"):
        raise ValueError(f"pad: reflect_type must be 'even' or 'odd', not {reflect_type!r}")
    return pad(x, pairs, mode, constant_values)


def _pairs(x: V, pad_width: Pairs | Mapping[int, int | Sequence[int]]) -> list[tuple[int, int]]:
    if isinstance(pad_width, Mapping):
        widths: list[tuple[int, int]] = [(0, 0)] * x.ndim
        for axis, width in pad_width.items():
            before, after = (width, width) if isinstance(width, int) else width
            widths[axis] = (before, after)
        return widths
    return [(b, a) for b, a in np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()]


def _slice(x: V, axis: int, part: slice) -> V:
    return getitem(x, key=(*(slice(None),) * axis, part))


def _repeated(part: V, axis: int, count: int) -> V:
    return broadcast_to(part, tuple(count if a == axis else n for a, n in enumerate(part.shape)))


def _by_statistic(x: V, axis: int, widths: tuple[int, int], span: Sequence[int | None], f: Callable[..., object]) -> V:
    length = x.shape[axis]
    first = _slice(x, axis, slice(0, length if span[0] is None else span[0]))
    last = _slice(x, axis, slice(0 if span[1] is None else max(length - span[1], 0), None))
    before: V = f(first, axis, True)  # type: ignore[assignment]
    after: V = f(last, axis, True)  # type: ignore[assignment]
    return concatenate([_repeated(before, axis, widths[0]), x, _repeated(after, axis, widths[1])], axis=axis)


def _by_ramp(x: V, axis: int, widths: tuple[int, int], first: float, last: float) -> V:
    ends: list[V] = []
    for count, goal, part in ((widths[0], first, slice(0, 1)), (widths[1], last, slice(-1, None))):
        share = (np.arange(count) / (count or 1)).reshape(-1, *(1,) * (x.ndim - 1 - axis)).astype(x.dtype)
        share = share if part.start == 0 else np.flip(share, 0)
        edge: V = _repeated(_slice(x, axis, part), axis, count)
        ends.append(edge * share + goal * (1.0 - share))
    return concatenate([ends[0], x, ends[1]], axis=axis)


def _odd(x: V, axis: int, widths: tuple[int, int], mode: str) -> V:
    """Entries mirrored at the place and the value of the ends."""
    length = x.shape[axis]
    # NumPy's own answer for 0, 1, 2 ... tells which entry comes where, and around which sums of ends it is mirrored.
    reach = np.pad(np.arange(float(length)), widths, mode=mode, reflect_type="even")  # type: ignore[call-overload]
    index: IndexArray = reach.astype(np.intp)
    if max(*widths) > length - (mode == "reflect"):
        raise ValueError(
            f"pad: reflect_type='odd' reaches {length - (mode == 'reflect')} entries of axis {axis} at most"
        )
    mirrored: V = take_along(x, index, axis=axis)
    first, middle, last = (
        _slice(mirrored, axis, part)
        for part in (slice(0, widths[0]), slice(widths[0], widths[0] + length), slice(widths[0] + length, None))
    )
    return concatenate(
        [_slice(x, axis, slice(0, 1)) * 2.0 - first, middle, _slice(x, axis, slice(-1, None)) * 2.0 - last], axis=axis
    )
