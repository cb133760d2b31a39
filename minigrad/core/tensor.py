"""The Tensor: an immutable value that knows its node. What acts on it finds its op in the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.errors import GradientError, ShapeError
from minigrad.core.graph import Constant, GradAccumulator, Leaf, Node, OpNode, TensorBase
from minigrad.core.keys import immutable_index
from minigrad.core.memory import readonly
from minigrad.core.methods import ArrayMethods
from minigrad.core.operators import Operators
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array, ArrayLike, Axis, BoolArray, Shape

if TYPE_CHECKING:
    TensorLike: TypeAlias = "Tensor | ArrayLike"

_new = object.__new__


class Tensor(Operators, TensorBase, ArrayMethods):
    """A real array whose gradient can be asked for.

    Made by `minigrad.tensor`, or by applying ops to other Tensors. NumPy functions work on Tensors and return Tensors.
    The numbers never change; `t[i] = v` makes `t` stand for a new value and leaves everything computed before intact.
    """

    __slots__ = ("__weakref__", "_node", "_sink")
    __hash__: ClassVar[Callable[[Tensor], int]] = object.__hash__
    _node: Node
    _sink: GradAccumulator

    def __init__(self, data: TensorLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        value = _copied(data, dtype)
        if requires_grad:
            if value.dtype.kind != "f":
                raise GradientError(
                    f"requires_grad needs a floating dtype, not {value.dtype}: pass dtype=float, or floats as data"
                )
            self._sink = GradAccumulator()
            self._node = Leaf(value, self._sink)
        else:
            self._node = Constant(value)

    # -- value ---------------------------------------------------------------------------------------------------
    @property
    def data(self) -> Array:
        """The value as a read-only array (a copy where the memory belongs to an optimizer or another owner)."""
        return readonly(self._node.value)

    def numpy(self) -> Array:
        """The value as a read-only array; the same as `data`. `.copy()` it to write."""
        return readonly(self._node.value)

    def item(self, *index: int) -> float:
        """The value of a one-element Tensor, or of the entry at `index`, as a Python number."""
        if index:
            return self._node.value.item(*index)
        if self._node.value.size != 1:
            raise ShapeError(f"item() needs one element; this Tensor has shape {self.shape}")
        return self._node.value.item()

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self._node.value.shape

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """NumPy dtype of the entries."""
        return self._node.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._node.value.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._node.value.size

    def detach(self) -> Tensor:
        """The same value as a constant: no gradient flows through the result."""
        return tensor_of(Constant(self._node.value))

    # -- gradient --------------------------------------------------------------------------------------------------
    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow into this Tensor."""
        return self._node.requires_grad

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by `backward` since `zero_grad`, for leaves; None where none has arrived."""
        sink = self._own_sink()
        if sink is None or not sink.has_grad:
            return None
        if sink.grad is not None:
            return sink.grad
        return None if sink.buffer is None else tensor_of(Constant(readonly(sink.buffer)))

    def zero_grad(self) -> None:
        """Forget the accumulated gradient."""
        sink = self._own_sink()
        if sink is not None:
            sink.clear()

    def _own_sink(self) -> GradAccumulator | None:
        try:
            return self._sink
        except AttributeError:
            return None

    def backward(self, gradient: TensorLike | None = None, create_graph: bool = False) -> None:
        """Accumulate the gradient of this Tensor into `.grad` of every leaf it was made from.

        Args:
            gradient: the gradient of the final quantity with respect to this Tensor, of its shape; may be left out for
                a one-element Tensor (then it is 1).
            create_graph: record the backward pass too, so that the gradients can be differentiated again.

        Raises:
            GradientError: there is nothing to differentiate, or `gradient` is missing or of another shape.
            StaleGraphError: an optimizer has changed a parameter since this Tensor was computed.
        """
        _engine.backward(self, gradient, create_graph)

    # -- comparisons have no gradient: they give plain arrays ----------------------------------------------------------
    def __eq__(self, other: object) -> BoolArray:  # type: ignore[override]
        return np.equal(self._node.value, as_array(other))

    def __ne__(self, other: object) -> BoolArray:  # type: ignore[override]
        return np.not_equal(self._node.value, as_array(other))

    def __lt__(self, other: TensorLike) -> BoolArray:
        return np.less(self._node.value, as_array(other))

    def __le__(self, other: TensorLike) -> BoolArray:
        return np.less_equal(self._node.value, as_array(other))

    def __gt__(self, other: TensorLike) -> BoolArray:
        return np.greater(self._node.value, as_array(other))

    def __ge__(self, other: TensorLike) -> BoolArray:
        return np.greater_equal(self._node.value, as_array(other))

    # -- ndarray's own methods -----------------------------------------------------------------------------------------
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return REGISTRY["sum"].apply(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over `axis` (all axes by default)."""
        return REGISTRY["mean"].apply(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest entry over `axis`; ties share the gradient equally."""
        return REGISTRY["max"].apply(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest entry over `axis`; ties share the gradient equally."""
        return REGISTRY["min"].apply(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int | Shape) -> Tensor:
        """The same entries in another shape; one length may be -1."""
        target = shape[0] if len(shape) == 1 else shape
        return REGISTRY["reshape"].apply(self, shape=target if isinstance(target, tuple) else (target,))

    def transpose(self, *axes: int | Shape | None) -> Tensor:
        """Axes in another order (reversed by default)."""
        order = axes[0] if len(axes) == 1 else axes or None
        return REGISTRY["transpose"].apply(self, axes=(order,) if isinstance(order, int) else order)

    @property
    def T(self) -> Tensor:
        """Axes reversed."""
        return REGISTRY["transpose"].apply(self, axes=None)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """The same numbers in another floating dtype; the gradient comes back in this one."""
        return REGISTRY["astype"].apply(self, dtype=np.dtype(dtype))

    def __getitem__(self, key: object) -> Tensor:
        return REGISTRY["getitem"].apply(self, key=immutable_index(key))

    def __setitem__(self, key: object, value: TensorLike) -> None:
        updated: Tensor = REGISTRY["setitem"].apply(self, value, key=immutable_index(key))
        self._node = updated._node

    def tolist(self) -> object:
        """The numbers as nested lists."""
        return self._node.value.tolist()

    def copy(self) -> Tensor:
        """Another handle for the same value. (`detach` cuts the gradient; `numpy().copy()` is an array to write to.)"""
        return tensor_of(self._node)

    def __dlpack__(self, **options: object) -> object:
        """NumPy's export to other libraries; refused where a gradient would be lost."""
        return self.__array__().copy().__dlpack__(**options)  # type: ignore[arg-type]

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

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

    def __complex__(self) -> complex:
        return complex(self.item())

    def __contains__(self, value: object) -> bool:
        return bool(np.any(self == value))

    def __format__(self, spec: str) -> str:
        return format(self._node.value.item() if self.ndim == 0 and spec else str(self), spec)

    def __bool__(self) -> bool:
        return bool(self._node.value)

    def __repr__(self) -> str:
        body = np.array2string(self._node.value, separator=", ", prefix="tensor(", threshold=100)
        made = f", made by {self._node.op.name}" if isinstance(self._node, OpNode) else ""
        grad = ", requires_grad=True" if isinstance(self._node, Leaf) else ""
        dtype = "" if self.dtype == np.float64 else f", dtype={self.dtype}"
        return f"tensor({body}{dtype}{grad}{made})"

    def __reduce__(self) -> str:
        raise TypeError("a Tensor cannot be pickled: save .numpy(), or a model with minigrad.checkpoint")

    # -- NumPy's protocols -----------------------------------------------------------------------------------------
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        self._node.value.__array__()  # refused here if there are no numbers
        if self._node.requires_grad:
            raise TypeError(
                "this Tensor requires a gradient, which an array would lose: use .detach().numpy(), "
                "or the minigrad function of the same name"
            )
        value = readonly(self._node.value)
        converted = value if dtype is None else value.astype(dtype, copy=False)
        return converted.copy() if copy and converted is value else converted

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: TensorLike, **options: object) -> object:
        return _dispatch.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        return _dispatch.call_function(func, args, kwargs)


def tensor_of(node: Node) -> Tensor:
    """A handle for a node."""
    t = _new(Tensor)
    t._node = node
    return t


def tensor(data: TensorLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """A Tensor with a copy of `data`.

    Args:
        data: numbers, nested lists of numbers, an array or a Tensor (then the copy is detached from its graph).
        requires_grad: whether `backward` shall deliver a gradient to it.
        dtype: of the copy; NumPy's choice by default.

    Raises:
        GradientError: `requires_grad` with a dtype that is not floating.
        TypeError: `data` does not hold real numbers.
    """
    return Tensor(data, requires_grad=requires_grad, dtype=dtype)


def from_array(value: Array) -> Tensor:
    """A constant Tensor over `value` itself, without a copy. The array becomes read-only: the caller gives it away."""
    value.flags.writeable = False
    return tensor_of(Constant(value))


def as_array(x: object) -> Array:
    """The array behind a Tensor; anything else as an array."""
    return x._node.value if isinstance(x, Tensor) else np.asarray(x)


def _copied(data: object, dtype: DTypeLike | None) -> Array:
    if isinstance(data, Tensor):
        given = data._node.value
        value = given.copy("K") if dtype is None else given.astype(dtype)
    elif isinstance(data, list | tuple) and any(isinstance(d, Tensor) for d in data):
        raise TypeError("tensor() copies numbers; to join Tensors and keep their gradients use minigrad.stack")
    else:
        value = np.array(data, dtype=dtype)
    if value.dtype.kind not in "fiub":
        raise TypeError(f"a Tensor holds real numbers, not {value.dtype} (from {type(data).__name__})")
    value.flags.writeable = False
    return value


# Both need Tensor, and an import inside the methods would cost as much as a small op.
import minigrad.core.backward as _engine  # noqa: E402
import minigrad.core.dispatch as _dispatch  # noqa: E402
