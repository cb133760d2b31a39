"""Interpolation of samples, phases without jumps, and functions by pieces, as NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.tensor import as_array
from minigrad.core.types import BoolArray
from minigrad.ops.arrangement.gather import select, take
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.elementwise_extra import mod
from minigrad.ops.elementwise.piecewise_constant import equal, greater
from minigrad.ops.elementwise.piecewise_linear import absolute
from minigrad.ops.functions import concatenate
from minigrad.ops.index import getitem
from minigrad.ops.reduction.cumulative import cumsum, diff
from minigrad.typing import V

__all__ = ["interp", "piecewise", "unwrap"]


def interp(x: V, xp: V, fp: V, left: V | float | None = None, right: V | float | None = None,
           period: float | None = None) -> V:  # fmt: skip
    """Straight lines between the points (xp, fp), at the places x, as numpy.interp.

    Args:
        x: places, any shape.
        xp: increasing numbers, (points,); in any order with a period.
        fp: their values, (points,).
        left: value below all points; the first one by default.
        right: value above all points; the last one by default.
        period: after which the points repeat.
    """
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ValueError(f"interp: xp and fp must be of one length, 1 or more; not {xp.shape} and {fp.shape}")
    if period is not None:
        if not period:
            raise ValueError("interp: the period must not be 0")
        period, left, right = abs(period), None, None
        x, xp = mod(x, period), mod(xp, period)
        order = np.argsort(as_array(xp), kind="stable")
        xp, fp = getitem(xp, key=(order,)), getitem(fp, key=(order,))
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    last = xp.shape[0] - 1
    inside: V
    if not last:
        inside = where(equal(x, x), fp[0], x)
    else:
        places, points = as_array(x), as_array(xp)
        above = np.clip(np.searchsorted(points, places, side="right"), 1, last)
        x0, x1, f0, f1 = take(xp, above - 1), take(xp, above), take(fp, above - 1), take(fp, above)
        gap: V = where(equal(x1, x0), 1.0, x1 - x0)
        at_end = equal(x, x1)  # only at the last point; each one has exactly its own value
        inside = where(at_end, f1, f0) + (x - where(at_end, x1, x0)) * ((f1 - f0) / gap)
    inside = where(greater(xp[0], x), fp[0] if left is None else left, inside)
    y: V = where(greater(x, xp[last]), fp[last] if right is None else right, inside)
    return y


def unwrap(p: V, discont: float | None = None, axis: int = -1, *, period: float = 2.0 * np.pi) -> V:
    """p with multiples of `period` added, as numpy.unwrap.

    Neighbours are then less than half a period apart.

    Args:
        p: phases.
        discont: the smallest jump that is taken out; half a period by default, and at least.
        axis: along which neighbours lie.
        period: of the phases.
    """
    half = period / 2.0
    steps: V = diff(p, axis=axis)
    short: V = mod(steps + half, period) - half
    short = where(equal(short, -half) * greater(steps, 0.0), half, short)
    jump = half if discont is None else discont
    added: V = where(greater(jump, absolute(steps)), 0.0, short - steps)
    before: tuple[slice, ...] = (slice(None),) * normalize_axis_index(axis, p.ndim)
    first: V = getitem(p, key=(*before, slice(0, 1)))
    rest: V = getitem(p, key=(*before, slice(1, None)))
    return concatenate([first, rest + cumsum(added, axis)], axis=axis)


def piecewise(x: V, condlist: Sequence[BoolArray], funclist: Sequence[Callable[..., V] | float], *args: object,
              **kwargs: object) -> V:  # fmt: skip
    """A function by pieces: where a condition holds, its function or number.

    As numpy.piecewise.

    The last condition that holds decides; one more function than conditions is for what is left, else 0.

    Args:
        x: where to evaluate.
        condlist: truth values of the shape of x.
        funclist: functions of entries of x, or numbers.
        *args: further arguments of the functions.
        **kwargs: keyword arguments of the functions.
    """
    single = not isinstance(condlist, list | tuple) and np.ndim(as_array(condlist)) == x.ndim
    conditions = [as_array(c).astype(bool) for c in ([condlist] if single else condlist)]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ValueError(
            f"piecewise: {len(conditions)} conditions need as many functions or one more, not {len(funclist)}"
        )
    pieces: list[Any] = [f(x, *args, **kwargs) if callable(f) else np.full(x.shape, f, x.dtype) for f in funclist]
    default = pieces.pop() if len(pieces) > len(conditions) else np.zeros((), x.dtype)
    y: V = select(conditions[::-1], pieces[::-1], default)
    return y
