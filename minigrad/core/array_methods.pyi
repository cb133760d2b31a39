"""What `minigrad.ops.numpy` installs on Tensors, for type checkers.

Written by tests/tools/write_stub.py.
"""
# ruff: noqa
# fmt: off

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.tensor import Tensor, TensorLike
from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape, TensorBase

class ArrayMethods(TensorBase):
    def __add__(self, other: TensorLike) -> Tensor: ...
    def __radd__(self, other: TensorLike) -> Tensor: ...
    def __sub__(self, other: TensorLike) -> Tensor: ...
    def __rsub__(self, other: TensorLike) -> Tensor: ...
    def __mul__(self, other: TensorLike) -> Tensor: ...
    def __rmul__(self, other: TensorLike) -> Tensor: ...
    def __truediv__(self, other: TensorLike) -> Tensor: ...
    def __rtruediv__(self, other: TensorLike) -> Tensor: ...
    def __pow__(self, other: TensorLike) -> Tensor: ...
    def __rpow__(self, other: TensorLike) -> Tensor: ...
    def __matmul__(self, other: TensorLike) -> Tensor: ...
    def __rmatmul__(self, other: TensorLike) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __pos__(self) -> Self: ...
    def __mod__(self, other: TensorLike) -> Tensor: ...
    def __rmod__(self, other: TensorLike) -> Tensor: ...
    def __floordiv__(self, other: TensorLike) -> Tensor: ...
    def __rfloordiv__(self, other: TensorLike) -> Tensor: ...
    def __divmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]: ...
    def __rdivmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]: ...
    def __round__(self, decimals: int = 0) -> Tensor: ...
    def __getitem__(self, key: object) -> Tensor: ...
    def __setitem__(self, key: object, value: TensorLike) -> None: ...
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over `axis` (all axes by default)."""
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest entry over `axis`; ties share the gradient equally."""
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest entry over `axis`; ties share the gradient equally."""
    def reshape(self, *shape: int | Shape) -> Tensor:
        """Reshape: the entries in another shape, of which one length may be -1."""
    def transpose(self, *axes: int | Shape | None) -> Tensor:
        """Axes in another order (reversed by default)."""
    @property
    def T(self) -> Tensor:
        """Axes reversed."""
    def astype(self, dtype: DTypeLike) -> Tensor:
        """Cast to another floating dtype; the gradient comes back in this one."""
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Product over `axis`; exact also where entries are zero."""
    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation over `axis`, with divisor N - ddof."""
    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """Variance over `axis`, with divisor N - ddof."""
    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sum along `axis` (of all entries by default)."""
    def cumprod(self, axis: int | None = None) -> Tensor:
        """Running product along `axis` (of all entries by default)."""
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Sum of a diagonal."""
    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        """Entries moved into [min, max]."""
    def dot(self, other: Tensor | Array) -> Tensor:
        """numpy.dot."""
    def round(self, decimals: int = 0) -> Tensor:
        """Rounded entries; no gradient flows, since it is zero wherever it exists."""
    def ravel(self) -> Tensor:
        """All entries in one axis."""
    def flatten(self) -> Tensor:
        """All entries in one axis."""
    def squeeze(self, axis: int | Shape | None = None) -> Tensor:
        """Without axes of length one."""
    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        """Entries repeated along `axis`."""
    def take(self, indices: IndexArray | Sequence[int] | int, axis: int | None = None) -> Tensor:
        """Entries at `indices` along `axis`."""
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """A diagonal."""
    def compress(self, condition: BoolArray, axis: int | None = None) -> Tensor:
        """Slices along `axis` (entries, by default) where `condition` holds."""
    @property
    def real(self) -> Tensor:
        """The Tensor itself: all entries are real."""
    @property
    def imag(self) -> Tensor:
        """Zeros: all entries are real."""
    def conj(self) -> Tensor:
        """Complex conjugate, which is the Tensor's own value: all entries are real."""
    def conjugate(self) -> Tensor:
        """Complex conjugate, which is the Tensor's own value: all entries are real."""
    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
    def argmax(self, axis: int | None = None) -> IndexArray:
        """Position of the largest entry."""
    def argmin(self, axis: int | None = None) -> IndexArray:
        """Position of the smallest entry."""
    def argsort(self, axis: int = -1) -> IndexArray:
        """Positions that would sort the entries."""
    def nonzero(self) -> tuple[IndexArray, ...]:
        """Positions of the entries that are not zero, one array for each axis."""
    def searchsorted(self, values: Tensor | Array | float, side: str = 'left') -> IndexArray:
        """Where `values` would have to be inserted to keep the entries in order."""
    def any(self, axis: int | None = None) -> BoolArray:
        """Whether any entry is not zero."""
    def all(self, axis: int | None = None) -> BoolArray:
        """Whether all entries are not zero."""
    def __eq__(self, other: object) -> BoolArray: ...  # type: ignore[override]
    def __ne__(self, other: object) -> BoolArray: ...  # type: ignore[override]
    def __lt__(self, other: TensorLike) -> BoolArray: ...
    def __le__(self, other: TensorLike) -> BoolArray: ...
    def __gt__(self, other: TensorLike) -> BoolArray: ...
    def __ge__(self, other: TensorLike) -> BoolArray: ...
    def tolist(self) -> object:
        """The numbers as nested lists."""
    def copy(self) -> Tensor:
        """Make another Tensor of the same node.

        `detach` cuts the gradient; `numpy().copy()` is an array to write to."""
    def __copy__(self) -> Tensor: ...
    def __deepcopy__(self, memo: dict[int, object]) -> Tensor: ...
    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Array, bool]]:
        """Its numbers and whether it requires a gradient; the gradient itself is not kept."""
    def __dlpack__(self, *, copy: bool | None = None, **options: object) -> object:
        """NumPy's export to other libraries, as `minigrad.ops.numpy.export.export_memory` says."""
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...
    def __complex__(self) -> complex: ...
    def __contains__(self, value: object) -> bool: ...
    def __format__(self, spec: str) -> str: ...
    def __bool__(self) -> bool: ...
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: TensorLike, **options: object) -> object: ...
    def __array_function__(self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object: ...
