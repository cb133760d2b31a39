"""Python's operators and ndarray's methods on Tensors, installed once the ops are there.

Each operator is an op's own way of being applied; each method is an op, or NumPy's function of the same name, which
dispatches to one. `tests/tools/write_stub.py` lists them for type checkers in `minigrad/core/array_methods.pyi`.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import DTypeLike

from minigrad import lazy
from minigrad.core.graph import Constant, Leaf
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape
from minigrad.ops import index, reduce
from minigrad.ops.index import immutable_index
from minigrad.ops.numpy.attribute_hints import count_entries, suggest
from minigrad.ops.shape import astype as _astype
from minigrad.ops.shape import reshape as _reshape
from minigrad.ops.shape import transpose as _transpose
from minigrad.runtime.repetition import note_assignment

if TYPE_CHECKING:
    from minigrad.core.tensor import TensorLike

OPERATORS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "add": ("__add__", "__radd__"),
    "subtract": ("__sub__", "__rsub__"),
    "multiply": ("__mul__", "__rmul__"),
    "divide": ("__truediv__", "__rtruediv__"),
    "power": ("__pow__", "__rpow__"),
    "matmul": ("__matmul__", "__rmatmul__"),
    "negative": ("__neg__", ""),
    "abs": ("__abs__", ""),
})  # fmt: skip
"""Op -> the operator that is `op(self, other)`, and the one that is `op(other, self)`."""


def install() -> None:
    """Put the operators and methods on `Tensor`."""
    for name, (operator, reflected) in OPERATORS.items():
        apply = REGISTRY[name].apply
        setattr(Tensor, operator, apply)  # the op's own closure: half of a small op's overhead would be a call more
        if reflected:
            setattr(Tensor, reflected, _reflected(apply))
    for name, method in vars(TensorMethods).items():
        if callable(method) or isinstance(method, property):
            setattr(Tensor, name, method)
    setattr(Tensor, "size", property(count_entries))  # noqa: B010 - a type checker need not know
    copyreg.pickle(Op, _name_of)


def _reflected(apply: Callable[..., Tensor]) -> Callable[[Tensor, object], Tensor]:
    def operator(self: Tensor, other: object) -> Tensor:
        return apply(other, self)

    return operator


def _call(name: str, x: object, *args: object, **options: object) -> Tensor:
    return cast("Tensor", getattr(np, name)(x, *args, **options))


def _in_order(name: str, x: object, *args: object) -> Tensor:
    function: Callable[..., Tensor] = lazy.load("minigrad.ops.arrangement.placement", name)
    return function(x, *args)


def restore_tensor(data: Array, requires_grad: bool) -> Tensor:
    """Make the Tensor that a pickled one comes back as.

    Importing this function has registered the ops.
    """
    return Tensor(data, requires_grad)


def restore_op(name: str) -> Op:
    """The op of that name, loaded if need be: what a pickled op comes back as.

    Raises:
        AttributeError: there is no such op here.
    """
    op: object = REGISTRY.get(name) or lazy.load("minigrad", name)
    if not isinstance(op, Op):
        raise AttributeError(f"minigrad.{name} is no op any more: it was when this was saved")
    return op


def _name_of(op: Op) -> tuple[Callable[[str], Op], tuple[str]]:
    """How an op is pickled and copied: by name."""
    return restore_op, (op.name,)


class TensorMethods(Tensor):
    """A namespace of the methods that `install` copies to `Tensor`; it has no instances."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker would take it that any name is fine

        def __getattr__(self, name: str) -> object:
            public = [n for n in dir(Tensor) if not n.startswith("_")]
            raise AttributeError(f"a Tensor has no .{name}" + ("" if name[0] == "_" else suggest(name, public)))

    # -- operators that are no op of their own
    def __pos__(self) -> Self:
        return self

    def __mod__(self, other: TensorLike) -> Tensor:
        return _call("mod", self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return _call("mod", other, self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return _call("floor_divide", self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return _call("floor_divide", other, self)

    def __divmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]:
        return self.__rfloordiv__(other), self.__rmod__(other)

    def __round__(self, decimals: int = 0) -> Tensor:
        return _call("round", self, decimals)

    def __getitem__(self, key: object) -> Tensor:
        return index.getitem.apply(self, key=immutable_index(key))

    def __setitem__(self, key: object, value: TensorLike) -> None:
        note_assignment(self)
        self._node = index.setitem.apply(self, value, key=immutable_index(key))._node

    # -- ops of the same name
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return reduce.sum.apply(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over `axis` (all axes by default)."""
        return reduce.mean.apply(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest entry over `axis`; ties share the gradient equally."""
        return reduce.max.apply(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest entry over `axis`; ties share the gradient equally."""
        return reduce.min.apply(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int | Shape, order: str = "C") -> Tensor:
        """Reshape: the entries in another shape, of which one length may be -1.

        In "F" order the first axis runs fastest.
        """
        target = shape[0] if len(shape) == 1 else shape
        if order != "C":
            return _in_order("reshape_in_order", self, target, order)
        return _reshape.apply(self, shape=tuple(target) if isinstance(target, tuple | list) else (target,))

    def transpose(self, *axes: int | Shape | None) -> Tensor:
        """Axes in another order (reversed by default)."""
        order = axes[0] if len(axes) == 1 else axes or None
        return _transpose.apply(self, axes=(order,) if isinstance(order, int) else order)

    @property
    def T(self) -> Tensor:
        """Axes reversed."""
        return _transpose.apply(self, axes=None)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """Cast to another floating dtype; the gradient comes back in this one."""
        return _astype.apply(self, dtype=np.dtype(dtype))

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
    def ravel(self, order: str = "C") -> Tensor:
        """All entries in one axis; in "F" order the first axis runs fastest."""
        return _call("ravel", self) if order == "C" else _in_order("ravel_in_order", self, order)

    def flatten(self, order: str = "C") -> Tensor:
        """All entries in one axis; in "F" order the first axis runs fastest."""
        return self.ravel(order)

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
        """Complex conjugate, which is the Tensor's own value: all entries are real."""
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

    # -- a Tensor as a sequence and as a number
    def tolist(self) -> object:
        """The numbers as nested lists."""
        return self._node.value.tolist()

    def copy(self) -> Tensor:
        """Make another Tensor of the same node.

        `detach` cuts the gradient; `numpy().copy()` is an array to write to.
        """
        return tensor_of(self._node)

    def __copy__(self) -> Tensor:
        t = tensor_of(self._node)
        if isinstance(self._node, Leaf):
            t._sink = self._sink
        return t

    def __deepcopy__(self, memo: dict[int, object]) -> Tensor:
        if isinstance(self._node, Constant):
            return tensor_of(self._node)
        restore, arguments = self.__reduce__()
        return restore(*arguments)

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Array, bool]]:
        """Its numbers and whether it requires a gradient; the gradient itself is not kept."""
        if self.requires_grad and not isinstance(self._node, Leaf):
            raise TypeError(
                "only constants and leaves can be copied deeply or pickled, and this Tensor is computed from others: "
                "use .detach()"
            )
        return restore_tensor, (self.data, self.requires_grad)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-d Tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a 0-d Tensor cannot be iterated over; use item()")
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError(
                f"only an integer Tensor without axes can be an index, not one of {self.dtype} {self.shape}"
            )
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __contains__(self, value: object) -> bool:
        return bool(np.any(self == value))

    def __format__(self, spec: str) -> str:
        return format(self._node.value.item() if self.ndim == 0 and spec else str(self), spec)

    def __bool__(self) -> bool:
        return bool(self._node.value)
