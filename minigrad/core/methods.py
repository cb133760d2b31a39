"""ndarray's methods on Tensors: each is NumPy's function of the same name, which dispatches to the registered ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor


def _call(name: str, x: object, *args: object, **options: object) -> Tensor:
    return cast("Tensor", getattr(np, name)(x, *args, **options))


class ArrayMethods:
    """The methods that need no more than dispatch. Gradients flow through all that return Tensors."""

    __slots__ = ()

    def __mod__(self, other: Tensor | Array | float) -> Tensor:
        return _call("mod", self, other)

    def __rmod__(self, other: Tensor | Array | float) -> Tensor:
        return _call("mod", other, self)

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

    def any(self, axis: int | None = None) -> BoolArray:
        """Whether any entry is not zero."""
        return cast("BoolArray", _call("any", self, axis=axis))

    def all(self, axis: int | None = None) -> BoolArray:
        """Whether all entries are not zero."""
        return cast("BoolArray", _call("all", self, axis=axis))
