"""The plan: what a program does at each run. Made by `planner`."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

import attrs
import numpy as np

from minigrad.core.graph import GradAccumulator
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.engines.protocol import Thunk

__all__ = ["Options", "Plan"]

copyto, ascontiguousarray = np.copyto, np.ascontiguousarray
_TIMED = 5
"""So many first runs are timed."""


@attrs.frozen
class Options:
    """Which liberties the plan takes. Each can be switched off, and the answers stay.

    Attributes:
        reuse: dead buffers are used again. in_place: results overwrite operands that die.
        direct: gradients are computed where the optimizer wants them. any_order: sums over rows are products with ones.
    """

    reuse: bool = True
    in_place: bool = True
    direct: bool = True
    any_order: bool = True


@attrs.define(eq=False)
class Plan:
    """Code over registers, one register for each value.

    Attributes:
        parameters, sinks: where parameters and their gradients were when the code was bound to them.
        bytes: memory of all results that the plan owns. scratch: memory that engines use within groups.
        late: number of calls whose operands are looked up at each run, since they come with the arguments.
        direct: number of gradients that are computed where the optimizer wants them.
        spans: for each step of the graph where its code begins; and the end.
        notes: for steps that are groups, what the engine said.
        allocating: number of calls that make new arrays at each run, having no kernel.
        runs, seconds: of the runs that were timed.
    """

    registers: list[Array]
    code: list[Thunk]
    inputs: tuple[int, ...]
    state: tuple[tuple[int, Tensor], ...]
    outputs: tuple[int, ...]
    parameters: tuple[tuple[Tensor, Array], ...]
    sinks: tuple[tuple[GradAccumulator, Array | None], ...]
    bytes: int = 0
    late: int = 0
    direct: int = 0
    copied: tuple[Array | None, ...] = ()
    scratch: int = 0
    spans: tuple[int, ...] = ()
    notes: dict[int, str] = attrs.field(factory=dict)
    allocating: int = 0
    runs: int = 0
    seconds: list[float] = attrs.field(factory=list)

    def valid(self) -> bool:
        """Whether parameters and gradients still live where the code was bound to."""
        for t, array in self.parameters:
            if t._node.value is not array:
                return False
        return all(sink.buffer is buffer for sink, buffer in self.sinks)

    def run(self, arrays: tuple[Array, ...]) -> list[Array]:
        """One run. The outputs are copies."""
        registers = self.registers
        for k, array, copied in zip(self.inputs, arrays, self.copied, strict=True):
            if copied is None:
                registers[k] = array if array.flags.c_contiguous else ascontiguousarray(array)
            else:
                copyto(copied, array)
        for k, t in self.state:
            array = t._node.value
            registers[k] = array if array.flags.c_contiguous else ascontiguousarray(array)
        if self.runs < _TIMED:
            self._timed()
        else:
            for call in self.code:
                call()
        return [registers[k].copy() for k in self.outputs]

    def _timed(self) -> None:
        """One run with a look at the clock after each step; of several such runs the quickest counts."""
        code, spent = self.code, []
        for first, end in pairwise(self.spans):
            began = perf_counter()
            for k in range(first, end):
                code[k]()
            spent.append(perf_counter() - began)
        self.seconds = list(map(min, self.seconds, spent)) if self.seconds else spent
        self.runs += 1

    def step_seconds(self) -> list[float]:
        """What each step of the graph took in the quickest of the first runs; empty before them."""
        return self.seconds
