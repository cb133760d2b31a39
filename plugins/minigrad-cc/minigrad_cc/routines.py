"""From a planned call to entries of a C plan: a routine of `plan.c` with its arguments.

Each routine is given here the same arguments as the NumPy call that it stands for, so that it leaves the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import TypeAlias, cast

import attrs
import numpy as np

from minigrad.core.types import Key
from minigrad.engines.blas import blas_function
from minigrad.engines.plan import ArrayCall, Operand
from minigrad.typing import Array
from minigrad_cc.entries import Entry, copied, entry, kind_of
from minigrad_cc.products import column_sums, matmul
from minigrad_cc.row_sums import put_along
from minigrad_cc.windows import max_pool, max_pool_backward, overlap_add, sum_rows

__all__ = ["entries_of"]

_ARITHMETIC = (
    "add", "subtract", "multiply", "divide", "power", "negative", "positive", "absolute",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "truth",
)  # fmt: skip


Make: TypeAlias = Callable[[ArrayCall], Sequence[Entry] | None]


def entries_of(call: ArrayCall) -> Sequence[Entry] | None:
    """What C does for a call; None where it cannot."""
    make = _ROUTINES.get(call.name)
    arrays = [*(o.form for o in call.operands), *(() if call.out is None else (call.out,))]
    if make is None or not all(a.dtype.isnative and a.flags.aligned and a.size for a in arrays):
        return None
    return make(call)


# -- moves ---------------------------------------------------------------------------------------------------------
def _copy(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out = call.operands, call.out
    return None if out is None else copied(x, out)


def _concatenate(call: ArrayCall) -> Sequence[Entry] | None:
    axis, out = cast(int, call.options["axis"]), call.out
    if out is None:
        return None
    entries: list[Entry] = []
    start = 0
    for x in call.operands:
        length = x.form.shape[axis]
        if not length:
            continue
        part = out[(slice(None),) * (axis % out.ndim) + (slice(start, start + length),)]
        one = copied(x, part)
        if one is None:
            return None
        entries += one
        start += length
    return entries


def _get_part(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out = call.operands, call.out
    part = x.form[cast(Key, call.options["key"])]
    if out is None or not isinstance(part, np.ndarray) or part.base is None:
        return None
    return copied(attrs.evolve(x, form=part, offset=x.offset + part.ctypes.data - x.form.ctypes.data), out)


def _put_part(call: ArrayCall) -> Sequence[Entry] | None:
    (g,), out = call.operands, call.out
    if out is None or not out.flags.c_contiguous:
        return None
    part = out[cast(Key, call.options["key"])]
    put = copied(g, part) if isinstance(part, np.ndarray) and part.base is not None else None
    if put is None:
        return None
    return [entry("zero", (), out, [out.nbytes], 0), *put]


def _is_integer(x: Operand) -> bool:
    return x.form.dtype == np.int64 and x.form.flags.c_contiguous


def _within(call: ArrayCall) -> Sequence[Entry] | None:
    (x,) = call.operands
    ignored = cast("int | None", call.options["ignored"])
    if not _is_integer(x):
        return None
    high = cast(int, call.options["high"])
    return [entry("within", (x,), None, [x.form.size, high, int(ignored is not None), ignored or 0])]


def _one_hot(call: ArrayCall) -> Sequence[Entry] | None:
    labels, out = call.operands[0], call.out
    if out is None or not _is_integer(labels) or kind_of(out) is None or not out.flags.c_contiguous:
        return None
    one = int(np.ones(1, out.dtype).view(f"i{out.itemsize}")[0])
    return [entry("one_hot", (labels,), out, [labels.form.size, out.shape[-1], out.itemsize, one])]


def _take_of_rows(call: ArrayCall) -> Sequence[Entry] | None:
    (x, places), out = call.operands, call.out
    if out is None or not _is_integer(places) or not x.form.flags.c_contiguous or not out.flags.c_contiguous:
        return None
    return [entry("take_of_rows", (x, places), out, [*x.form.shape, x.form.itemsize])]


def _take(call: ArrayCall) -> Sequence[Entry] | None:
    (x, places), out, axis = call.operands, call.out, cast(int, call.options["axis"])
    if out is None or not _is_integer(places) or not x.form.flags.c_contiguous or not out.flags.c_contiguous:
        return None
    shape = x.form.shape
    size = prod(shape[axis + 1 :]) * x.form.itemsize
    return [entry("take", (x, places), out, [prod(shape[:axis]), shape[axis], places.form.size, size])]


def _take_flat(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out = call.operands, call.out
    places = cast(Array, call.options["places"])
    if out is None or not x.form.flags.c_contiguous or not out.flags.c_contiguous or places.dtype != np.int64:
        return None
    rest = [1, x.form.size, places.size, x.form.itemsize]
    return [entry("take", (x, Operand(places)), out, rest)]


# -- numbers -----------------------------------------------------------------------------------------------------
def _ufunc(call: ArrayCall) -> Sequence[Entry] | None:
    """Of single numbers: others come as groups."""
    out, name, kind = call.out, call.options["name"], kind_of(*(o.form for o in call.operands))
    numbers = all(o.form.size == 1 for o in call.operands) and len(call.operands) == 2
    if out is None or kind is None or out.dtype != call.operands[0].form.dtype or not numbers or out.size != 1:
        return None
    known = _ARITHMETIC[:4]
    return [entry(f"number_{kind}", call.operands, out, [known.index(name)])] if name in known else None


def _reduce(call: ArrayCall) -> Sequence[Entry] | None:
    """Sums over everything, or over neighbouring axes."""
    (x,), out, kind, axis = call.operands, call.out, kind_of(call.operands[0].form), call.options["axis"]
    if out is not None and out.size > 1:
        return sum_rows(call)
    if out is None or kind is None or call.options["name"] != "add" or not x.form.flags.c_contiguous:
        return None
    lengths = [n for n in x.form.shape if n > 1]
    if axis is not None and len(lengths) > 1:  # NumPy goes axis by axis
        return None
    return [entry(f"sum_{kind}", (x,), out, [x.form.size])]


# -- numbers of an optimizer's step --------------------------------------------------------------------------------
def _squared_norm(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out, kind = call.operands, call.out, kind_of(call.operands[0].form)
    function = blas_function("dot", kind or "f4")
    if out is None or kind is None or not function or not x.form.flags.c_contiguous:
        return None
    least = np.array([cast(float, call.options["least"])])
    one = entry(f"squared_norm_{kind}", (x,), out, [function, x.form.size, least.ctypes.data], 1)
    return [attrs.evolve(one, kept=(*one.kept, least))]


def _finite(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), kind = call.operands, kind_of(call.operands[0].form)
    function = blas_function("dot", kind or "f4")
    if kind is None or not function or not x.form.flags.c_contiguous:
        return None
    return [entry(f"finite_{kind}", (x,), None, [function, x.form.size], 1)]


def _scalars(call: ArrayCall) -> Sequence[Entry] | None:
    steps = cast("Sequence[tuple[str, int, int, int, bool]]", call.options["steps"])
    feeds = cast("Sequence[tuple[Array, int]]", call.options["feeds"])
    if not all(name in _ARITHMETIC for name, *_ in steps) or not all(kind_of(a) for a, _ in feeds):
        return None
    rest = [len(steps), len(feeds)]
    for name, i, j, out, truth in steps:
        rest += [_ARITHMETIC.index(name), i, j, out, int(truth)]
    for array, k in feeds:
        rest += [array.ctypes.data, array.itemsize, k]
    one = entry("scalars", call.operands, None, rest)
    return [attrs.evolve(one, kept=(*one.kept, *(a for a, _ in feeds)))]


_ROUTINES: Mapping[str, Make] = MappingProxyType(
    {
        "matmul": matmul,
        "column_sums": column_sums,
        "max_pool": max_pool,
        "max_pool_backward": max_pool_backward,
        "overlap_add": overlap_add,
        "reduce": _reduce,
        "ufunc": _ufunc,
        "copy": _copy,
        "concatenate": _concatenate,
        "get_part": _get_part,
        "put_part": _put_part,
        "within": _within,
        "one_hot": _one_hot,
        "take_of_rows": _take_of_rows,
        "take": _take,
        "take_flat": _take_flat,
        "put_along": put_along,
        "squared_norm": _squared_norm,
        "finite": _finite,
        "scalars": _scalars,
    }
)
