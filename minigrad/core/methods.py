"""ndarray's methods on Tensors: each is NumPy's function of the same name, which dispatches to the registered ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor


def _call(name: str, x: object, *args: object, **options: object) -> Tensor:
    return cast("Tensor", getattr(np, name)(x, *args, **options))


_IN_PLACE = "Tensors do not change; "
NOT_HERE: Mapping[str, str] = MappingProxyType({
    "sort": _IN_PLACE + "minigrad.sort(t) returns the sorted entries",
    "partition": _IN_PLACE + "minigrad.partition(t, kth) returns them",
    "fill": _IN_PLACE + "use minigrad.full, or t[...] = value",
    "put": _IN_PLACE + "use t[indices] = values",
    "resize": _IN_PLACE + "use reshape, or minigrad.pad",
    "itemset": _IN_PLACE + "use t[index] = value",
    "setflags": "its memory is read-only",
    "flags": "use .data.flags",
    "flat": "use .ravel()",
    "strides": "use .data.strides",
    "base": "use .data.base",
    "nbytes": "use .data.nbytes",
    "itemsize": "use .dtype.itemsize",
    "ctypes": "use .data.ctypes",
    "view": "use .astype for another dtype, .copy() for another handle",
    "tobytes": "use .detach().numpy().tobytes()",
    "tofile": "use .detach().numpy().tofile(...)",
    "dump": "save .numpy(), or a model with minigrad.checkpoint",
    "cpu": "it is in main memory already",
    "clone": "use .copy(), or minigrad.copy(t)",
    "requires_grad_": "pass requires_grad=True to minigrad.tensor",
    "unsqueeze": "use minigrad.expand_dims(t, axis), or t[None]",
    "permute": "use .transpose(...)",
})  # fmt: skip
"""What people look for on a Tensor, coming from NumPy or PyTorch, and what to do instead."""


def _or(name: str) -> str:
    """What was probably meant."""
    from minigrad.core.tensor import Tensor

    known = [n for n in dir(Tensor) if not n.startswith("_")]
    if hasattr(np, name) and name not in ("load", "save"):
        return f": use numpy.{name}(t, ...) or minigrad.{name}(t, ...)"
    return "." + nearest(name, known)


class ArrayMethods:
    """The methods that need no more than dispatch. Gradients flow through all that return Tensors."""

    __slots__ = ()

    def __mod__(self, other: Tensor | Array | float) -> Tensor:
        return _call("mod", self, other)

    def __rmod__(self, other: Tensor | Array | float) -> Tensor:
        return _call("mod", other, self)

    def __floordiv__(self, other: Tensor | Array | float) -> Tensor:
        return _call("floor_divide", self, other)

    def __rfloordiv__(self, other: Tensor | Array | float) -> Tensor:
        return _call("floor_divide", other, self)

    def __divmod__(self, other: Tensor | Array | float) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Tensor | Array | float) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __round__(self, decimals: int = 0) -> Tensor:
        return _call("round", self, decimals)

    if not TYPE_CHECKING:  # a type checker would take it that any name is fine

        def __getattr__(self, name: str) -> object:
            if name in NOT_HERE:
                raise AttributeError(f"a Tensor has no .{name}: {NOT_HERE[name]}")
            raise AttributeError(f"a Tensor has no attribute {name!r}" + ("" if name[0] == "_" else _or(name)))

    # -- reductions and scans
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Product over `axis`; exact also where entries are zero."""
        return _call("prod", self, axis=axis, keepdims=keepdims)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation over `axis`, with divisor N - ddof."""
        return _call("std", self, axis=axis, ddof=ddof, keepdims=keepdims)

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Variance over `axis`, with divisor N - ddof."""
        return _call("var", self, axis=axis, ddof=ddof, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sum along `axis` (of all entries by default)."""
        return _call("cumsum", self, axis=axis)

    def cumprod(self, axis: int | None = None) -> Tensor:
        """Running product along `axis` (of all entries by default)."""
        return _call("cumprod", self, axis=axis)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Sum of a diagonal."""
        return _call("trace", self, offset=offset, axis1=axis1, axis2=axis2)

    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        """Entries moved into [min, max]."""
        return _call("clip", self, min, max)

    def dot(self, other: Tensor | Array) -> Tensor:
        """numpy.dot."""
        return _call("dot", self, other)

    def round(self, decimals: int = 0) -> Tensor:
        """Rounded entries; no gradient flows, since it is zero wherever it exists."""
        return _call("round", self, decimals)

    # -- shape
    def ravel(self) -> Tensor:
        """All entries in one axis."""
        return _call("ravel", self)

    def flatten(self) -> Tensor:
        """All entries in one axis."""
        return _call("ravel", self)

    def squeeze(self, axis: int | Shape | None = None) -> Tensor:
        """Without axes of length one."""
        return _call("squeeze", self, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return _call("swapaxes", self, axis1, axis2)

    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        """Entries repeated along `axis`."""
        return _call("repeat", self, repeats, axis=axis)

    def take(self, indices: IndexArray | Sequence[int] | int, axis: int | None = None) -> Tensor:
        """Entries at `indices` along `axis`."""
        return _call("take", self, indices, axis=axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """A diagonal."""
        return _call("diagonal", self, offset=offset, axis1=axis1, axis2=axis2)

    def compress(self, condition: BoolArray, axis: int | None = None) -> Tensor:
        """Slices along `axis` (entries, by default) where `condition` holds."""
        return _call("compress", condition, self, axis=axis)

    @property
    def real(self) -> Tensor:
        """The Tensor itself: all entries are real."""
        return _call("real", self)

    @property
    def imag(self) -> Tensor:
        """Zeros: all entries are real."""
        return _call("imag", self)

    def conj(self) -> Tensor:
        """The same numbers: all entries are real."""
        return _call("conjugate", self)

    conjugate = conj

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return _call("swapaxes", self, -1, -2)

    # -- positions and truth values, as plain arrays: they have no gradient to lose
    def argmax(self, axis: int | None = None) -> IndexArray:
        """Position of the largest entry."""
        return cast("IndexArray", _call("argmax", self, axis=axis))

    def argmin(self, axis: int | None = None) -> IndexArray:
        """Position of the smallest entry."""
        return cast("IndexArray", _call("argmin", self, axis=axis))

    def argsort(self, axis: int = -1) -> IndexArray:
        """Positions that would sort the entries."""
        return cast("IndexArray", _call("argsort", self, axis=axis))

    def nonzero(self) -> tuple[IndexArray, ...]:
        """Positions of the entries that are not zero, one array for each axis."""
        return cast("tuple[IndexArray, ...]", _call("nonzero", self))

    def searchsorted(self, values: Tensor | Array | float, side: str = "left") -> IndexArray:
        """Where `values` would have to be inserted to keep the entries in order."""
        return cast("IndexArray", _call("searchsorted", self, values, side=side))

    def any(self, axis: int | None = None) -> BoolArray:
        """Whether any entry is not zero."""
        return cast("BoolArray", _call("any", self, axis=axis))

    def all(self, axis: int | None = None) -> BoolArray:
        """Whether all entries are not zero."""
        return cast("BoolArray", _call("all", self, axis=axis))
