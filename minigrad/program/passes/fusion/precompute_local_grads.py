"""Local gradients with values: compute an activation's derivative beside the activation.

The gradient of GELU, say, is g s + g x s (1 - s) c + ..., with x, s and more kept from the forward pass. Taken out of
the sum, the factor of g is one array, which joins the group of the forward pass: one array is kept instead of three,
and one product is left for the backward pass. Rounding differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TypeAlias

import attrs

from minigrad.program.graph import Call, Graph, HostCall, Instruction, defs
from minigrad.program.passes.rewrite import Builder, is_call_of, producers, readers

__all__ = ["precompute_local_grads"]

_SMALLEST = 1 << 16
"""Numbers: smaller arrays stay in cache between the passes."""
_FEWEST = 4
_Readers: TypeAlias = Mapping[int, Sequence[Instruction | None]]


@attrs.frozen(eq=False)
class _Chain:
    """Calls that lead from the gradient `g`, linearly, to the result of the last.

    Nothing else reads between them.
    """

    g: int
    calls: tuple[Call, ...]


def precompute_local_grads(graph: Graph) -> Graph:
    """Chains of products and sums that start with a gradient become one product with it."""
    defined, read = producers(graph), readers(graph)
    for k in defined:
        value = graph.values[k]
        large = prod(value.shape) >= _SMALLEST and value.dtype.kind == "f"
        if large and not defined[k].op.claims.elementwise and (chain := _chain(k, graph, read)) is not None:
            graph = _shortened(graph, chain)
    return graph


def _chain(g: int, graph: Graph, read: _Readers) -> _Chain | None:
    values, below = graph.values, _below(g, read)
    linear: dict[int, Call | None] = {g: None}
    for step in graph.steps:
        if not isinstance(step, Call) or linear.keys().isdisjoint(step.args):
            continue
        inside = [a in linear for a in step.args]
        factor = is_call_of(step, "multiply") and any(a not in below for a in step.args)
        total = is_call_of(step, "add", "subtract") and all(inside) and g not in step.args
        same = (values[step.outs[0]].shape, values[step.outs[0]].dtype) == (values[g].shape, values[g].dtype)
        if same and (factor or total):
            linear[step.outs[0]] = step
    calls = tuple(c for c in linear.values() if c is not None)
    ends = [c for c in calls if any(s not in calls for s in read[c.outs[0]])]
    return _Chain(g, calls) if len(calls) >= _FEWEST and ends == [calls[-1]] else None


def _below(g: int, read: _Readers) -> set[int]:
    """g, and all values that depend on it."""
    dependent, stack = {g}, [g]
    while stack:
        for step in read.get(stack.pop(), ()):
            for out in () if step is None else defs(step):
                if out not in dependent:
                    dependent.add(out)
                    stack.append(out)
    return dependent


def _shortened(graph: Graph, chain: _Chain) -> Graph:
    at = {k: i for i, s in enumerate(graph.steps) for k in defs(s)}
    start = at[chain.g]
    linear = {chain.g, *(c.outs[0] for c in chain.calls)}
    factors = {a for c in chain.calls for a in c.args if a not in linear}
    late = _late(factors, graph, at, start)
    if late is None:
        return graph
    early = factors.union(*(c.args for c in late)) - {c.outs[0] for c in late}
    place = max((at.get(k, -1) for k in early), default=-1)
    if place >= start or any(isinstance(s, HostCall) for s in graph.steps[place + 1 : start]):
        return graph
    values, ahead = list(graph.values), list[Instruction](late)
    slopes: dict[int, int] = {}
    for call in chain.calls:
        b = Builder(call, values, ahead)
        slopes_of = [slopes.get(a, a) for a in call.args if a != chain.g]
        slopes[call.outs[0]] = slopes_of[0] if len(slopes_of) == 1 else b.op(call.op.name, *slopes_of)
    last = chain.calls[-1]
    product: list[Instruction] = []
    Builder(last, values, product).op("multiply", chain.g, slopes[last.outs[0]], out=last.outs[0])
    gone = {*chain.calls, *late}
    steps: list[Instruction] = []
    for i, step in enumerate(graph.steps):
        if step is last:
            steps += product
        elif step not in gone:
            steps.append(step)
        if i == place:
            steps += ahead
    return Graph(tuple(values), tuple(steps if place >= 0 else [*ahead, *steps]), graph.outputs)


def _late(factors: set[int], graph: Graph, at: Mapping[int, int], start: int) -> list[Call] | None:
    """Find the calls after step `start` that the factors need, in order.

    None if other things than elementwise calls do.
    """
    by_step: dict[int, Call] = {}
    stack = list(factors)
    while stack:
        i = at.get(stack.pop(), -1)
        if i <= start or i in by_step:
            continue
        step = graph.steps[i]
        if not isinstance(step, Call) or not step.op.claims.elementwise:
            return None
        by_step[i] = step
        stack.extend(step.args)
    return [by_step[i] for i in sorted(by_step)]
