"""Kernels that compute: matrix products, comparisons, reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from types import MappingProxyType

import numpy as np

from minigrad.core.types import Array, IndexArray
from minigrad.engines import masked_multiply
from minigrad.ops.index import all_below
from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make

__all__ = ["NUMERIC"]

_SMALL = 1 << 18
"""Bytes of a result for whose sake an array of zeros may be kept."""
_UNPACKED = 1_000_000
"""Multiplications up to which OpenBLAS reads operands without packing them.

It reads them where they lie (with AVX-512).
"""
_MOST_PARTS = 4


def _matmul(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    if not all(x.dtype == out.dtype and x.nbytes for x in xs):
        return None
    # dot is matmul with less ceremony, up to matrices.
    if any(len(x.shape) > 2 for x in xs):
        return Kernel(np.matmul, routine="matmul")
    parts = _parts(xs[0].shape[-1] * prod(out.shape), out.shape[1]) if len(out.shape) == 2 else 1
    function = np.dot if parts == 1 else partial(_by_columns, parts=parts)
    return Kernel(function, routine="matmul", details={"parts": parts})


def _parts(products: int, columns: int) -> int:
    """Count the blocks of columns to cut a product into so that none is packed.

    Blocks have at least 16 columns; 1 where cutting is no use.
    """
    few = [n for n in range(1, _MOST_PARTS + 1) if columns % n == 0 and products <= n * _UNPACKED]
    return few[0] if few and columns >= 16 * few[0] else 1


def _by_columns(a: Array, b: Array, out: Array, parts: int) -> None:
    """Compute a @ b in blocks of columns.

    A fifth quicker at 1 to 4 million multiplications, if b lies row by row.
    """
    if b.strides[1] != b.itemsize:
        np.dot(a, b, out=out)
        return
    blocks = b.reshape(len(b), parts, -1).transpose(1, 0, 2)
    np.matmul(a, blocks, out=out.reshape(len(out), parts, -1).transpose(1, 0, 2))


def _one_hot(call: Call, xs: list[Value], out: Value) -> Kernel:
    width, shape = out.shape[-1], xs[0].shape
    classes, one = np.arange(width), np.ones(1, out.dtype)
    starts = width * np.arange(prod(shape)).reshape(shape)
    places = np.empty_like(starts)

    def fill(labels: IndexArray, like: Array, out: Array) -> None:
        if all_below(labels, width):
            np.add(starts, labels, places, casting="unsafe")
            out.fill(0.0)
            out.put(places, one, "clip")
        else:
            np.equal(classes, np.where(labels < 0, labels + width, labels)[..., None], out=out)

    return Kernel(fill, routine="one_hot")


def _relu(call: Call, xs: list[Value], out: Value) -> Kernel:
    # An array of zeros takes NumPy's SIMD path, a row of them a slower one, and a single zero none.
    zeros = np.zeros(out.shape if out.nbytes <= _SMALL else out.shape[-1:], out.dtype)
    return Kernel(np.maximum, (zeros,), in_place=True)


def _compare(ufunc: np.ufunc) -> Callable[[Call, list[Value], Value], Kernel]:
    return lambda call, xs, out: Kernel(ufunc, in_place=False)


def _reduce(ufunc: np.ufunc) -> Callable[[Call, list[Value], Value], Kernel | None]:
    def make(call: Call, xs: list[Value], out: Value) -> Kernel | None:
        if xs[0].dtype != out.dtype or not xs[0].nbytes:
            return None
        options = {"axis": call.kwargs["axis"], "keepdims": call.kwargs["keepdims"]}
        return Kernel(ufunc.reduce, options=options, routine="reduce", details={"name": ufunc.__name__, **options})

    return make


def _sum_to(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    x = xs[0].shape
    lead = len(x) - len(out.shape)
    if x == out.shape or xs[0].dtype != out.dtype:
        return None
    if x[lead:] == out.shape and xs[0].nbytes and out.dtype.char in "fd":
        return _column_sums(prod(x[:lead]), out)
    axes = (*range(lead), *(lead + i for i, n in enumerate(out.shape) if n == 1 and x[lead + i] != 1))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x))
    return Kernel(np.add.reduce, options={"axis": axes, "keepdims": True}, shape=kept)


def _column_sums(rows: int, out: Value) -> Kernel:
    ones = np.ones(rows, out.dtype)

    def fill(x: Array, out: Array) -> None:
        if x.flags.c_contiguous and out.flags.c_contiguous:
            ones.dot(x.reshape(rows, -1), out.reshape(-1))  # as the op does
        else:
            np.add.reduce(x, axis=tuple(range(x.ndim - out.ndim)), out=out)

    return Kernel(fill, routine="column_sums", details={"ones": ones})


NUMERIC: Mapping[str, Make] = MappingProxyType(
    {
        "matmul": _matmul,
        "relu": _relu,
        "one_hot": _one_hot,
        "masked_multiply": lambda call, xs, out: Kernel(masked_multiply),
        "greater": _compare(np.greater),
        "equal": _compare(np.equal),
        "sum": _reduce(np.add),
        "max": _reduce(np.maximum),
        "min": _reduce(np.minimum),
        "sum_to": _sum_to,
    }
)
