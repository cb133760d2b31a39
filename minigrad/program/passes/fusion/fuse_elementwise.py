"""Fusion: elementwise calls that feed each other become groups.

An engine runs a group tile by tile.
"""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.types import Shape
from minigrad.program.graph import Call, FusedCall, Graph, HostCall, Instruction, uses
from minigrad.program.passes.fusion.fusible import FusedInstruction, group_instructions, is_total, iteration_space


@attrs.define(eq=False)
class _Open:
    """A group that may still grow: nothing outside has read from it yet."""

    calls: list[tuple[int, Call]]
    space: Shape
    total: bool = False


def fuse_elementwise(graph: Graph) -> Graph:
    """Fuse elementwise calls that feed each other into groups of two calls and more, greedily.

    A group stays open until a step outside it reads one of its results: independent calls are emitted before it, and
    calls over the same iteration space are appended. A call that reads two open groups merges them. No open group
    depends on another, so that the order of what depends on what is kept.
    """
    return _Fusion(graph).fused()


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = graph.values
        self.steps: list[Instruction] = []
        self.of_value: dict[int, _Open] = {}
        self.open: dict[int, _Open] = {}
        self.sealed: set[int] = set()

    def fused(self) -> Graph:
        for i, step in enumerate(self.graph.steps):
            parts = group_instructions(step, self.values) if isinstance(step, Call) else ()
            if isinstance(step, Call) and parts and self._fits(step, parts):
                self._join(i, step, parts)
                continue
            if isinstance(step, HostCall):
                self._close(list(self.open.values()))
            self._close(self._read_by(step))
            self.steps.append(step)
        self._close(list(self.open.values()))
        return Graph(self.values, self._named(), self.graph.outputs)

    def _fits(self, call: Call, parts: tuple[FusedInstruction, ...]) -> bool:
        space = iteration_space(call, parts, self.values)
        out = self.values[call.outs[0]].shape
        return is_total(parts, self.values[call.args[0]]) or (bool(space) and out[:1] == space[:1])

    def _read_by(self, step: Instruction) -> list[_Open]:
        return list({id(g): g for k in uses(step) if (g := self.of_value.get(k)) is not None}.values())

    def _join(self, i: int, call: Call, parts: tuple[FusedInstruction, ...]) -> None:
        space = own = iteration_space(call, parts, self.values)
        total = is_total(parts, self.values[call.args[0]])
        joined: list[_Open] = []
        for group in self._read_by(call):
            together = _together(space, group.space)
            # What is added up over everything must have the shape of the space.
            narrow = (total and together != own) or (group.total and together != group.space)
            if together is None or narrow or not self.sealed.isdisjoint(call.args):
                self._close([group])
            else:
                space = together
                joined.append(group)
        if not joined:
            joined.append(_Open([], space))
            self.open[id(joined[0])] = joined[0]
        joined.sort(key=lambda group: len(group.calls), reverse=True)  # the smaller move, seldom more than once
        first = joined[0]
        for other in joined[1:]:
            first.calls += other.calls
            del self.open[id(other)]
            self.of_value.update((c.outs[0], first) for _, c in other.calls)
        first.space = space
        first.total = total or any(g.total for g in joined)
        first.calls.append((i, call))
        self.of_value[call.outs[0]] = first
        if total:
            self.sealed.add(call.outs[0])

    def _close(self, groups: list[_Open]) -> None:
        for group in groups:
            calls = tuple(call for _, call in sorted(group.calls, key=lambda pair: pair[0]))
            for call in calls:
                del self.of_value[call.outs[0]]
            del self.open[id(group)]
            inside = dict.fromkeys(c.outs[0] for c in calls)
            reads = tuple(dict.fromkeys(a for c in calls for a in c.args if a not in inside))
            alone = len(calls) == 1
            self.steps.append(calls[0] if alone else FusedCall(calls, group.space, reads, tuple(inside)))

    def _named(self) -> tuple[Instruction, ...]:
        """Groups make what others read; the rest stays inside."""
        read = set(self.graph.outputs).union(*(uses(s) for s in self.steps))
        named: list[Instruction] = []
        for s in self.steps:
            if isinstance(s, FusedCall):
                s = attrs.evolve(s, defs=tuple(k for k in s.defs if k in read))
            if not isinstance(s, FusedCall) or s.defs:
                named.append(s)
        return tuple(named)


def _together(a: Shape, b: Shape) -> Shape | None:
    """The space of calls over `a` and `b`, or None if they have no tiles in common."""
    if len(a) != len(b) or a[0] != b[0]:
        return None
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None
