"""The gradient of max pooling as one call instead of three, without the array of shares."""

from __future__ import annotations

from typing import cast

from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Step, Value
from minigrad.program.kernels.internal_ops import spread
from minigrad.program.passes.cleanup.dce import dead_code
from minigrad.program.passes.links import is_own, makers, uses

__all__ = ["pooling_gradients"]


def pooling_gradients(graph: Graph) -> Graph:
    """`overlap_add(g * window_winners(x, y))` becomes `spread_to_winners(g, x, y)`, where windows do not overlap."""
    made, count = makers(graph), uses(graph)
    steps: list[Step] = []
    for step in graph.steps:
        found = _found(step, made) if isinstance(step, Call) and is_own(step, "overlap_add") else None
        if found is None or not isinstance(step, Call):
            steps.append(step)
            continue
        g, winners = found
        x, y = winners.args
        alone = count[step.args[0]] == 1 and graph.values[g].shape == graph.values[y].shape
        if alone and _apart(winners, step, graph.values):
            steps.append(Call(spread, (g, x, y), winners.meta, step.outs, -1, step.where))
        else:
            steps.append(step)
    return dead_code(Graph(graph.values, tuple(steps), graph.outputs))


def _found(step: Call, made: dict[int, Call]) -> tuple[int, Call] | None:
    """g and the call of window_winners."""
    product = made.get(step.args[0])
    if product is None or not is_own(product, "multiply"):
        return None
    for g, shares in (product.args, product.args[::-1]):
        below = made.get(shares)
        if below is not None and is_own(below, "window_winners"):
            return g, below
    return None


def _apart(winners: Call, step: Call, values: tuple[Value, ...]) -> bool:
    """Whether the sum goes over the pool's own windows, and these have no entry in common."""
    kernel, stride, dilation = (cast(Shape, winners.meta[k]) for k in ("kernel", "stride", "dilation"))
    same = (step.meta["stride"], step.meta["dilation"]) == (stride, dilation)
    image = values[winners.args[0]].shape[-len(kernel) :] == step.meta["size"]
    return same and image and set(dilation) == {1} and all(s >= k for s, k in zip(stride, kernel, strict=True))
