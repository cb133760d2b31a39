"""Kernels that move entries: copies, joins, gathers and what undoes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import cast

import numpy as np

from minigrad.core.types import Array, IndexArray, Key
from minigrad.ops.index import all_below, is_basic
from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make

__all__ = ["MOVES"]

_FEW = 1 << 20
"""Multiplications of a product with a 0-1 matrix up to which it is quicker than sorting."""
_MOST = 1 << 24
"""Entries that may be copied aside in order to sort rows."""


def _copy(x: Array, out: Array) -> None:
    np.copyto(out, x, casting="unsafe")


def _reshape(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    """For operands that are no views of the right form: entries are copied in C order."""
    return Kernel(_copy, shape=xs[0].shape, routine="copy") if xs[0].dtype == out.dtype else None


def _astype(call: Call, xs: list[Value], out: Value) -> Kernel:
    return Kernel(_copy, routine="copy")


def _concatenate(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    axis = call.kwargs["axis"]
    if not isinstance(axis, int) or any(x.dtype != out.dtype for x in xs):
        return None

    def join(*arrays: Array, out: Array) -> None:
        np.concatenate(arrays, axis=axis, out=out)

    return Kernel(join, routine="concatenate", details={"axis": axis})


def _getitem(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    """For keys with arrays in them; others give views."""
    key = cast(Key, call.kwargs["key"])
    if is_basic(key):
        return Kernel(lambda x, out: np.copyto(out, x[key]), routine="get_part", details={"key": key})
    # Numbers of places in the flat array: one `take`, which writes where it is told.
    x = xs[0]
    flat: IndexArray = np.arange(prod(x.shape)).reshape(x.shape)[key].reshape(-1)

    def pick(x: Array, out: Array) -> None:
        np.take(x.reshape(-1), flat, out=out.reshape(-1), mode="clip")

    return Kernel(pick, routine="take_flat", details={"places": flat}) if flat.size else None


def _scatter(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    key = cast(Key, call.kwargs["key"])
    basic = is_basic(key)

    def put(g: Array, out: Array) -> None:
        out.fill(0.0)
        if basic:
            out[key] = g
        else:
            np.add.at(out, key, g)  # type: ignore[arg-type]

    if xs[0].dtype != out.dtype:
        return None
    return Kernel(put, routine="put_part", details={"key": key}) if basic else Kernel(put)


def _setitem(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    key = cast(Key, call.kwargs["key"])

    def put(x: Array, v: Array, out: Array) -> None:
        np.copyto(out, x)
        out[key] = v

    return Kernel(put) if xs[0].dtype == out.dtype else None


def _take(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    axis = cast(int, call.kwargs["axis"])
    length = xs[0].shape[axis] if xs[0].shape else 0
    if not length:
        return None

    def pick(x: Array, places: IndexArray, out: Array) -> None:
        # mode="raise" would go through a copy of the result.
        if all_below(places, length):
            np.take(x, places, axis=axis, out=out, mode="clip")
        else:
            np.take(x, places, axis=axis, out=out)

    return Kernel(pick, routine="take", details={"axis": axis % len(xs[0].shape)})


def _one_of_each_row(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    x, places = xs
    if call.kwargs["axis"] not in (-1, 1) or len(x.shape) != 2 or places.shape != (x.shape[0], 1):
        return None
    rows, width = np.arange(x.shape[0]), x.shape[1]
    starts = width * rows[:, None]
    flat = np.empty_like(starts)

    def fill(x: Array, places: IndexArray, out: Array) -> None:
        if all_below(places, width):
            np.add(starts, places, flat, casting="unsafe")
            x.take(flat, None, out, "clip")
        else:
            out[:, 0] = x[rows, places[:, 0]]

    return Kernel(fill, routine="take_of_rows")


def _put_along(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    """Make the kernel that adds rows up by place.

    It is a product with the 0-1 matrix of places where that is small, else it adds after sorting.
    """
    g, places = xs
    count, length, total = prod(places.shape), cast(int, call.kwargs["length"]), prod(g.shape)
    if cast(int, call.kwargs["axis"]) != 0 or g.dtype != out.dtype or not 0 < total <= _MOST or not length:
        return None
    by_place = length * total > _FEW
    add = _added_by_place if by_place else _added_by_product
    details = {"length": length, "by_place": by_place}
    return Kernel(add(count, length, out.dtype), routine="put_along", details=details)


def _added_by_product(count: int, length: int, dtype: np.dtype[np.generic]) -> Callable[..., None]:
    classes = np.arange(length)[:, None]
    chosen, matrix = np.empty((length, count), bool), np.empty((length, count), dtype)

    def add(g: Array, places: IndexArray, out: Array) -> None:
        flat = places.reshape(1, -1)
        np.equal(classes, flat if flat.min() >= 0 else flat % length, out=chosen)
        np.copyto(matrix, chosen)
        np.dot(matrix, g.reshape(count, -1), out=out.reshape(length, -1))

    return add


def _added_by_place(count: int, length: int, dtype: np.dtype[np.generic]) -> Callable[..., None]:
    """Rows of the same place are brought together; their sum is ones times rows."""
    ones = np.ones(count, dtype)
    quick = np.int16 if length <= np.iinfo(np.int16).max else np.int64  # 16 bits are sorted by counting
    buffer: list[Array] = []

    def add(g: Array, places: IndexArray, out: Array) -> None:
        rows, sums = g.reshape(count, -1), out.reshape(length, -1)
        if not buffer:
            buffer.append(np.empty(rows.shape, dtype))
        flat = places.reshape(-1)
        flat = flat if flat.min() >= 0 else flat % length
        order = np.argsort(flat.astype(quick), kind="stable")
        apart = flat[order]
        starts = [0, *(np.flatnonzero(apart[1:] != apart[:-1]) + 1).tolist()]
        together = rows.take(order, 0, buffer[0], "clip")
        sums.fill(0.0)
        for start, stop, place in zip(starts, [*starts[1:], count], apart[starts].tolist(), strict=True):
            ones[start:stop].dot(together[start:stop], sums[place])

    return add


def _broadcast(call: Call, xs: list[Value], out: Value) -> Kernel:
    return Kernel(_copy, routine="copy")


MOVES: Mapping[str, Make] = MappingProxyType(
    {
        "reshape": _reshape,
        "astype": _astype,
        "contiguous": _astype,
        "concatenate": _concatenate,
        "getitem": _getitem,
        "scatter": _scatter,
        "setitem": _setitem,
        "take": _take,
        "take_along_axis": _one_of_each_row,
        "put_along": _put_along,
        "broadcast_to": _broadcast,
    }
)
