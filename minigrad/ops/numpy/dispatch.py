"""NumPy's dispatch protocols: `np.sin(t)`, `np.sum(t, axis=0)` reach the registered ops.

A function that minigrad cannot differentiate raises and names the nearest supported one; it never drops a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from minigrad import lazy
from minigrad.core.errors import UnsupportedFunction, nearest
from minigrad.core.memory import readonly
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor, as_array

if TYPE_CHECKING:
    from minigrad.core.tensor import TensorLike

PLAIN_UFUNCS = frozenset(
    (
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
        np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
        np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.gcd, np.lcm,
        np.spacing,
    )
)  # fmt: skip
"""Ufuncs with boolean or whole results.

They have no gradient to lose and give plain arrays.
"""

PLAIN_FUNCTIONS = frozenset(
    (
        np.shape, np.ndim, np.size, np.allclose, np.isclose, np.array_equal, np.array_equiv, np.argmax, np.argmin,
        np.argsort, np.argpartition, np.searchsorted, np.digitize, np.count_nonzero, np.nonzero, np.flatnonzero,
        np.argwhere, np.any, np.all, np.zeros_like, np.ones_like, np.empty_like, np.result_type,
        np.array2string, np.array_repr, np.array_str, np.may_share_memory, np.shares_memory, np.can_cast, np.isin,
        np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal,
        np.isposinf, np.isneginf, np.nanargmax, np.nanargmin, np.lexsort, np.tril_indices_from, np.triu_indices_from,
        np.save, np.savez, np.min_scalar_type, np.common_type, np.savez_compressed, np.savetxt,
        np.unravel_index, np.ravel_multi_index, np.diag_indices_from, np.einsum_path,
        np.packbits, np.unpackbits,
    )
)  # fmt: skip
"""Functions that give shapes, indices, truth values or constants, as plain arrays."""


IN_PLACE: Mapping[Callable[..., object], str] = {
    np.copyto: "t[...] = values",
    np.put: "t[indices] = values",
    np.place: "t[mask] = values",
    np.putmask: "minigrad.where(mask, values, t)",
    np.fill_diagonal: "t[range(n), range(n)] = values",
    np.put_along_axis: "minigrad.put_along_axis(t, indices, values, axis), which returns the result",
}
"""Functions that write into their argument, and what to write instead."""

METHODS: Mapping[tuple[np.ufunc, str], Callable[..., object]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}
"""The functions that are another name for a method of a ufunc."""


def install() -> None:
    """Let NumPy's ufuncs and functions reach Tensors."""
    for name, method in vars(TensorProtocols).items():
        if callable(method):
            setattr(Tensor, name, method)


class TensorProtocols(Tensor):
    """NumPy's two protocols, which `install` copies to `Tensor`."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: TensorLike, **options: object) -> object:
        return call_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        return call_function(func, args, kwargs)


def _outer_shapes(a: object, b: object) -> tuple[object, object]:
    """Two operands in shapes in which each entry of one meets each of the other."""
    first = a if isinstance(a, Tensor) else np.asarray(a)
    return first.reshape((*first.shape, *(1,) * as_array(b).ndim)), b


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[object, ...], options: Mapping[str, object]) -> object:
    """Answer `Tensor.__array_ufunc__`."""
    if method == "__call__":
        if options.get("out") is not None:
            raise UnsupportedFunction(
                f"numpy.{ufunc.__name__}(..., out=...) cannot write into or from a Tensor: Tensors do not change. "
                "Use the returned value"
            )
        if ufunc in PLAIN_UFUNCS:
            return ufunc(*(as_array(x) for x in inputs), **options)
        op = REGISTRY.ufunc(ufunc)
        if op is not None:
            rest = {k: v for k, v in options.items() if v is not None}
            if rest:
                raise UnsupportedFunction(
                    f"numpy.{ufunc.__name__} on a Tensor has no option {sorted(rest)[0]!r}"
                    + (": use minigrad.where" if "where" in rest else ": use .astype()" if "dtype" in rest else "")
                )
            return op.apply(*inputs)
        handler = REGISTRY.function(ufunc)
        if handler is not None:
            return handler(*inputs, **options)
    elif method == "outer" and len(inputs) == 2:
        return ufunc(*_outer_shapes(*inputs), **options)
    elif (ufunc, method) in METHODS:
        return METHODS[ufunc, method](*inputs, **{"axis": 0, **options})
    elif method in ("reduce", "accumulate") and ufunc.nin == 2 and (REGISTRY.ufunc(ufunc) or REGISTRY.function(ufunc)):
        fold: Callable[..., object] = lazy.load("minigrad.ops.numpy.folds", method)
        return fold(ufunc, *inputs, **{k: v for k, v in options.items() if v is not None or k == "axis"})
    elif method == "at":
        instead = "minigrad.index_add or minigrad.scatter_add" if ufunc is np.add else "what returns a new Tensor"
        raise UnsupportedFunction(f"numpy.{ufunc.__name__}.at: Tensors do not change; use {instead}")
    shown = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    raise unsupported(shown, ufunc.__name__)


def call_function(func: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """Answer `Tensor.__array_function__`."""
    handler = REGISTRY.function(func)
    if handler is not None:
        if kwargs.get("out") is not None:
            raise UnsupportedFunction(f"numpy.{func.__name__}(..., out=...) cannot write into a Tensor")
        return handler(*args, **kwargs)
    if func in PLAIN_FUNCTIONS:
        return func(*_plain_arguments(args), **{k: _plain_argument(v) for k, v in kwargs.items()})
    if func in IN_PLACE:
        raise UnsupportedFunction(f"numpy.{func.__name__}: Tensors do not change; use {IN_PLACE[func]}")
    module = (getattr(func, "__module__", None) or "numpy").removesuffix("._core").removesuffix("._linalg")
    raise unsupported(f"{module}.{func.__name__}", func.__name__)


def _plain_arguments(args: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_plain_argument(a) for a in args)


def _plain_argument(a: object) -> object:
    if isinstance(a, Tensor):
        return readonly(a._node.value)
    if isinstance(a, tuple):
        return _plain_arguments(a)
    return [_plain_argument(x) for x in a] if isinstance(a, list) else a


def unsupported(shown: str, name: str) -> UnsupportedFunction:
    """The error for a NumPy function without a gradient here."""
    return UnsupportedFunction(
        f"{shown} does not work on a Tensor, because minigrad has no gradient for it."
        f"{nearest(name, REGISTRY.numpy_names())} Write it from supported functions, register an op for it, "
        "or leave the graph on purpose with .detach().numpy()"
    )
