"""Places for the values of a group.

Inputs and outputs lie where they lie, the rest goes to a few scratch arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.core.types import Shape
from minigrad.engines.group import ElementwiseCall, FusionGroup, convert, masked_multiply, select

__all__ = ["RegisterAssignment", "Scratch", "assign_registers", "padded"]

Scratch = tuple[Shape, np.dtype[np.generic]]


@attrs.frozen(eq=False)
class RegisterAssignment:
    """Calls over registers: the group's inputs, then its outputs, then scratch arrays.

    Attributes:
        calls: the call, registers of its operands, register of its result.
        scratch: shape (of as many axes as the space) and dtype of each scratch array.
    """

    calls: tuple[tuple[ElementwiseCall, tuple[int, ...], int], ...]
    scratch: tuple[Scratch, ...]


def padded(shape: Shape, space: Shape) -> Shape:
    """`shape` with as many axes as the space."""
    return (*(1,) * (len(space) - len(shape)), *shape)


def assign_registers(group: FusionGroup) -> RegisterAssignment:
    """Assign registers.

    A result goes straight to its output as soon as no later call reads what lies there.
    """
    calls, homes, copies = _output_of(group)
    return _Placer(group, calls, homes).assign(copies)


def _output_of(group: FusionGroup) -> tuple[list[ElementwiseCall], dict[int, int], list[tuple[int, int]]]:
    """Find the output of each value: calls, value -> output, and copies still to be made.

    Inputs that are handed on get a call.
    """
    calls, homes = list(group.calls), dict[int, int]()
    copies: list[tuple[int, int]] = []
    count = len(group.inputs)
    for k, output in enumerate(group.outputs):
        v = output.value
        if v < count:
            calls.append(ElementwiseCall(convert, (v,), group.shape(v), group.dtype(v)))
            homes[count + len(calls) - 1] = k
        elif v in homes:
            copies.append((v, k))
        else:
            homes[v] = k
    return calls, homes, copies


class _Placer:
    def __init__(self, group: FusionGroup, calls: list[ElementwiseCall], homes: dict[int, int]) -> None:
        self.group = group
        self.calls = calls
        self.homes = homes
        self.count = len(group.inputs)
        self.place = {k: k for k in range(self.count)}
        self.scratch: list[Scratch] = []
        self.free: dict[Scratch, list[int]] = {}
        self.first = self.count + len(group.outputs)  # scratch register
        self.last: dict[int, int] = {}
        for i, call in enumerate(calls):
            self.last.update(dict.fromkeys(call.operands, i))
        self.below = [
            [j for j, x in enumerate(group.inputs) if x.array is not None and np.may_share_memory(x.array, o.array)]
            for o in group.outputs
        ]

    def assign(self, copies: Sequence[tuple[int, int]]) -> RegisterAssignment:
        code = []
        late: list[tuple[ElementwiseCall, tuple[int, ...], int]] = []
        for i, call in enumerate(self.calls):
            operands = tuple(self.place[v] for v in call.operands)
            in_place = not call.axes and call.function not in (select, masked_multiply)
            dead = {self.place[v] for v in call.operands if self.last[v] == i}
            released = [p for p in dead if p >= self.first]
            if in_place:
                self._release(released)
            result = self._result(i, call, in_place)
            if not in_place:
                self._release(released)
            code.append((call, operands, result))
        for v, home in self.homes.items():
            if self.place[v] != self.count + home:
                late.append((self._copy(v), (self.place[v],), self.count + home))
        late += [(self._copy(v), (self.place[v],), self.count + k) for v, k in copies]
        return RegisterAssignment((*code, *late), tuple(self.scratch))

    def _release(self, registers: Sequence[int]) -> None:
        for p in registers:
            self.free.setdefault(self.scratch[p - self.first], []).append(p)

    def _result(self, i: int, call: ElementwiseCall, in_place: bool) -> int:
        value = self.count + i
        home = self.homes.get(value)
        if home is not None and all(self._done(j, i, in_place) for j in self.below[home]):
            self.place[value] = self.count + home
            return self.count + home
        needed = (padded(call.shape, self.group.space), call.dtype)
        if fitting := self.free.get(needed):
            chosen = fitting.pop()
        else:
            self.scratch.append(needed)
            chosen = self.first + len(self.scratch) - 1
        if home is not None or value not in self.last:
            self.last[value] = len(self.calls)
        self.place[value] = chosen
        return chosen

    def _done(self, j: int, i: int, in_place: bool) -> bool:
        """Tell whether input j is read by no call after i.

        Nor by i, unless i may write over its operands.
        """
        last = self.last.get(j, -1)
        return last < i or (last == i and in_place)

    def _copy(self, v: int) -> ElementwiseCall:
        producer = self.calls[v - self.count]
        return ElementwiseCall(convert, (v,), producer.shape, producer.dtype)
