"""Rows in the order in which they are made.

Stacks along time that are only added up are joined time by time.

What a recurrent layer's gradient leaves at each time is a matrix. Side by side, as (batch, time, columns), they are
copied; one below another they may lie where they were computed (see `compile.concat_in_place`). Sums over all rows, and
sums of rows by place (`put_along`), are the same in any order of rows, but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.passes.rewrite import Builder, is_call_of, producers, readers

__all__ = ["concat_time_major"]


def concat_time_major(graph: Graph) -> Graph:
    """Join matrices along axis 0 instead of axis 1 where only sums over rows read them.

    `concatenate(..., axis=1)` becomes one along axis 0.
    """
    defined, read = producers(graph), readers(graph)
    values, steps = list(graph.values), list[Instruction]()
    joined: dict[Call, int] = {}
    for step in graph.steps:
        if isinstance(step, Call) and step in joined:
            _sum(joined[step], Builder(step, values, steps))
            continue
        steps.append(step)
        if isinstance(step, Call) and is_call_of(step, "concatenate"):
            parts = _matrices(step, values, defined)
            sums = _sums(step, values, read) if parts else None
            if parts and sums:
                below = Builder(step, values, steps).concatenate(parts, 0)
                joined.update((s, below) for s in sums)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _matrices(join: Call, values: Sequence[Value], defined: Mapping[int, Call]) -> list[int]:
    """The matrices (batch, columns) that stand side by side in it, if all parts are such."""
    matrices: list[int] = []
    for k in join.args:
        shape = values[k].shape
        if join.kwargs["axis"] != 1 or len(shape) != 3 or shape[1] != 1:
            return []
        while values[k].shape != (shape[0], shape[2]):
            call = defined.get(k)
            if call is None or not is_call_of(call, "reshape"):
                return []
            k = call.args[0]
        matrices.append(k)
    return matrices


def _sums(join: Call, values: Sequence[Value], read: Mapping[int, Sequence[Instruction | None]]) -> list[Call] | None:
    """All its readers, if each is a sum over rows; through reshapes that leave rows whole."""
    shape = values[join.outs[0]].shape
    matrices: list[Call] = []
    stack = [join.outs[0]]
    while stack:
        k = stack.pop()
        for step in read[k]:
            if not isinstance(step, Call):
                return None
            out = values[step.outs[0]].shape
            if is_call_of(step, "reshape") and out[-1:] == shape[-1:]:
                stack.append(step.outs[0])
            elif _is_sum(step, k, out, values, shape):
                matrices.append(step)
            else:
                return None
    return matrices


def _is_sum(call: Call, k: int, out: tuple[int, ...], values: Sequence[Value], shape: tuple[int, ...]) -> bool:
    if is_call_of(call, "sum_to"):
        return out == shape[-1:]
    by_place = is_call_of(call, "put_along") and call.args[0] == k and call.kwargs["axis"] == 0
    return by_place and values[call.args[1]].shape == shape[:2] and values[k].shape == shape


def _sum(below: int, b: Builder) -> None:
    """The sum that stands for call `b.call`, of rows one below another."""
    out = b.call.outs[0]
    rows, columns = b.shape(below)
    if b.call.op.name == "sum_to":
        dtype = b.values[below].dtype
        b.values.append(Value((rows,), dtype, "constant", data=np.ones(rows, dtype)))
        b.op("matmul", len(b.values) - 1, below, shape=(columns,), out=out)
        return
    batch, times = b.shape(b.call.args[1])
    places = b.op("transpose", b.call.args[1], shape=(times, batch), axes=(1, 0))
    stacked = b.reshape(below, (times, batch, columns))
    b.op("put_along", stacked, places, shape=b.shape(out), out=out, kwargs=b.call.kwargs)
