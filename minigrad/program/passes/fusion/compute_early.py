"""Slopes with values: what needs the forward pass's results only is computed with them.

The gradient of a sigmoid needs e / (1 + e)^2 with the e and 1 + e of the forward pass. Where the quotient is computed
beside them one array is kept for the backward pass instead of two. The same goes for factors: of (g a) b, where nothing
else in the backward pass reads a or b, a b is kept, and the gradient g is multiplied once. Rounding differs then; so
this is done only where a and b cannot be large, lest a b overflow where g is 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

from minigrad.program.graph import AssignBuffer, Call, Graph, HostCall, Instruction, Value, defs, uses
from minigrad.program.passes.fusion.fusible import group_instructions
from minigrad.program.passes.fusion.intervals import UNKNOWN, intervals_of
from minigrad.program.passes.rewrite import VIEW_OPS, Builder, is_call_of

__all__ = ["compute_early"]

_ROUNDS = 4
"""A slope that has moved may join a factor, and what that spares lets another move."""

_MANY = 3
_LARGEST = 1e6
"""A factor is joined with another only if neither can be larger, whatever the inputs are."""
_Kinds: TypeAlias = dict[int, tuple[Instruction, bool, bool]]
"""For steps, by identity, what `_kind` says of them."""


def compute_early(graph: Graph) -> Graph:
    """Move elementwise calls from the backward to the forward pass.

    Only where that makes what is kept between the two no larger.
    """
    known: _Kinds = {}
    for _ in range(_ROUNDS):
        changed = _Factors(_Slopes(graph, known).moved(), known).joined()
        if changed.steps == graph.steps:
            break
        graph = changed
    return graph


class _Stretches:
    """A graph, and between which products and other large calls its steps stand.

    Elementwise calls between two such calls are one *stretch*: they become a group, or few.

    Attributes:
        elementwise: numbers of the steps that are.
        stretch: of each step.
        writes: how many steps up to each one change memory that others read: an optimizer's, a buffer's.
        maker: number of the step that computes a value.
        readers: numbers of the steps that read a value, None where it is returned.
    """

    def __init__(self, graph: Graph, known: _Kinds) -> None:
        self.graph = graph
        self.values: Sequence[Value] = graph.values
        self.elementwise: set[int] = set()
        self.stretch: list[int] = []
        self.writes: list[int] = []
        count = written = 0
        for i, step in enumerate(graph.steps):
            if id(step) not in known:
                known[id(step)] = step, *_kind(step, graph.values)
            _, is_elementwise, is_large = known[id(step)]
            if is_elementwise:
                self.elementwise.add(i)
            count += is_large
            self.stretch.append(count)
            written += isinstance(step, HostCall | AssignBuffer)
            self.writes.append(written)
        self.maker = {k: i for i, step in enumerate(graph.steps) for k in defs(step)}
        self.readers: defaultdict[int, set[int | None]] = defaultdict(set)
        for i, step in enumerate(graph.steps):
            for k in uses(step):
                self.readers[k].add(i)
        for k in graph.outputs:
            self.readers[k].add(None)

    def is_kept_for(self, k: int, calls: set[int], place: int) -> bool:
        """Whether an elementwise call's value waits from step `place` on for these calls.

        What else reads it does so in the first quarter of the time.
        """
        others, began = self.readers[k] - calls, self.stretch[place]
        quarter = (self.stretch[min(calls)] - began) // 4
        early = all(i is not None and self.stretch[i] <= began + quarter for i in others)
        return early and self.maker[k] in self.elementwise


def _kind(step: Instruction, values: Sequence[Value]) -> tuple[bool, bool]:
    """Whether a step is elementwise, and whether it is neither that nor a reduction or a view."""
    parts = group_instructions(step, values) if isinstance(step, Call) else ()
    is_view = isinstance(step, Call) and step.op.name in VIEW_OPS
    return bool(parts) and not any(part.axes for part in parts), not parts and not is_view


class _Slopes(_Stretches):
    """Calls that could be made in an earlier stretch: they depend on nothing of their own.

    Attributes:
        place: for each of them the last step that it depends on, of those that stay.
        root: for each of them one of those that it hangs together with.
    """

    def moved(self) -> Graph:
        """The graph with those calls moved that spare as much as they leave."""
        self.place: dict[int, int] = {}
        self.root: dict[int, int] = {}
        for i in sorted(self.elementwise):
            self._place(i)
        together: defaultdict[int, set[int]] = defaultdict(set)
        for i in self.place:
            together[self._root(i)].add(i)
        after: defaultdict[int, list[int]] = defaultdict(list)
        for calls in together.values():
            if self._gains(calls):
                for i in sorted(calls):
                    after[self.place[i]].append(i)
        gone = {i for calls in after.values() for i in calls}
        steps = self.graph.steps
        kept = [n for i in range(len(steps)) if i not in gone for n in (i, *sorted(after[i]))]
        return Graph(self.graph.values, tuple(steps[n] for n in kept), self.graph.outputs)

    def _place(self, i: int) -> None:
        computed = self._computed(i)
        if not computed or not all(a in self.maker for a in computed):
            return
        makers = [self.maker[a] for a in computed]
        place = max(self.place.get(m, m) for m in makers)
        if self.stretch[place] < self.stretch[i] and self.writes[place] == self.writes[i]:
            self.place[i], self.root[i] = place, i
            for m in makers:
                if m in self.place:
                    self.root[self._root(m)] = i

    def _root(self, i: int) -> int:
        root = self.root
        while root[i] != i:
            root[i] = i = root[root[i]]  # the way is shorter next time
        return i

    def _computed(self, i: int) -> list[int]:
        step = self.graph.steps[i]
        return [a for a in step.args if self.values[a].data is None] if isinstance(step, Call) else []

    def _gains(self, calls: set[int]) -> bool:
        """Whether what they leave takes less memory than what is kept for them only.

        As much is enough where they are many. One or two, a mask of a rectifier say, cost nothing in a group.
        """
        place = max(self.place[i] for i in calls)
        wanted = {a for i in calls for a in self._computed(i) if self.maker[a] not in calls}
        spared = sum(self.values[a].nbytes for a in wanted if self.is_kept_for(a, set(calls), place))
        left = {k for i in calls for k in defs(self.graph.steps[i]) if not self.readers[k] <= calls}
        kept = sum(self.values[k].nbytes for k in left)
        return 0 < kept < spared or (kept == spared > 0 and len(calls) >= _MANY)


class _Factors(_Stretches):
    """Products (g a) b with early a and b."""

    def joined(self) -> Graph:
        """The graph with g (a b) in their place, where a or b is kept for that only."""
        self.intervals = intervals_of(self.graph)
        steps: list[Instruction | None] = list(self.graph.steps)
        after: defaultdict[int, list[Instruction]] = defaultdict(list)
        values = list(self.graph.values)
        for i, step in enumerate(self.graph.steps):
            joint = self._factors(i, step) if isinstance(step, Call) and is_call_of(step, "multiply") else None
            if joint is None or not isinstance(step, Call):
                continue
            j, g, a, b = joint
            if steps[j] is not self.graph.steps[j] or steps[i] is not step:
                continue  # part of another that has been joined: next time
            written: list[Instruction] = []
            builder = Builder(step, values, written)
            builder.op("multiply", g, builder.op("multiply", a, b), out=step.outs[0])
            after[max(self.maker[a], self.maker[b])].append(written[0])
            steps[i], steps[j] = written[1], None
        ordered = [s for i, step in enumerate(steps) for s in (step, *after[i]) if s is not None]
        return Graph(tuple(values), tuple(ordered), self.graph.outputs)

    def _factors(self, i: int, call: Call) -> tuple[int, int, int, int] | None:
        """Number of the first product, then g, a and b."""
        for m, b in (call.args, call.args[::-1]):
            j = self.maker.get(m, -1)
            first = self.graph.steps[j] if j >= 0 and self.readers[m] == {i} else None
            if not isinstance(first, Call) or not is_call_of(first, "multiply"):
                continue
            for g, a in (first.args, first.args[::-1]):
                alike = all(k in self.maker and self._form(k) == self._form(call.outs[0]) for k in (g, a, b))
                if not alike or a == b or self._size(a) > _LARGEST or self._size(b) > _LARGEST:
                    continue
                place = max(self.maker[a], self.maker[b])
                early = self.stretch[place] < self.stretch[self.maker[g]]
                same = self.writes[place] == self.writes[i]
                if early and same and (self.is_kept_for(a, {j}, place) or self.is_kept_for(b, {i}, place)):
                    return j, g, a, b
        return None

    def _size(self, k: int) -> float:
        """The largest that entries of a value can be."""
        return max(map(abs, self.intervals.get(k, UNKNOWN)))

    def _form(self, k: int) -> object:
        return self.values[k].shape, self.values[k].dtype
