"""Pooling, windows added up, and sums over some axes as entries of a C plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import cast

import attrs

from minigrad.engines.plan import ArrayCall
from minigrad.engines.threads import thread_count
from minigrad.typing import Array
from minigrad_cc.entries import Entry, entry, joined_axes, kind_of

__all__ = ["max_pool", "max_pool_backward", "overlap_add", "sum_rows"]

_SHARE = 1 << 16
"""Entries of an image that are worth a thread: some 20 microseconds."""
_MOST_AXES = 32


@attrs.frozen
class _Windows:
    """Where windows lie in an image.

    Attributes:
        offsets: of each place in a window from its first, in entries.
        axes: of the places, outermost first: how many, and from one to the next in the image and in the result.
    """

    offsets: Sequence[int]
    axes: list[tuple[int, ...]]

    @classmethod
    def of(cls, call: ArrayCall, kernel: Sequence[int], image: Array, places: Array) -> _Windows | None:
        """Those of a call with strides and dilations; None where there are too many axes."""
        n = len(kernel)
        stride, dilation = (cast("tuple[int, ...]", call.options[name]) for name in ("stride", "dilation"))
        steps = [step // image.itemsize for step in image.strides]
        inside = [d * s for d, s in zip(dilation, steps[-n:], strict=True)]
        between = [*steps[:-n], *(t * s for t, s in zip(stride, steps[-n:], strict=True))]
        offsets = [sum(i * s for i, s in zip(at, inside, strict=True)) for at in product(*map(range, kernel))]
        axes = joined_axes(places.shape, between, [step // places.itemsize for step in places.strides]) or [(1, 1, 1)]
        return cls(offsets, axes) if len(axes) <= _MOST_AXES else None

    @property
    def numbers(self) -> list[int]:
        """How many axes and offsets there are, and then these, as C reads them."""
        return [len(self.axes), len(self.offsets), *(number for axis in self.axes for number in axis), *self.offsets]

    def parts(self, image: Array) -> int:
        """In how many parts the outermost axis is cut."""
        return max(1, min(thread_count(), self.axes[0][0], image.size // _SHARE))


def _kind(call: ArrayCall) -> str | None:
    """C name of the one type of arrays that all lie in C order."""
    arrays = [*(o.form for o in call.operands), *(() if call.out is None else (call.out,))]
    return kind_of(*arrays) if all(a.flags.c_contiguous for a in arrays) else None


def max_pool(call: ArrayCall) -> Sequence[Entry] | None:
    """The largest entry of each window."""
    (x,), out, kind = call.operands, call.out, _kind(call)
    if out is None or kind is None:
        return None
    windows = _Windows.of(call, cast("tuple[int, ...]", call.options["kernel"]), x.form, out)
    if windows is None:
        return None
    return [attrs.evolve(entry(f"max_pool_{kind}", (x,), out, windows.numbers), parts=windows.parts(x.form))]


def max_pool_backward(call: ArrayCall) -> Sequence[Entry] | None:
    """The gradient of each window, shared by its largest entries; windows lie apart."""
    (g, x, y), out, kind = call.operands, call.out, _kind(call)
    if out is None or kind is None:
        return None
    windows = _Windows.of(call, cast("tuple[int, ...]", call.options["kernel"]), x.form, y.form)
    if windows is None:
        return None
    put = attrs.evolve(entry(f"max_pool_backward_{kind}", (g, x, y), out, windows.numbers), parts=windows.parts(x.form))
    is_covered = len(windows.offsets) * y.form.size == out.size
    return [put] if is_covered else [entry("zero", (), out, [out.nbytes]), put]


def overlap_add(call: ArrayCall) -> Sequence[Entry] | None:
    """Windows added up in their image, one place in a window after another."""
    (g,), out, size = call.operands, call.out, cast("tuple[int, ...]", call.options["size"])
    kind = None if out is None else kind_of(g.form, out)
    if out is None or kind is None or not out.flags.c_contiguous:
        return None
    n = len(size)
    steps = [step // g.form.itemsize for step in g.form.strides]
    windows = _Windows.of(call, g.form.shape[:n], out, g.form[(0,) * n])
    if windows is None:
        return None
    (images, there, here), *axes = windows.axes
    if there * images != out.size:  # the outermost axis is one of places: windows of neighbours overlap
        images, there, here, axes = 1, out.size, 0, windows.axes
    inside = [sum(i * s for i, s in zip(at, steps, strict=False)) for at in product(*map(range, g.form.shape[:n]))]
    offsets = [number for pair in zip(windows.offsets, inside, strict=True) for number in pair]
    lines = [number for axis in axes or [(1, 1, 1)] for number in axis]
    apart = g.form.shape[:n] == call.options["stride"] and set(cast("tuple[int, ...]", call.options["dilation"])) == {1}
    rest = [len(axes or "1"), len(inside), images, there, here, int(apart), *lines, *offsets]
    parts = max(1, min(thread_count(), images, g.form.size // _SHARE))
    return [attrs.evolve(entry(f"overlap_add_{kind}", (g,), out, rest), parts=parts)]


def sum_rows(call: ArrayCall) -> Sequence[Entry] | None:
    """Add up neighbouring axes in NumPy's order; None for other reductions."""
    (x,), out, kind, axis = call.operands, call.out, _kind(call), call.options["axis"]
    if out is None or kind is None or call.options["name"] != "add" or not isinstance(axis, int | tuple):
        return None
    shape = x.form.shape
    axes = sorted(a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,)))
    if not axes or axes[-1] - axes[0] >= len(axes):
        return None
    first, last = axes[0], axes[-1]
    stack, rows, width = prod(shape[:first]), prod(shape[first : last + 1]), prod(shape[last + 1 :])
    parts = max(1, min(thread_count(), stack, x.form.size // _SHARE))
    return [attrs.evolve(entry(f"sum_rows_{kind}", (x,), out, [stack, rows, width]), parts=parts)]
