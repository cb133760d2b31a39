"""The tape: how a value was made, kept apart from the handle (`Tensor`) that a program holds.

A node never refers to a handle or to a later node, so a graph has no reference cycles and dies with its last handle.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from minigrad.core.types import Array

if TYPE_CHECKING:
    from minigrad.core.op import Op
    from minigrad.core.tensor import Tensor

next_sequence = count(1).__next__
"""Sequence numbers: a node's is larger than those of all nodes it was made from."""


class TensorBase:
    """Base of `Tensor`, known here so that ops can tell Tensors from arrays without importing them."""

    __slots__ = ()
    _node: Node


class Node:
    """A value in a graph. `requires_grad` tells whether a gradient can flow into it, `parents` where it flows on to."""

    __slots__ = ("seq", "value")
    requires_grad: ClassVar[bool] = True
    seq: int
    value: Array

    @property
    def parents(self) -> tuple[Node | None, ...]:
        """The nodes it was made from, with None in the places of constants."""
        return ()


class Constant(Node):
    """A value that no gradient flows into."""

    __slots__ = ()
    requires_grad = False

    def __init__(self, value: Array) -> None:
        self.value = value


class OpNode(Node):
    """The output of `op(*args, **meta)`. `parents[i]` is the node of `args[i]`, or None where no gradient flows.

    Made by `record_call`, and field by field where a call would cost too much.
    """

    __slots__ = ("args", "meta", "op", "parents", "where")
    op: Op
    args: tuple[Array, ...]
    parents: tuple[Node | None, ...]  # a slot answers for the property
    meta: Mapping[str, object]
    where: str  # set inside mg.debug() only


def record_call(
    op: Op, value: Array, args: tuple[Array, ...], parents: tuple[Node | None, ...], meta: Mapping[str, object]
) -> OpNode:
    """A node for `value`, which `op(*args, **meta)` has given just now."""
    node = OpNode()
    node.op = op
    node.value = value
    node.args = args
    node.parents = parents
    node.meta = meta
    node.seq = next_sequence()
    return node


class MultiOutputNode(OpNode):
    """The outputs of an op that returns several arrays; each handle holds an `OutputNode` of it."""

    __slots__ = ("values",)

    def __init__(
        self,
        op: Op,
        values: tuple[Array, ...],
        args: tuple[Array, ...],
        parents: tuple[Node | None, ...],
        meta: Mapping[str, object],
    ) -> None:
        self.op = op
        self.value = values[0]
        self.values = values
        self.args = args
        self.parents = parents
        self.meta = meta
        self.seq = next_sequence()


class OutputNode(Node):
    """Output number `index` of a `MultiOutputNode`."""

    __slots__ = ("index", "producer")

    def __init__(self, source: MultiOutputNode, index: int) -> None:
        self.producer = source
        self.index = index
        self.value = source.values[index]
        self.seq = next_sequence()

    @property
    def parents(self) -> tuple[Node | None, ...]:
        """The node of all outputs."""
        return (self.producer,)


class GradAccumulator:
    """Where the gradient of a leaf arrives.

    `buffer`, when given, is the view of a flat gradient buffer that an optimizer owns: the first gradient after
    `clear` overwrites it and later ones add, so that the buffer never needs to be zeroed.
    """

    __slots__ = ("buffer", "grad", "has_grad")

    def __init__(self) -> None:
        self.grad: Tensor | None = None
        self.buffer: Array | None = None
        self.has_grad = False

    def clear(self) -> None:
        """Forget the gradient."""
        self.grad = None
        self.has_grad = False


class Leaf(Node):
    """A value the program supplied and wants a gradient for. `stale` once an optimizer has overwritten it."""

    __slots__ = ("sink", "stale")

    def __init__(self, value: Array, sink: GradAccumulator) -> None:
        self.value = value
        self.sink = sink
        self.stale = False
        self.seq = next_sequence()
