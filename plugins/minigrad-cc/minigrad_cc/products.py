"""Products of matrices and vectors as entries of a C plan.

By the matrix library that NumPy has loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

import attrs
import numpy as np

from minigrad.engines.blas import blas_function
from minigrad.engines.plan import ArrayCall, Operand
from minigrad.engines.products import KERNEL_TILES
from minigrad.engines.threads import thread_count
from minigrad.typing import Array
from minigrad_cc.entries import Entry, entry, joined_axes, kind_of

__all__ = ["column_sums", "matmul", "reshaped"]

_PRODUCT, _SHALLOW = 700_000, 3_000_000
"""Operations that are worth a thread: some 15 microseconds, or 50 where sums are short.

A product of short sums has as much to write as to compute.
"""
_DEEP = 64
"""Numbers in a sum from which it is not short."""
_TILE = 32
"""Rows or columns of a product that are not cut further."""
_ROWS, _COLUMNS, _STACK = 0, 1, 2
_PLAIN, _TURNED = 111, 112
_BY_ROWS, _BY_COLUMNS = 101, 102


def matmul(call: ArrayCall) -> Sequence[Entry] | None:
    a, b = call.operands
    if call.out is None or kind_of(a.form, b.form, call.out) is None:
        return None
    if a.form.ndim == b.form.ndim == 1:
        return _dot(a, b, call.out)
    if a.form.ndim == 1 and b.form.ndim == 2:
        return _row_times_matrix(a, b, call.out)
    if a.form.ndim >= 2 and b.form.ndim >= 2:
        return _matrices(a, b, call.out, cast(int, call.options.get("parts", 1)))
    return None


def _dot(a: Operand, b: Operand, out: Array) -> Sequence[Entry] | None:
    kind, size = kind_of(a.form, b.form), a.form.itemsize
    function = blas_function("dot", kind or "f4")
    steps = [o.form.strides[0] // size for o in (a, b)]
    if not function or min(steps) < 1 or a.form.size < 2:
        return None
    return [entry(f"dot_{kind}", (a, b), out, [function, a.form.size, *steps], 1)]


def _row_times_matrix(x: Operand, m: Operand, out: Array) -> Sequence[Entry] | None:
    kind = kind_of(x.form, m.form)
    layout, function = _layout(m.form, 0), blas_function("gemv", kind or "f4")
    if min(m.form.shape) < 2:  # NumPy takes it as a vector
        return None
    if layout is None or not function or x.form.strides != (x.form.itemsize,) or not out.flags.c_contiguous:
        return None
    turned, width = layout
    order = _BY_COLUMNS if turned == _TURNED else _BY_ROWS
    if not (m.form.flags.c_contiguous or m.form.flags.f_contiguous):
        return None
    return [entry(f"gemv_{kind}", (m, x), out, [function, order, _TURNED, *m.form.shape, width, 1], 1)]


def _matrices(a: Operand, b: Operand, out: Array, parts: int) -> Sequence[Entry] | None:
    kind, function = kind_of(a.form, b.form), 0
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
    count = prod(batch)
    lines = [_ROWS, _COLUMNS] if m >= n else [_COLUMNS, _ROWS]
    cuts = [_STACK] if count > 1 else [axis + 4 * tile for axis in lines for tile in KERNEL_TILES]
    length = count if count > 1 else max(m, n) // _TILE
    parts = max(1, min(thread_count(), length, 2 * m * n * k * count // (_PRODUCT if k >= _DEEP else _SHALLOW)))
    rest = [function, first[0], second[0], m, n, k, first[1], second[1], third[1], *axes, cuts[0]]
    return [attrs.evolve(entry(f"gemm_{kind}", (a, b), out, rest, 1), parts=parts, cuts=tuple(cuts[1:]))]


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
    steps = [np.broadcast_to(x, (*batch, *x.shape[-2:])).strides[:-2] for x in arrays]  # 0 where one is for all
    axes = joined_axes(batch, *steps)
    if len(axes) > 2:
        return None
    padded = [(1, 0, 0, 0)] * (2 - len(axes)) + axes
    return [number for axis in padded for number in axis]


def column_sums(call: ArrayCall) -> Sequence[Entry] | None:
    (x,), out, ones = call.operands, call.out, cast(Array, call.options["ones"])
    if out is None or not x.form.flags.c_contiguous or not out.flags.c_contiguous or out.size < 2 or ones.size < 2:
        return None
    matrix = attrs.evolve(x, form=reshaped(x.form, (ones.size, out.size)))
    return _row_times_matrix(Operand(ones), matrix, out.reshape(-1))


def reshaped(form: Array, shape: tuple[int, ...]) -> Array:
    """A contiguous form in another shape; its entries are not looked at."""
    strides = [form.itemsize * prod(shape[k + 1 :]) for k in range(len(shape))]
    view: Array = np.lib.stride_tricks.as_strided(form, shape, strides, writeable=False)
    return view
