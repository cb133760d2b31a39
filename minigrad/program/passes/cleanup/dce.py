"""Dead code elimination: calls whose results are never read."""

from __future__ import annotations

from minigrad.program.graph import Call, Graph, Instruction, uses


def eliminate_dead_code(graph: Graph) -> Graph:
    """The graph without calls that neither an output nor an effect needs.

    Ops have no effects, so none is lost.
    """
    needed = set(graph.outputs)
    kept: list[Instruction] = []
    for step in reversed(graph.steps):
        if not isinstance(step, Call) or not needed.isdisjoint(step.outs):
            needed.update(uses(step))
            kept.append(step)
    return Graph(graph.values, tuple(reversed(kept)), graph.outputs)
