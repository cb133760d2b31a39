"""The tape: how a value was made, kept apart from the Tensor that a program holds.

A node never refers to a Tensor or to a later node, so a graph has no reference cycles and dies with its last Tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from typing import ClassVar, NoReturn, TypeAlias
from weakref import ref

from minigrad.core.op import Op
from minigrad.core.types import Array, Arrays, Kwargs, TensorBase

next_sequence = count(1).__next__
"""Sequence numbers: a node's is larger than those of all nodes it was made from.

A smaller one than a leaf's tells that the leaf has changed since.
"""


Parents: TypeAlias = "tuple[Node | None, ...]"
"""The nodes of the arguments of a call, None where no gradient flows."""


class Node:
    """A value in a graph.

    Attributes:
        value: the numbers.
        seq: number in the order of creation; those of the parents are smaller.
        requires_grad: whether a gradient can flow into it.
    """

    __slots__ = ("seq", "value")
    requires_grad: ClassVar[bool] = True
    seq: int
    value: Array

    @property
    def parents(self) -> Parents:
        """Return the nodes the value was made from, where its gradient flows on to.

        None stands in the places of constants.
        """
        return ()


class Constant(Node):
    """A value that no gradient flows into."""

    __slots__ = ()
    requires_grad = False

    def __init__(self, value: Array) -> None:
        self.value = value


class OpNode(Node):
    """The output of `op(*args, **kwargs)`.

    Made by `record_call`, and field by field in `minigrad.runtime.fastpath`, where a call would cost too much.

    Attributes:
        op: the op that was applied.
        args: the arrays it was applied to.
        parents: the nodes of `args`, None where no gradient flows.
        kwargs: its keyword arguments, with defaults.
        line: the user's line that called it; set inside `mg.debug()` only.
    """

    __slots__ = ("args", "kwargs", "line", "op", "parents")
    op: Op
    args: Arrays
    parents: Parents  # a slot answers for the property
    kwargs: Kwargs
    line: str


def record_call(op: Op, value: Array, args: Arrays, parents: Parents, kwargs: Kwargs) -> OpNode:
    """Make the node of `value`, the result of `op(*args, **kwargs)`."""
    node = OpNode()
    node.op = op
    node.value = value
    node.args = args
    node.parents = parents
    node.kwargs = kwargs
    node.seq = next_sequence()
    return node


class MultiOutputNode(OpNode):
    """The node of an op that returns several arrays.

    Each output Tensor holds an `OutputNode` of it.
    """

    __slots__ = ("values",)

    def __init__(self, op: Op, values: Arrays, args: Arrays, parents: Parents, kwargs: Kwargs) -> None:
        self.op = op
        self.value = values[0]
        self.values = values
        self.args = args
        self.parents = parents
        self.kwargs = kwargs
        self.seq = next_sequence()


class OutputNode(Node):
    """Output number `index` of the op recorded in `producer`."""

    __slots__ = ("index", "producer")

    def __init__(self, producer: MultiOutputNode, index: int) -> None:
        self.producer = producer
        self.index = index
        self.value = producer.values[index]
        self.seq = next_sequence()

    @property
    def parents(self) -> Parents:
        """The node of all outputs."""
        return (self.producer,)


class UnreadableGradient(TensorBase):
    """Stands for a gradient that is not known while a step is recorded; `refuse` says so."""

    refuse: Callable[[], NoReturn]


class GradAccumulator:
    """Where `backward` adds up the gradient of a leaf.

    Attributes:
        grad: the gradient as a Tensor, or None where it lives in `buffer` only.
        buffer: view of a flat gradient buffer that an optimizer owns, or None. The first gradient after `clear`
            overwrites it and later ones add, so that it never needs to be zeroed.
        has_grad: whether a gradient has arrived since `clear`.
    """

    __slots__ = ("__weakref__", "buffer", "grad", "has_grad")

    def __init__(self) -> None:
        self.grad: TensorBase | None = None
        self.buffer: Array | None = None
        self.has_grad = False

    def clear(self) -> None:
        """Forget the gradient."""
        self.grad = None
        self.has_grad = False


OUTDATED = sys.maxsize
"""Sequence number of a leaf that no graph may be differentiated through any more."""


class Leaf(Node):
    """A value the program supplied and wants a gradient for.

    Its sequence number is its version: renewed whenever its numbers change, so that a node with a smaller one was
    computed from other numbers.
    """

    __slots__ = ("_sink",)

    def __init__(self, value: Array, sink: GradAccumulator) -> None:
        self.value = value
        self._sink = ref(sink)
        self.seq = next_sequence()

    @property
    def sink(self) -> GradAccumulator:
        """Where its gradient is added up.

        It belongs to the Tensor, since it may hold a graph on this leaf; once that is gone, one to throw away.
        """
        return self._sink() or GradAccumulator()
