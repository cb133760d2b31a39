"""Kernels: NumPy calls that write an op's result into an array that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs
import numpy as np

from minigrad.core.types import Array, IndexArray, Shape
from minigrad.program.graph import Call, Value

__all__ = ["VIEWS", "Kernel", "kernel_of"]

VIEWS = frozenset(("reshape", "transpose", "matrix_transpose", "broadcast_to"))
"""Ops whose result, as a rule, is a view of the argument."""


@attrs.frozen(eq=False)
class Kernel:
    """`function(*operands, *more, out=out, **options)`.

    Attributes:
        more: constant operands after the op's own.
        shape: what to view the output as, where it is not the op's own shape.
        in_place: whether the output may be an operand of the same shape.
    """

    function: Callable[..., object]
    more: tuple[Array, ...] = ()
    options: Mapping[str, object] = attrs.field(factory=dict)
    shape: Shape | None = None
    in_place: bool = False


def kernel_of(call: Call, values: tuple[Value, ...]) -> Kernel | None:
    """The kernel for a call, or None where only the forward function will do."""
    if call.extra >= 0 or len(call.outs) != 1 or not call.op.module.startswith(("minigrad.ops.", "numpy")):
        return None
    out = values[call.outs[0]]
    if out.dtype.kind != "f" or not out.nbytes:
        return None
    forward = call.op.forward
    if isinstance(forward, np.ufunc) and forward.nin == len(call.args) and forward.nout == 1:
        return Kernel(forward, in_place=True)
    make = _KERNELS.get(call.op.name)
    return None if make is None else make(call, [values[a] for a in call.args], out)


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


def _pick(call: Call, xs: list[Value], out: Value) -> Kernel | None:
    """One entry of each row."""
    x, places = xs
    if call.meta["axis"] not in (-1, 1) or len(x.shape) != 2 or places.shape != (x.shape[0], 1):
        return None
    rows = np.arange(x.shape[0])

    def fill(x: Array, places: IndexArray, out: Array) -> None:
        out[:, 0] = x[rows, places[:, 0]]

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


_KERNELS: Mapping[str, Callable[[Call, list[Value], Value], Kernel | None]] = MappingProxyType(
    {
        "matmul": _matmul,
        "relu": _relu,
        "one_hot": _one_hot,
        "take_along_axis": _pick,
        "greater": _compare(np.greater),
        "equal": _compare(np.equal),
        "sum": _reduce(np.add),
        "max": _reduce(np.maximum),
        "min": _reduce(np.minimum),
        "sum_to": _sum_to,
    }
)
