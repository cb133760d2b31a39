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
from minigrad.engines.plan import ArrayCall, Operand
from minigrad.typing import Array
from minigrad_cc.blas import blas_function

__all__ = ["Entry", "Late", "entries_of"]

_PLAIN, _TURNED = 111, 112
_BY_ROWS, _BY_COLUMNS = 101, 102
_ARITHMETIC = (
    "add", "subtract", "multiply", "divide", "power", "negative", "positive", "absolute",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "truth",
)  # fmt: skip


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
    """

    routine: str
    arguments: Sequence[int]
    late: tuple[Late, ...] = ()
    kept: tuple[Array, ...] = ()


Make: TypeAlias = Callable[[ArrayCall], Sequence[Entry] | None]


def entries_of(call: ArrayCall) -> Sequence[Entry] | None:
    """What C does for a call; None where it cannot."""
    make = _ROUTINES.get(call.name)
    arrays = [*(o.form for o in call.operands), *(() if call.out is None else (call.out,))]
    if make is None or not all(a.dtype.isnative and a.flags.aligned and a.size for a in arrays):
        return None
    return make(call)


def _entry(routine: str, operands: Sequence[Operand], out: Array | None, rest: Sequence[int], start: int = 0) -> Entry:
    """An entry whose arguments are addresses from `start` on, amid the others.

    First those of the operands, then that of the result.
    """
    late = tuple(Late(start + n, o.fetch, o.offset) for n, o in enumerate(operands) if o.fetch is not None)
    addresses = [0 if o.fetch is not None else o.form.ctypes.data for o in operands]
    addresses += [] if out is None else [out.ctypes.data]
    kept = (*(o.form for o in operands), *(() if out is None else (out,)))
    return Entry(routine, [*rest[:start], *addresses, *rest[start:]], late, kept)


def _kind(*arrays: Array) -> str | None:
    """C name of the one floating type of some arrays."""
    dtypes = {a.dtype.str[1:] for a in arrays}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= {"f4", "f8"} else None


# -- products ------------------------------------------------------------------------------------------------------
def _matmul(call: ArrayCall) -> Sequence[Entry] | None:
    a, b = call.operands
    if call.out is None or _kind(a.form, b.form, call.out) is None:
        return None
    if a.form.ndim == b.form.ndim == 1:
        return _dot(a, b, call.out)
    if a.form.ndim == 1 and b.form.ndim == 2:
        return _row_times_matrix(a, b, call.out)
    if a.form.ndim >= 2 and b.form.ndim >= 2:
        return _matrices(a, b, call.out, cast(int, call.options.get("parts", 1)))
    return None


def _dot(a: Operand, b: Operand, out: Array) -> Sequence[Entry] | None:
    kind, size = _kind(a.form, b.form), a.form.itemsize
    function = blas_function("dot", kind or "f4")
    steps = [o.form.strides[0] // size for o in (a, b)]
    if not function or min(steps) < 1 or a.form.size < 2:
        return None
    return [_entry(f"dot_{kind}", (a, b), out, [function, a.form.size, *steps], 1)]


def _row_times_matrix(x: Operand, m: Operand, out: Array) -> Sequence[Entry] | None:
    kind = _kind(x.form, m.form)
    layout, function = _layout(m.form, 0), blas_function("gemv", kind or "f4")
    if min(m.form.shape) < 2:  # NumPy takes it as a vector
        return None
    if layout is None or not function or x.form.strides != (x.form.itemsize,) or not out.flags.c_contiguous:
        return None
    turned, width = layout
    order = _BY_COLUMNS if turned == _TURNED else _BY_ROWS
    if not (m.form.flags.c_contiguous or m.form.flags.f_contiguous):
        return None
    return [_entry(f"gemv_{kind}", (m, x), out, [function, order, _TURNED, *m.form.shape, width, 1], 1)]


def _matrices(a: Operand, b: Operand, out: Array, parts: int) -> Sequence[Entry] | None:
    kind, function = _kind(a.form, b.form), 0
    if parts > 1 and b.form.strides[1] == b.form.itemsize and b.form.ndim == 2:
        columns = b.form.shape[1] // parts
        b = attrs.evolve(b, form=_in_blocks(b.form, columns))
        out = _in_blocks(out, columns)
    batch = np.broadcast_shapes(a.form.shape[:-2], b.form.shape[:-2])
    (m, k), n = a.form.shape[-2:], b.form.shape[-1]
    layouts = [_layout(x, len(x.shape) - 2) for x in (a.form, b.form, out)]
    function = blas_function("gemm", kind or "f4")
    first, second, third = layouts
    if first is None or second is None or third is None or third[0] != _PLAIN or not function or min(m, n, k) < 2:
        return None
    if _is_square_of(a, b):  # NumPy computes one half of it
        return None
    axes = _batch_axes(batch, [a.form, b.form, out])
    if axes is None:
        return None
    rest = [function, first[0], second[0], m, n, k, first[1], second[1], third[1], *axes]
    return [_entry(f"gemm_{kind}", (a, b), out, rest, 1)]


def _in_blocks(x: Array, columns: int) -> Array:
    """A matrix as a stack of blocks of columns, in its own memory."""
    shape = (x.shape[1] // columns, x.shape[0], columns)
    strides = (columns * x.strides[1], *x.strides)
    view: Array = np.lib.stride_tricks.as_strided(x, shape, strides, writeable=x.flags.writeable)
    return view


def _layout(x: Array, axis: int) -> tuple[int, int] | None:
    """How a matrix lies, row by row or column by column, and how far one is from the next.

    None if it lies otherwise. Where both are possible NumPy takes it as lying row by row.
    """
    (rows, columns), (down, across), size = x.shape[axis:], x.strides[axis:], x.itemsize
    if across == size and down % size == 0 and down >= columns * size:
        return _PLAIN, down // size
    if down == size and across % size == 0 and across >= rows * size:
        return _TURNED, across // size
    return None


def _is_square_of(a: Operand, b: Operand) -> bool:
    same = a.fetch is b.fetch and (a.form.ctypes.data == b.form.ctypes.data if a.fetch is None else True)
    return same and a.offset == b.offset and a.form.shape[-2:] == b.form.shape[:-3:-1]


def _batch_axes(batch: tuple[int, ...], arrays: Sequence[Array]) -> list[int] | None:
    """Two axes over stacks of matrices: lengths and strides; None where two are too few."""
    axes: list[list[int]] = []
    for axis, n in enumerate(batch):
        steps = []
        for x in arrays:
            own = axis - (len(batch) - (x.ndim - 2))
            steps.append(0 if own < 0 or x.shape[own] == 1 else x.strides[own])
        if n == 1:
            continue
        if axes and all(outer == inner * n for outer, inner in zip(axes[-1][1:], steps, strict=True)):
            axes[-1] = [axes[-1][0] * n, *steps]
        else:
            axes.append([n, *steps])
    if len(axes) > 2:
        return None
    padded = [[1, 0, 0, 0]] * (2 - len(axes)) + axes
    return [number for axis in padded for number in axis]


# -- moves ---------------------------------------------------------------------------------------------------------
def _copy(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out = call.operands, call.out
    return None if out is None else _copied(x, out)


def _copied(x: Operand, out: Array) -> Sequence[Entry] | None:
    if x.form.dtype != out.dtype:
        return None
    try:
        strides = np.broadcast_to(x.form, out.shape).strides
    except ValueError:
        return None
    axes: list[tuple[int, int, int]] = []
    for n, here, there in zip(out.shape, strides, out.strides, strict=True):
        if n == 1:
            continue
        if axes and axes[-1][1] == here * n and axes[-1][2] == there * n:
            axes[-1] = (axes[-1][0] * n, here, there)
        else:
            axes.append((n, here, there))
    axes = axes or [(1, out.itemsize, out.itemsize)]
    rest = [out.itemsize, len(axes), *(number for axis in axes for number in axis)]
    return [_entry("copy", (x,), out, rest)]


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
        one = _copied(x, part)
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
    return _copied(attrs.evolve(x, form=part, offset=x.offset + part.ctypes.data - x.form.ctypes.data), out)


def _put_part(call: ArrayCall) -> Sequence[Entry] | None:
    (g,), out = call.operands, call.out
    if out is None or not out.flags.c_contiguous:
        return None
    part = out[cast(Key, call.options["key"])]
    copied = _copied(g, part) if isinstance(part, np.ndarray) and part.base is not None else None
    if copied is None:
        return None
    return [_entry("zero", (), out, [out.nbytes], 0), *copied]


def _is_integer(x: Operand) -> bool:
    return x.form.dtype == np.int64 and x.form.flags.c_contiguous


def _within(call: ArrayCall) -> Sequence[Entry] | None:
    (x,) = call.operands
    ignored = cast("int | None", call.options["ignored"])
    if not _is_integer(x):
        return None
    high = cast(int, call.options["high"])
    return [_entry("within", (x,), None, [x.form.size, high, int(ignored is not None), ignored or 0])]


def _one_hot(call: ArrayCall) -> Sequence[Entry] | None:
    labels, out = call.operands[0], call.out
    if out is None or not _is_integer(labels) or _kind(out) is None or not out.flags.c_contiguous:
        return None
    one = int(np.ones(1, out.dtype).view(f"i{out.itemsize}")[0])
    return [_entry("one_hot", (labels,), out, [labels.form.size, out.shape[-1], out.itemsize, one])]


def _take_of_rows(call: ArrayCall) -> Sequence[Entry] | None:
    (x, places), out = call.operands, call.out
    if out is None or not _is_integer(places) or not x.form.flags.c_contiguous or not out.flags.c_contiguous:
        return None
    return [_entry("take_of_rows", (x, places), out, [*x.form.shape, x.form.itemsize])]


def _take(call: ArrayCall) -> Sequence[Entry] | None:
    (x, places), out, axis = call.operands, call.out, cast(int, call.options["axis"])
    if out is None or not _is_integer(places) or not x.form.flags.c_contiguous or not out.flags.c_contiguous:
        return None
    shape = x.form.shape
    size = prod(shape[axis + 1 :]) * x.form.itemsize
    return [_entry("take", (x, places), out, [prod(shape[:axis]), shape[axis], places.form.size, size])]


def _take_flat(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out = call.operands, call.out
    places = cast(Array, call.options["places"])
    if out is None or not x.form.flags.c_contiguous or not out.flags.c_contiguous or places.dtype != np.int64:
        return None
    rest = [1, x.form.size, places.size, x.form.itemsize]
    return [_entry("take", (x, Operand(places)), out, rest)]


def _column_sums(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out, ones = call.operands, call.out, cast(Array, call.options["ones"])
    if out is None or not x.form.flags.c_contiguous or not out.flags.c_contiguous or out.size < 2 or ones.size < 2:
        return None
    matrix = attrs.evolve(x, form=_reshaped(x.form, (ones.size, out.size)))
    return _row_times_matrix(Operand(ones), matrix, out.reshape(-1))


def _reshaped(form: Array, shape: tuple[int, ...]) -> Array:
    """A contiguous form in another shape; its entries are not looked at."""
    strides = [form.itemsize * prod(shape[k + 1 :]) for k in range(len(shape))]
    view: Array = np.lib.stride_tricks.as_strided(form, shape, strides, writeable=False)
    return view


# -- numbers -----------------------------------------------------------------------------------------------------
def _ufunc(call: ArrayCall) -> Sequence[Entry] | None:
    """Of single numbers: others come as groups."""
    out, name, kind = call.out, call.options["name"], _kind(*(o.form for o in call.operands))
    numbers = all(o.form.size == 1 for o in call.operands) and len(call.operands) == 2
    if out is None or kind is None or out.dtype != call.operands[0].form.dtype or not numbers or out.size != 1:
        return None
    known = _ARITHMETIC[:4]
    return [_entry(f"number_{kind}", call.operands, out, [known.index(name)])] if name in known else None


def _reduce(call: ArrayCall) -> Sequence[Entry] | None:
    """Sums over everything."""
    (x,), out, kind, axis = call.operands, call.out, _kind(call.operands[0].form), call.options["axis"]
    if out is None or out.size != 1 or kind is None or call.options["name"] != "add" or not x.form.flags.c_contiguous:
        return None
    lengths = [n for n in x.form.shape if n > 1]
    if axis is not None and len(lengths) > 1:  # NumPy goes axis by axis
        return None
    return [_entry(f"sum_{kind}", (x,), out, [x.form.size])]


# -- numbers of an optimizer's step --------------------------------------------------------------------------------
def _squared_norm(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out, kind = call.operands, call.out, _kind(call.operands[0].form)
    function = blas_function("dot", kind or "f4")
    if out is None or kind is None or not function or not x.form.flags.c_contiguous:
        return None
    least = np.array([cast(float, call.options["least"])])
    entry = _entry(f"squared_norm_{kind}", (x,), out, [function, x.form.size, least.ctypes.data], 1)
    return [attrs.evolve(entry, kept=(*entry.kept, least))]


def _finite(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), kind = call.operands, _kind(call.operands[0].form)
    function = blas_function("dot", kind or "f4")
    if kind is None or not function or not x.form.flags.c_contiguous:
        return None
    return [_entry(f"finite_{kind}", (x,), None, [function, x.form.size], 1)]


def _scalars(call: ArrayCall) -> Sequence[Entry] | None:
    steps = cast("Sequence[tuple[str, int, int, int, bool]]", call.options["steps"])
    feeds = cast("Sequence[tuple[Array, int]]", call.options["feeds"])
    if not all(name in _ARITHMETIC for name, *_ in steps) or not all(_kind(a) for a, _ in feeds):
        return None
    rest = [len(steps), len(feeds)]
    for name, i, j, out, truth in steps:
        rest += [_ARITHMETIC.index(name), i, j, out, int(truth)]
    for array, k in feeds:
        rest += [array.ctypes.data, array.itemsize, k]
    entry = _entry("scalars", call.operands, None, rest)
    return [attrs.evolve(entry, kept=(*entry.kept, *(a for a, _ in feeds)))]


_ROUTINES: Mapping[str, Make] = MappingProxyType(
    {
        "matmul": _matmul,
        "column_sums": _column_sums,
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
        "squared_norm": _squared_norm,
        "finite": _finite,
        "scalars": _scalars,
    }
)
