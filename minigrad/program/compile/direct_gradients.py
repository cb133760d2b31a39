"""Landings: results that can be computed right in the gradient buffer they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from math import prod

from minigrad.core.graph import Constant, GradAccumulator
from minigrad.core.tensor import as_array, tensor_of
from minigrad.core.types import Array
from minigrad.program.graph import AccumulateGrad, Call, FusedCall, Graph, HostCall, Value, ZeroGrad, defs
from minigrad.runtime.parameters import aligned_zeros

__all__ = ["accumulate_into", "direct_gradients"]


def direct_gradients(graph: Graph, kernels: Container[Call]) -> dict[int, Array]:
    """For each such value the buffer.

    It must be made by a kernel or a group, be the only gradient of its parameter, and be made after the last thing
    that could still want the old one. A parameter without an optimizer is given a buffer of its own.
    """
    deliveries = [s for s in graph.steps if isinstance(s, AccumulateGrad)]
    to_sink, of_value = Counter(d.sink for d in deliveries), Counter(d.value for d in deliveries)
    defined_at = {k: i for i, s in enumerate(graph.steps) if isinstance(s, FusedCall) or s in kernels for k in defs(s)}
    cleared = {s.sink for s in graph.steps if isinstance(s, ZeroGrad)}
    updates = [i for i, s in enumerate(graph.steps) if isinstance(s, HostCall)]
    buffers: dict[int, Array] = {}
    for at, d in enumerate(graph.steps):
        if not isinstance(d, AccumulateGrad) or d.value not in defined_at or not d.fresh or d.sink not in cleared:
            continue
        alone = to_sink[d.sink] == 1 and of_value[d.value] == 1
        early = not any(defined_at[d.value] < u < at for u in updates)
        if alone and early:
            value = graph.values[d.value]
            buffer = _buffer(d.sink, value)
            if (buffer.dtype, buffer.shape) == (value.dtype, value.shape):
                buffers[d.value] = buffer
    return buffers


def _buffer(sink: GradAccumulator, value: Value) -> Array:
    """Where gradients of a parameter arrive: `Tensor.grad` hands out copies of it."""
    if sink.buffer is None:
        array: Array = aligned_zeros(prod(value.shape), value.dtype).reshape(value.shape)
        if sink.grad is not None:
            array[...] = as_array(sink.grad)
            sink.grad = None
        sink.buffer = array
    return sink.buffer


def accumulate_into(sink: GradAccumulator, g: Array, fresh: bool) -> None:
    """Deliver the numbers `g`, which may change afterwards, to a parameter."""
    if sink.buffer is not None:
        if fresh or not sink.has_grad:
            sink.buffer[...] = g
        else:
            sink.buffer += g
        sink.grad = None
    else:
        old = None if fresh or sink.grad is None else as_array(sink.grad)
        total = g.copy() if old is None else old + g
        total.flags.writeable = False
        sink.grad = tensor_of(Constant(total))
    sink.has_grad = True
