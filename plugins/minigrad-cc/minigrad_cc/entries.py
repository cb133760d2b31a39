"""Entries of a C plan: a routine of `plan.c` with its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.engines.plan import Operand
from minigrad.engines.threads import thread_count
from minigrad.typing import Array

__all__ = ["Entry", "Late", "copied", "entry", "joined_axes", "kind_of"]

_MOVED = 1 << 18
"""Bytes that are worth a thread."""


@attrs.frozen(eq=False)
class Late:
    """An address that is known at run time only.

    Attributes:
        place: in the arguments.
        fetch: gives the array of this run.
        offset: in bytes.
    """

    place: int
    fetch: Callable[[], Array]
    offset: int


@attrs.frozen(eq=False)
class Entry:
    """One call of C.

    Attributes:
        routine: its name in `plan.c`, without prefix.
        arguments: 64-bit integers.
        late: addresses among them that differ from run to run.
        kept: arrays whose addresses are among the arguments.
        parts: in which the work is cut, for several threads.
        cuts: other values for the last argument, which says what is cut, should the first leave other bits.
    """

    routine: str
    arguments: Sequence[int]
    late: tuple[Late, ...] = ()
    kept: tuple[Array, ...] = ()
    parts: int = 1
    cuts: tuple[int, ...] = ()


def entry(routine: str, operands: Sequence[Operand], out: Array | None, rest: Sequence[int], start: int = 0) -> Entry:
    """An entry whose arguments are addresses from `start` on, amid the others.

    First those of the operands, then that of the result.
    """
    late = tuple(Late(start + n, o.fetch, o.offset) for n, o in enumerate(operands) if o.fetch is not None)
    addresses = [0 if o.fetch is not None else o.form.ctypes.data for o in operands]
    addresses += [] if out is None else [out.ctypes.data]
    kept = (*(o.form for o in operands), *(() if out is None else (out,)))
    return Entry(routine, [*rest[:start], *addresses, *rest[start:]], late, kept)


def copied(x: Operand, out: Array) -> Sequence[Entry] | None:
    """A copy, broadcast to the result.

    None where dtypes differ or shapes do not fit.
    """
    if x.form.dtype != out.dtype:
        return None
    try:
        strides = np.broadcast_to(x.form, out.shape).strides
    except ValueError:
        return None
    axes = joined_axes(out.shape, strides, out.strides) or [(1, out.itemsize, out.itemsize)]
    rest = [out.itemsize, len(axes), *(number for axis in axes for number in axis)]
    parts = max(1, min(thread_count(), axes[0][0], out.nbytes // _MOVED))
    return [attrs.evolve(entry("copy", (x,), out, rest), parts=parts)]


def kind_of(*arrays: Array) -> str | None:
    """C name of the one floating type of some arrays."""
    dtypes = {a.dtype.str[1:] for a in arrays}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= {"f4", "f8"} else None


def joined_axes(shape: Sequence[int], *steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Axes as C walks them: none of length one, and neighbours that lie like one joined.

    Args:
        shape: lengths, the outermost first.
        *steps: from one entry to the next along each axis, for each array that is walked through.

    Returns:
        For each axis its length, then its steps.
    """
    axes: list[tuple[int, ...]] = []
    for n, *own in zip(shape, *steps, strict=True):
        if n == 1:
            continue
        if axes and all(outer == inner * n for outer, inner in zip(axes[-1][1:], own, strict=True)):
            axes[-1] = (axes[-1][0] * n, *own)
        else:
            axes.append((n, *own))
    return axes
