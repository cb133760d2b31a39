"""Sums that are only read in parts.

A recurrent layer adds what a product makes of its state, then takes gates apart. The parts are added instead, each in
the group that reads it, and the whole sum is never written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from minigrad.ops.index import is_basic
from minigrad.program.graph import Call, Graph, Instruction
from minigrad.program.passes.rewrite import Builder, is_call_of, producers, readers

__all__ = ["split_sums"]

_MOST = 8
"""Parts: NumPy makes one call for each."""


def split_sums(graph: Graph) -> Graph:
    """(a + b)[k], (a + b)[l], ... become a[k] + b[k], a[l] + b[l], ...

    Where a or b is a product.
    """
    defined, read = producers(graph), readers(graph)
    values, steps = list(graph.values), list[Instruction]()
    split: dict[int, Call] = {}
    for step in graph.steps:
        if isinstance(step, Call) and _is_read_in_parts(step, graph, defined, read):
            split[step.outs[0]] = step
        elif isinstance(step, Call) and step.args[:1] and step.args[0] in split:
            whole, b = split[step.args[0]], Builder(step, values, steps)
            shape = b.shape(step.outs[0])
            parts = [b.op("getitem", k, shape=shape, kwargs=step.kwargs) for k in whole.args]
            b.op("add", *parts, out=step.outs[0])
        else:
            steps.append(step)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _is_read_in_parts(
    call: Call, graph: Graph, defined: Mapping[int, Call], read: Mapping[int, Sequence[Instruction | None]]
) -> bool:
    """Whether it is a sum with a product of which only a few parts are read.

    The parts do not overlap.
    """
    out, values = call.outs[0], graph.values
    if not is_call_of(call, "add") or not any(is_call_of(defined.get(a), "matmul") for a in call.args):
        return False
    if any((values[a].shape, values[a].dtype) != (values[out].shape, values[out].dtype) for a in call.args):
        return False
    parts = [step for step in read[out] if isinstance(step, Call) and is_call_of(step, "getitem")]
    if not 1 < len(parts) == len(read[out]) <= _MOST or not all(is_basic(part.kwargs["key"]) for part in parts):
        return False
    return sum(prod(values[part.outs[0]].shape) for part in parts) <= prod(values[out].shape)
