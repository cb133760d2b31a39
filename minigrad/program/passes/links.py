"""Who makes a value, and who reads it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from minigrad.program.graph import Call, Graph, Step, used

__all__ = ["is_own", "makers", "readers", "uses"]


def makers(graph: Graph) -> dict[int, Call]:
    """For each value the call that makes it, and nothing else."""
    return {s.outs[0]: s for s in graph.steps if isinstance(s, Call) and len(s.outs) == 1}


def uses(graph: Graph) -> Counter[int]:
    """How often a value is read, or returned."""
    return Counter(k for s in graph.steps for k in used(s)) + Counter(graph.outputs)


def readers(graph: Graph) -> Mapping[int, Sequence[Step | None]]:
    """For each value the steps that read it, and None where it is returned."""
    found: defaultdict[int, list[Step | None]] = defaultdict(list)
    for s in graph.steps:
        for k in dict.fromkeys(used(s)):
            found[k].append(s)
    for k in graph.outputs:
        found[k].append(None)
    return found


def is_own(step: Step | None, *names: str) -> bool:
    """Whether a step is a call of one of our own ops of these names."""
    own = isinstance(step, Call) and step.extra < 0 and step.op.module.startswith(("minigrad.ops.", "numpy"))
    return own and isinstance(step, Call) and step.op.name in names
