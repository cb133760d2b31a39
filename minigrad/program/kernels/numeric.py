"""Kernels that compute: matrix products, comparisons, reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np

from minigrad.core.types import Array, IndexArray
from minigrad.ops.index import all_below
from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make

__all__ = ["NUMERIC"]

_SMALL = 1 << 18
"""Bytes of a result for whose sake an array of zeros may be kept."""


def _matmul(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    if not all(x.dtype == out.dtype and x.nbytes for x in xs):
        return None
    # dot is matmul with less ceremony, up to matrices.
    return Kernel(np.dot if all(len(x.shape) <= 2 for x in xs) else np.matmul)


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

    return Kernel(fill)


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
        return Kernel(ufunc.reduce, options={"axis": call.meta["axis"], "keepdims": call.meta["keepdims"]})

    return make


def _sum_to(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    x = xs[0].shape
    if x == out.shape or xs[0].dtype != out.dtype:
        return None
    lead = len(x) - len(out.shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(out.shape) if n == 1 and x[lead + i] != 1))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x))
    return Kernel(np.add.reduce, options={"axis": axes, "keepdims": True}, shape=kept)


NUMERIC: Mapping[str, Make] = MappingProxyType(
    {
        "matmul": _matmul,
        "relu": _relu,
        "one_hot": _one_hot,
        "greater": _compare(np.greater),
        "equal": _compare(np.equal),
        "sum": _reduce(np.add),
        "max": _reduce(np.maximum),
        "min": _reduce(np.minimum),
        "sum_to": _sum_to,
    }
)
