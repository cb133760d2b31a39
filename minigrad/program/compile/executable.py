"""The executable: what a program does at each run. Made by `bind`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from time import perf_counter

import attrs
import numpy as np

from minigrad.core.graph import GradAccumulator
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.engines.discovery import EngineWithFallback
from minigrad.engines.plan import PlannedCall
from minigrad.engines.protocol import Thunk

__all__ = ["LIBERTIES", "CompileOptions", "Executable"]

copyto, ascontiguousarray = np.copyto, np.ascontiguousarray
_TIMED = 5
"""So many first runs are timed."""


@attrs.frozen
class CompileOptions:
    """Which liberties the planner takes. Each can be switched off, and the answers stay.

    Attributes:
        reuse: the buffers of dead values are used again.
        in_place: results overwrite operands that die.
        direct: gradients are computed where the optimizer wants them.
        any_order: sums over rows are products with ones.
    """

    reuse: bool = True
    in_place: bool = True
    direct: bool = True
    any_order: bool = True

    @classmethod
    def without(cls, names: Collection[str]) -> CompileOptions:
        """All liberties but those in `names`; other names are ignored."""
        return cls(**{name: name not in names for name in LIBERTIES})


LIBERTIES: tuple[str, ...] = tuple(a.name for a in attrs.fields(CompileOptions))


@attrs.define(eq=False)
class Executable:
    """Code over registers, one register for each value.

    Attributes:
        registers: the arrays of all values.
        code: what is run, one call after another.
        inputs: registers that take the arguments.
        state: registers that take the numbers of held Tensors.
        outputs: registers whose copies are returned.
        parameters: where parameters were when the code was bound to them.
        sinks: where gradients were when the code was bound to them.
        bytes: memory of all results that the executable owns.
        n_direct: gradients that are computed where the optimizer wants them.
        copied: for each input fixed memory that it is copied to, or None.
        scratch: bytes that engines use within groups.
        spans: for each step of the graph where its code begins; and the end.
        notes: for steps that are groups, what the engine said.
        n_allocating: calls that make new arrays at each run, having no kernel.
        prologue: views of the arguments, taken before all else.
        engine: may link the calls of `code` once they have been timed.
        linked: what an engine has made of `code`, or its calls as they are; empty while they are timed.
        runs: how many have been timed.
        seconds: of each step, in the quickest of the runs that were timed.
    """

    registers: list[Array]
    code: list[PlannedCall]
    inputs: tuple[int, ...]
    state: tuple[tuple[int, Tensor], ...]
    outputs: tuple[int, ...]
    parameters: tuple[tuple[Tensor, Array], ...]
    sinks: tuple[tuple[GradAccumulator, Array | None], ...]
    bytes: int
    n_direct: int
    copied: tuple[Array | None, ...]
    scratch: int
    spans: tuple[int, ...]
    notes: dict[int, str]
    n_allocating: int
    prologue: Sequence[Thunk]
    engine: EngineWithFallback
    linked: Sequence[Thunk] = ()
    runs: int = 0
    seconds: list[float] = attrs.field(factory=list)

    def valid(self) -> bool:
        """Whether parameters and gradients still live where the code was bound to."""
        for t, array in self.parameters:
            if t._node.value is not array:
                return False
        for sink, buffer in self.sinks:  # noqa: SIM110 (a generator costs as much again)
            if sink.buffer is not buffer:
                return False
        return True

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
        for call in self.prologue:
            call()
        for call in self.linked or self._timed_calls():
            call()
        return [registers[k].copy() for k in self.outputs]

    def _timed_calls(self) -> Sequence[Thunk]:
        """The calls of one of the first runs; after them these are linked."""
        if self.runs < _TIMED:
            return (self._timed,)
        self.linked = self.engine.link(self.code) if self.code else (_nothing,)
        return self.linked

    def _timed(self) -> None:
        """Run once with a look at the clock after each step.

        Of several such runs the quickest counts.
        """
        with self.engine.single_threaded():
            self._timed_steps()

    def _timed_steps(self) -> None:
        code, spent = self.code, []
        for first, end in pairwise(self.spans):
            began = perf_counter()
            for k in range(first, end):
                code[k].run()
            spent.append(perf_counter() - began)
        self.seconds = list(map(min, self.seconds, spent)) if self.seconds else spent
        self.runs += 1

    def link_notes(self) -> list[str]:
        """What the engine says of calls that it makes at once."""
        return [note for thunk in self.linked if (note := str(getattr(thunk, "note", "")))]

    def step_seconds(self) -> list[float]:
        """What each step of the graph took in the quickest of the first runs; empty before them."""
        return self.seconds


def _nothing() -> None:
    """Stand for the code of a program that only hands on what it is given."""
