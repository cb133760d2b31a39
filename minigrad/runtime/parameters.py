"""Parameters in flat buffers that an optimizer owns.

Bind a leaf's values and gradient to views of them, mark it as updated, assign to it: the contract between parameters
and optimizers.
"""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.backward import exhaust
from minigrad.core.errors import GradientError, ShapeError
from minigrad.core.graph import OUTDATED, Constant, GradAccumulator, Leaf, next_sequence
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.runtime.interrupts import complete

_ALIGNMENT = 64
_node_of = attrgetter("_node")


def aligned_zeros(size: int, dtype: DTypeLike) -> Array:
    """Make a flat zeroed buffer of `size` entries, aligned to a cache line.

    No array owns its memory.

    That last point is what makes it safe to bind parameters to it: a Tensor that looks into it hands out copies, so
    that a later update never changes a value that a program already holds.
    """
    dtype = np.dtype(dtype)
    raw = bytearray(size * dtype.itemsize + _ALIGNMENT)
    offset = -np.frombuffer(raw, dtype=np.uint8).ctypes.data % _ALIGNMENT
    flat: Array = np.frombuffer(raw, dtype=dtype, count=size, offset=offset)
    return flat


def _root(array: Array) -> object:
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner


def bind_to_buffers(t: Tensor, value: Array, grad: Array) -> None:
    """Move the numbers of leaf `t` into `value` and its gradient into `grad`.

    `backward` accumulates the gradient there.

    Args:
        t: a leaf that requires a gradient.
        value: view of a flat buffer made by `aligned_zeros`, of the shape and dtype of `t`; overwritten with its
            numbers.
        grad: view of another such buffer, of the same shape and dtype; an existing gradient is copied into it.

    Raises:
        GradientError: `t` is no leaf that requires a gradient, or the memory was not made by `aligned_zeros`.
        ShapeError: shapes or dtypes differ.
    """
    leaf, sink = _leaf(t)
    for name, view in (("value", value), ("grad", grad)):
        if view.shape != t.shape or view.dtype != t.dtype:
            raise ShapeError(f"bind: {name} is {view.shape} {view.dtype}, the parameter is {t.shape} {t.dtype}")
        if view.size and _root(view) is None:
            raise GradientError(f"bind: {name} is not a view of a buffer made by minigrad.runtime.parameters.buffer")
    value[...] = leaf.value
    old = t.grad
    sink.buffer = grad
    if old is not None:
        grad[...] = old._node.value
        sink.grad = None
    t._node = Leaf(value, sink)


def mark_updated(*tensors: Tensor) -> None:
    """Declare that the numbers behind leaves have changed.

    Graphs built on the old ones can no longer run backward.
    """
    exhaust(map(setattr, map(_node_of, tensors), repeat("seq"), repeat(next_sequence())))


def has_grad(t: Tensor) -> bool:
    """Whether a gradient has arrived at `t` since `zero_grad`."""
    sink = t._own_sink()
    return sink is not None and sink.has_grad


def is_parameter(t: Tensor) -> bool:
    """Whether `t` was made to be trained: a leaf, also one that is switched off."""
    return isinstance(t._node, Leaf) or (isinstance(t._node, Constant) and t._own_sink() is not None)


def set_requires_grad(t: Tensor, requires_grad: bool) -> None:
    """Switch the gradient of a parameter off or on; one that is switched off is a constant.

    Raises:
        GradientError: `t` was not made with `requires_grad=True`.
    """
    sink = t._own_sink()
    if sink is None or not is_parameter(t):
        raise GradientError("requires_grad can be switched for a leaf made with requires_grad=True only")
    if not requires_grad and isinstance(t._node, Leaf):
        value = t._node.value.copy()  # an optimizer may own the memory, and a constant must not change
        value.flags.writeable = False
        sink.clear()
        t._node = Constant(value)
    elif requires_grad and not isinstance(t._node, Leaf):
        t._node = Leaf(t._node.value, sink)


def assign(t: Tensor, value: Array) -> None:
    """Give leaf `t` new numbers (of the same shape).

    For initialisers, checkpoints and hand-written updates.
    """
    leaf, sink = _leaf(t)
    new = np.asarray(value, dtype=leaf.value.dtype)
    if new.shape != leaf.value.shape:
        raise ShapeError(f"assign: new value has shape {new.shape}, the parameter {leaf.value.shape}")
    copy = new.copy()
    copy.flags.writeable = False
    if leaf.value.size and _root(leaf.value) is not None:  # it lives in a flat buffer

        def write() -> None:
            leaf.value[...] = copy
            mark_updated(t)

        complete(write)
    else:
        exhaust(map(setattr, (t, leaf), ("_node", "seq"), (Leaf(copy, sink), OUTDATED)))


def _leaf(t: Tensor) -> tuple[Leaf, GradAccumulator]:
    node = t._node
    if not isinstance(node, Leaf):
        raise GradientError("only a leaf made with requires_grad=True can be bound to an optimizer")
    return node, node.sink
