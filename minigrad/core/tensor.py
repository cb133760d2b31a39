"""The Tensor: an immutable value that knows its node.

Operators, ndarray's methods and NumPy's functions reach it with the op library: `minigrad.ops.numpy` installs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.errors import ArgumentError, GradientError, ShapeError
from minigrad.core.graph import Constant, GradAccumulator, Leaf, Node, OpNode, UnreadableGradient
from minigrad.core.memory import readonly
from minigrad.core.types import Array, ArrayLike, Shape, TensorBase

if TYPE_CHECKING:
    from minigrad.core.array_methods import ArrayMethods  # a stub alone, written by tests/tools/write_stub.py

    TensorLike: TypeAlias = "Tensor | ArrayLike"
else:
    ArrayMethods = TensorBase

_new = object.__new__


class Tensor(ArrayMethods):
    """A real array whose gradient can be asked for.

    Made by `minigrad.tensor`, or by applying ops to other Tensors. NumPy functions work on Tensors and return Tensors.
    The numbers never change; `t[i] = v` makes `t` stand for a new value and leaves everything computed before intact.
    """

    __slots__ = ("__weakref__", "_node", "_sink")
    __hash__: ClassVar[Callable[[Tensor], int]] = object.__hash__
    _node: Node
    _sink: GradAccumulator
    _run_backward: ClassVar[Callable[[Tensor, object, bool], None]]  # set by minigrad.core.backward

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
        """The value as a read-only array.

        It is a copy where the memory belongs to an optimizer or another owner.
        """
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
        """Return this value as a constant: no gradient flows through the result."""
        return tensor_of(Constant(self._node.value))

    # -- gradient --------------------------------------------------------------------------------------------------
    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow into this Tensor."""
        return self._node.requires_grad

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated in a leaf since `zero_grad`, or None."""
        sink = self._own_sink()
        if sink is None or not sink.has_grad:
            return None
        if isinstance(sink.grad, Tensor):
            return sink.grad
        if isinstance(sink.grad, UnreadableGradient):
            sink.grad.refuse()
        return None if sink.buffer is None else tensor_of(Constant(readonly(sink.buffer)))

    def zero_grad(self) -> None:
        """Forget the accumulated gradient."""
        if (sink := self._own_sink()) is not None:
            sink.clear()

    def _own_sink(self) -> GradAccumulator | None:
        sink: GradAccumulator | None = getattr(self, "_sink", None)
        return sink

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
        self._run_backward(gradient, create_graph)

    # -- conversions -----------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        body = np.array2string(self._node.value, separator=", ", prefix="tensor(", threshold=100)
        made_by = f", made by {self._node.op.name}" if isinstance(self._node, OpNode) else ""
        grad = ", requires_grad=True" if isinstance(self._node, Leaf) else ""
        dtype = "" if self.dtype == np.float64 else f", dtype={self.dtype}"
        return f"tensor({body}{dtype}{grad}{made_by})"

    # -- NumPy's protocols -----------------------------------------------------------------------------------------
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        self._node.value.__array__()  # refused here if there are no numbers
        if self._node.requires_grad:
            raise TypeError(
                "this Tensor requires a gradient, which an array would lose: use .detach().numpy(), "
                "or the minigrad function of the same name"
            )
        return np.array(readonly(self._node.value), dtype, copy=copy or None)


def tensor_of(node: Node) -> Tensor:
    """Make a Tensor of a node."""
    t = _new(Tensor)
    t._node = node
    return t


def tensor(data: TensorLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """Make a Tensor from a copy of `data`.

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
    """Make a constant Tensor over `value` without a copy.

    The array becomes read-only: the caller gives it away.
    """
    value.flags.writeable = False
    return tensor_of(Constant(value))


def as_array(x: object) -> Array:
    """The array behind a Tensor, which is not copied; anything else as an array."""
    return x._node.value if isinstance(x, Tensor) else np.asarray(x)


def _copied(data: object, dtype: DTypeLike | None) -> Array:
    if isinstance(data, Tensor):
        source = data._node.value
        value = source.copy("K") if dtype is None else source.astype(dtype)
    elif isinstance(data, list | tuple) and any(isinstance(d, Tensor) for d in data):
        raise TypeError("tensor() copies numbers; to join Tensors and keep their gradients use minigrad.stack")
    else:
        try:
            value = np.asarray(data)
            value = value.astype(dtype, "K") if dtype is not None and value.dtype.kind in "fiub" else value.copy("K")
        except (TypeError, ValueError, OverflowError) as error:
            raise ArgumentError(f"a {type(data).__name__} cannot become a Tensor: {error!s:.150}") from None
    if value.dtype.kind not in "fiub":
        raise ArgumentError(f"a Tensor holds real numbers, not {value.dtype} (from {type(data).__name__})")
    value.flags.writeable = False
    return value
