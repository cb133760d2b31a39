"""Sums over inner axes, apart from the rest of their group.

A kernel adds up rows alone, or everything.
"""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.engines import FusionGroup
from minigrad.engines.group import ElementwiseCall, Output
from minigrad.engines.plan import ArrayCall, Operand, PlannedCall
from minigrad.typing import Array

__all__ = ["InnerSum", "described", "without_inner_sums"]


@attrs.frozen(eq=False)
class InnerSum:
    """The sum of `x` over `axes`, each kept with length 1, to `out`."""

    x: Array
    axes: tuple[int, ...]
    out: Array

    def __call__(self) -> None:
        np.add.reduce(self.x, axis=self.axes, keepdims=True, out=self.out)

    @property
    def call(self) -> ArrayCall:
        """What it does, for a plan."""
        options = {"name": "add", "axis": self.axes, "keepdims": True}
        return ArrayCall("reduce", (Operand(self.x),), self.out, options)


def described(planned: PlannedCall) -> PlannedCall:
    """The call with what it does, where it is a sum that was taken out of a group."""
    run = planned.run
    return attrs.evolve(planned, call=run.call) if isinstance(run, InnerSum) else planned


def without_inner_sums(group: FusionGroup) -> tuple[FusionGroup, tuple[InnerSum, ...]] | None:
    """Take the sums over some axes out of a group that no other call of it reads.

    Returns:
        The group without them, which writes what they add up, and the sums, to be made after it. None if there are
        none, or nothing else.
    """
    first = len(group.inputs)
    read = {v for call in group.calls for v in call.operands}
    sums = {
        o.value: group.calls[o.value - first]
        for o in group.outputs
        if o.value >= first and o.value not in read and _is_inner_sum(group, group.calls[o.value - first])
    }
    if not sums or len(sums) == len(group.calls):
        return None
    memory = {o.value: o.array for o in group.outputs}
    summed = dict.fromkeys(call.operands[0] for call in sums.values() if call.operands[0] not in memory)
    kept = {v: np.empty(group.shape(v), group.dtype(v)) for v in summed}
    kept.update((v, array) for v, array in memory.items() if v not in sums)
    rest = attrs.evolve(group, outputs=tuple(Output(v, array) for v, array in kept.items())).without_dead_calls()
    return rest, tuple(InnerSum(kept[call.operands[0]], call.axes, memory[v]) for v, call in sums.items())


def _is_inner_sum(group: FusionGroup, call: ElementwiseCall) -> bool:
    """Whether a call adds up, over some axes, what another call of the group computes.

    What the group reads may be overwritten by it before the sum.
    """
    return (
        call.function is np.add
        and 0 < len(call.axes) < len(group.space)
        and call.operands[0] >= len(group.inputs)
        and group.dtype(call.operands[0]) == call.dtype
    )
