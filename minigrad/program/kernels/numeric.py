"""Kernels that compute: matrix products, comparisons, reductions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from minigrad.core.types import Array
from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make

__all__ = ["NUMERIC"]


def _matmul(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    if not all(x.dtype == out.dtype and x.nbytes for x in xs):
        return None
    # dot is matmul with less ceremony, where both are matrices.
    return Kernel(np.dot if all(len(x.shape) == 2 for x in xs) else np.matmul)


def _one_hot(call: Call, xs: list[Value], out: Value) -> Kernel:
    classes = np.arange(out.shape[-1])

    def fill(labels: Array, like: Array, out: Array) -> None:
        places = np.where(labels < 0, labels + classes.size, labels)
        np.equal(classes, places[..., None], out=out)

    return Kernel(fill)


def _relu(call: Call, xs: list[Value], out: Value) -> Kernel:
    # A row of zeros takes NumPy's SIMD path, a single zero does not.
    return Kernel(np.maximum, (np.zeros(out.shape[-1:], out.dtype),), in_place=True)


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
