"""Which calls may run inside a group, and what an engine is told to do for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Shape
from minigrad.engines import convert, masked_multiply, select
from minigrad.engines.group import Function
from minigrad.program.graph import Call, Value

__all__ = ["FusedInstruction", "group_instructions", "iteration_space"]


@attrs.frozen
class FusedInstruction:
    """One function call of a group.

    Operands are numbers of the op call's own operands, or constants.

    `None` as an operand is the result of the part before. `axes`: a reduction over these.
    """

    function: Function
    operands: tuple[int | float | None, ...]
    axes: tuple[int, ...] = ()


Make: TypeAlias = Callable[[Call, Sequence[Value], Value], tuple[FusedInstruction, ...]]


def group_instructions(call: Call, values: Sequence[Value]) -> tuple[FusedInstruction, ...]:
    """What stands for a call in a group; empty if it must run alone."""
    if call.is_dynamic or len(call.outs) != 1 or not call.op.module.startswith(("minigrad.ops.", "numpy")):
        return ()
    out, xs = values[call.outs[0]], [values[a] for a in call.args]
    if not all(v.dtype.kind in "fb" and v.dtype != np.float16 and v.nbytes for v in (out, *xs)):
        return ()
    forward = call.op.forward
    if isinstance(forward, np.ufunc):
        plain = forward.nin == len(xs) and forward.nout == 1 and _lengths_agree(xs, out)
        return (FusedInstruction(forward, tuple(range(len(xs)))),) if plain else ()
    make = _PARTS.get(call.op.name)
    return () if make is None else make(call, xs, out)


def iteration_space(call: Call, parts: Sequence[FusedInstruction], values: Sequence[Value]) -> Shape:
    """The places that a call visits: those of its operand, if it reduces, else of its result."""
    return values[call.args[0] if parts[0].axes else call.outs[0]].shape


def _lengths_agree(xs: Sequence[Value], out: Value) -> bool:
    return len(out.shape) > 0 and out.dtype.kind == "f" and all(len(x.shape) <= len(out.shape) for x in xs)


def _whole(function: Function, *constants: float) -> Make:
    """All operands, then constants."""

    def make(call: Call, xs: Sequence[Value], out: Value) -> tuple[FusedInstruction, ...]:
        return (FusedInstruction(function, (*range(len(xs)), *constants)),) if _lengths_agree(xs, out) else ()

    return make


def _clip(call: Call, xs: Sequence[Value], out: Value) -> tuple[FusedInstruction, ...]:
    low, high = call.kwargs["low"], call.kwargs["high"]
    bounds_applied: list[FusedInstruction] = []
    for function, bound in ((np.maximum, low), (np.minimum, high)):
        if isinstance(bound, int | float | np.number):
            bounds_applied.append(FusedInstruction(function, (None if bounds_applied else 0, float(bound))))
    return tuple(bounds_applied) if out.shape else ()


def _where(call: Call, xs: Sequence[Value], out: Value) -> tuple[FusedInstruction, ...]:
    return (FusedInstruction(select, (0, 1, 2)),) if _lengths_agree(xs, out) and xs[0].dtype == bool else ()


def _reduction(ufunc: np.ufunc) -> Make:
    def make(call: Call, xs: Sequence[Value], out: Value) -> tuple[FusedInstruction, ...]:
        n = len(xs[0].shape)
        axis = call.kwargs["axis"]
        over = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(sorted(int(a) % n for a in over)) if n else ()
        return _reduced(ufunc, axes, bool(call.kwargs["keepdims"]), xs[0], out)

    return make


def _sum_to(call: Call, xs: Sequence[Value], out: Value) -> tuple[FusedInstruction, ...]:
    x = xs[0].shape
    lead = len(x) - len(out.shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(out.shape) if n == 1 and x[lead + i] != 1))
    return _reduced(np.add, axes, lead == 0, xs[0], out)


def _reduced(
    ufunc: np.ufunc, axes: tuple[int, ...], keepdims: bool, x: Value, out: Value
) -> tuple[FusedInstruction, ...]:
    total = ufunc is np.add and len(axes) == len(x.shape) > 0
    within = bool(axes) and axes[0] > 0 and keepdims
    return (FusedInstruction(ufunc, (0,), axes),) if (total or within) and x.dtype == out.dtype else ()


_PARTS: Mapping[str, Make] = MappingProxyType(
    {
        "relu": _whole(np.maximum, 0.0),
        "masked_multiply": _whole(masked_multiply),
        "greater": _whole(np.greater),
        "equal": _whole(np.equal),
        "where": _where,
        "clip": _clip,
        "astype": _whole(convert),
        "sum": _reduction(np.add),
        "max": _reduction(np.maximum),
        "min": _reduction(np.minimum),
        "sum_to": _sum_to,
    }
)


def is_total(parts: Sequence[FusedInstruction], x: Value) -> bool:
    """Whether a call reduces over everything: then no call of the group may read its result."""
    return bool(parts) and len(parts[0].axes) == len(x.shape) > 0 and prod(x.shape) > 0
