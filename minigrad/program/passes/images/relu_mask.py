"""Masks of rectifiers from their results.

relu(x) > 0 where x > 0, so that x need not be kept for the gradient.
"""

from __future__ import annotations

import attrs

from minigrad.program.graph import Call, Graph, Instruction


def relu_mask_from_result(graph: Graph) -> Graph:
    """`greater(x, 0)` after `relu(x)` reads the latter's result."""
    rectified: dict[int, int] = {}
    steps: list[Instruction] = []
    for step in graph.steps:
        if isinstance(step, Call) and step.op.module.startswith("minigrad.ops."):
            if step.op.name == "relu":
                rectified[step.args[0]] = step.outs[0]
            elif step.op.name == "greater" and step.args[0] in rectified and _is_zero(graph, step.args[1]):
                step = attrs.evolve(step, args=(rectified[step.args[0]], step.args[1]))
        steps.append(step)
    return Graph(graph.values, tuple(steps), graph.outputs)


def _is_zero(graph: Graph, k: int) -> bool:
    number = graph.values[k].data
    return number is not None and number.size == 1 and bool((number == 0).all())
