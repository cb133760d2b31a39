"""The gradient of max pooling as one call instead of three, without the array of shares."""

from __future__ import annotations

from typing import cast

from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.kernels.internal_ops import max_pool_backward
from minigrad.program.passes.cleanup.dce import eliminate_dead_code
from minigrad.program.passes.rewrite import is_call_of, producers, use_counts

__all__ = ["fuse_max_pool_grad"]


def fuse_max_pool_grad(graph: Graph) -> Graph:
    """Replace the gradient of max pooling by one call.

    `overlap_add(masked_multiply(g, window_winners(x, y)))` becomes `max_pool_backward(g, x, y)`.

    Where windows do not overlap.
    """
    producers_of, count = producers(graph), use_counts(graph)
    steps: list[Instruction] = []
    for step in graph.steps:
        match = _match(step, producers_of) if isinstance(step, Call) and is_call_of(step, "overlap_add") else None
        if match is None or not isinstance(step, Call):
            steps.append(step)
            continue
        g, winners = match
        x, y = winners.args
        alone = count[step.args[0]] == 1 and graph.values[g].shape == graph.values[y].shape
        if alone and _apart(winners, step, graph.values):
            steps.append(Call(max_pool_backward, (g, x, y), winners.kwargs, step.outs, -1, step.where))
        else:
            steps.append(step)
    return eliminate_dead_code(Graph(graph.values, tuple(steps), graph.outputs))


def _match(step: Call, producers_of: dict[int, Call]) -> tuple[int, Call] | None:
    """g and the call of window_winners."""
    product = producers_of.get(step.args[0])
    if product is None or not is_call_of(product, "masked_multiply"):
        return None
    g, shares = product.args
    below = producers_of.get(shares)
    return None if below is None or not is_call_of(below, "window_winners") else (g, below)


def _apart(winners: Call, step: Call, values: tuple[Value, ...]) -> bool:
    """Whether the sum goes over the pool's own windows, and these have no entry in common."""
    kernel, stride, dilation = (cast(Shape, winners.kwargs[k]) for k in ("kernel", "stride", "dilation"))
    same = (step.kwargs["stride"], step.kwargs["dilation"]) == (stride, dilation)
    image = values[winners.args[0]].shape[-len(kernel) :] == step.kwargs["size"]
    return same and image and set(dilation) == {1} and all(s >= k for s, k in zip(stride, kernel, strict=True))
