"""Ops on many values at once: vmap for the backward pass.

Each vector-Jacobian rule is run once on B stacked cotangents, of shape (B, *shape), in the place of B times. It is
handed a Tensor that looks like one cotangent and whose `BatchedNode` holds all of them. Every op it meets is applied to
all at once: an elementwise op broadcasts over the axis in front, a trailing op does not see it, other ops have a
batching rule (`Op.batch`, checked by the gate), and any op without one is applied to one value after the other.

Under a tracer the stacks are Tensors, so that what is done with them is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.apply import apply, unpack_args
from minigrad.core.backward import ARRAYS, TRACED, BackwardPass
from minigrad.core.errors import GradientError
from minigrad.core.graph import Constant, Node
from minigrad.core.mode import Interceptor, mode_override
from minigrad.core.op import Op
from minigrad.core.rules import Gradient
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array
from minigrad.runtime.batch_rules import Batch, call_batched
from minigrad.runtime.effects import Tracer, current_tracer

__all__ = ["BatchedNode", "batched_vjp"]


class BatchedNode(Node):
    """Many values of one shape; `value` is the first of them (zeros if they are traced).

    It counts as a node that requires a gradient, so that a rule which would drop it to a plain array is refused in the
    place of seeing one value.

    Attributes:
        batch: the values, stacked along a first axis.
    """

    __slots__ = ("batch",)

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.value = np.zeros(batch.shape[1:], batch.dtype) if isinstance(batch, Tensor) else batch[0]
        self.seq = 0


def batched_vjp(
    order: Sequence[Node], root: Node, seeds: Array, retain: set[Node], on_path: set[Node]
) -> dict[Node, Batch]:
    """Compute gradients of `<seeds[k], root>` for every k in one backward pass.

    They are stacked along a first axis.

    Args:
        order: the nodes from root to the leaves, latest first.
        root: where the cotangents enter.
        seeds: cotangents, of shape (count, *root shape), count at least 1.
        retain: the nodes to find gradients for; those that nothing reaches are left out of the result.
        on_path: `nodes_on_path_to(order, retain)`.

    Raises:
        Exception: a rule cannot be run on a batch (it reads its cotangent as a plain array).
    """
    tracer = current_tracer()
    with mode_override(grad=False, interceptor=_BatchInterceptor(len(seeds), tracer)):
        batch: Batch = seeds if tracer is None else tensor_of(Constant(seeds))
        start: dict[Node, Gradient] = {root: tensor_of(BatchedNode(batch))}
        grads = BackwardPass(ARRAYS if tracer is None else TRACED, retain, on_path).run(order, start)
    return {n: _batch_of(g, len(seeds), tracer) for n, g in grads.items()}


def _batch_of(g: Gradient, count: int, tracer: Tracer | None) -> Batch:
    if isinstance(g, Tensor) and isinstance(g._node, BatchedNode):
        return g._node.batch
    value = g._node.value if isinstance(g, Tensor) and tracer is None else g
    return np.broadcast_to(value, (count, *value.shape))


class _BatchInterceptor(Interceptor):
    """Applies ops to batches."""

    def __init__(self, count: int, tracer: Tracer | None) -> None:
        self.count = count
        self.tracer = tracer

    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        with mode_override(interceptor=self.tracer or False):
            batched = tuple(isinstance(a, Tensor) and isinstance(a._node, BatchedNode) for a in args)
            if not any(batched):
                return apply(op, args, kwargs)
            operands = self._operands(op, args)
            full = op.bind_kwargs(kwargs)
            batch = call_batched(op, batched, operands, full)
            if batch is not None:
                return tensor_of(BatchedNode(batch))
            if self.tracer is not None:
                raise GradientError(f"op {op.name!r} would be recorded once for each of {self.count} rows")
            slices = [
                op.forward(*(a[k] if b else a for a, b in zip(operands, batched, strict=True)), **full)
                for k in range(self.count)
            ]
            if isinstance(slices[0], tuple):
                return tuple(tensor_of(BatchedNode(np.stack(parts))) for parts in zip(*slices, strict=True))
            return tensor_of(BatchedNode(np.stack([np.asarray(y) for y in slices])))

    def _operands(self, op: Op, args: tuple[object, ...]) -> list[Batch]:
        """The batches of batched arguments, the values of the others."""
        values, _, _ = unpack_args(op, args)
        operands: list[Batch] = []
        for a, value in zip(args, values, strict=True):
            if isinstance(a, Tensor) and isinstance(a._node, BatchedNode):
                operands.append(a._node.batch)
            else:
                operands.append(value if self.tracer is None else tensor_of(Constant(value)))
        return operands
