"""A fused step as a group for an engine, bound to memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines import ElementwiseCall, FusionGroup, Input, Output
from minigrad.program.graph import FusedCall, Value
from minigrad.program.passes.fusion.fusible import group_instructions, is_total

__all__ = ["emit_group"]


@attrs.frozen(eq=False)
class GroupMemory:
    """Where the values of a group are.

    Attributes:
        registers: the arrays of all values.
        fixed: those whose array is the same at each run.
        outputs: memory of the results.
        fetch: for a value that is not fixed what gives its array, contiguous in C order.
    """

    registers: Sequence[Array]
    fixed: Collection[int]
    outputs: Mapping[int, Array]
    fetch: Callable[[int], Callable[[], Array]]


def emit_group(step: FusedCall, values: Sequence[Value], memory: GroupMemory, any_order: bool = False) -> FusionGroup:
    """Make the group of a step.

    `any_order`: sums may be added up in any order.
    """
    return _Grouping(step, values, any_order).group(memory)


class _Grouping:
    def __init__(self, step: FusedCall, values: Sequence[Value], any_order: bool) -> None:
        self.step = step
        self.any_order = any_order
        self.values = values
        self.inputs: list[Input] = []
        self.value_index: dict[int, int] = {}
        self.constants: dict[tuple[float, str], int] = {}

    def group(self, memory: GroupMemory) -> FusionGroup:
        outputs = memory.outputs
        for k in self.step.reads:
            self.value_index[k] = len(self.inputs)
            self.inputs.append(_input(self.values[k], k, memory))
        parts_of_calls = [group_instructions(call, self.values) for call in self.step.calls]
        for call, parts in zip(self.step.calls, parts_of_calls, strict=True):
            for part in parts:
                for operand in part.operands:
                    if isinstance(operand, float):
                        self._constant(operand, self.values[call.args[0]].dtype)
        applied: list[ElementwiseCall] = []
        for call, parts in zip(self.step.calls, parts_of_calls, strict=True):
            out, x = self.values[call.outs[0]], self.values[call.args[0]]
            shape = (1,) * len(x.shape) if is_total(parts, x) else out.shape
            for part in parts:
                operands = tuple(
                    len(self.inputs) + len(applied) - 1
                    if o is None
                    else self._constant(o, x.dtype)
                    if isinstance(o, float)
                    else self.value_index[call.args[o]]
                    for o in part.operands
                )
                applied.append(
                    ElementwiseCall(part.function, operands, shape, out.dtype, part.axes, call.where, self.any_order)
                )
            self.value_index[call.outs[0]] = len(self.inputs) + len(applied) - 1
        outputs_of_group = tuple(
            Output(self.value_index[k], outputs[k].reshape(applied[self.value_index[k] - len(self.inputs)].shape))
            for k in self.step.defs
        )
        names = dict.fromkeys(c.op.name for c in self.step.calls)
        return FusionGroup(self.step.space, tuple(self.inputs), tuple(applied), outputs_of_group, "+".join(names))

    def _constant(self, number: float, dtype: np.dtype[np.generic]) -> int:
        key = (number, dtype.str)
        if key not in self.constants:
            self.constants[key] = len(self.inputs)
            self.inputs.append(Input.of(np.asarray(number, dtype), constant=True))
        return self.constants[key]


def _input(value: Value, k: int, memory: GroupMemory) -> Input:
    if k in memory.fixed:
        return Input.of(memory.registers[k], constant=value.kind == "constant")
    return Input(value.shape, value.dtype, None, memory.fetch(k))
