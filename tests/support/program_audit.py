"""A look into a bound program while it runs: does each step leave what the graph says, and where?

The oracle is the graph itself, evaluated by the forward functions of its ops on fresh arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback
from minigrad.engines.plan import ArrayCall, Operand, PlannedCall
from minigrad.engines.protocol import Thunk
from minigrad.program.compile import bind as planner
from minigrad.program.compile.executable import CompileOptions, Executable
from minigrad.program.graph import Call, FusedCall, Graph, HostCall, defs, eval_call, uses

__all__ = ["Audit", "audited", "evaluate", "operand_array", "owner_of"]


def evaluate(graph: Graph, arrays: Sequence[Array]) -> dict[int, Array]:
    """Every value of a graph of calls, the inputs being `arrays` in order."""
    waiting = iter(arrays)
    values: dict[int, Array] = {}
    for k, v in enumerate(graph.values):
        if v.kind == "input":
            values[k] = next(waiting)
        elif v.data is not None:
            values[k] = v.data
        elif v.tensor is not None:
            values[k] = v.tensor.numpy().copy()
    for step in graph.steps:
        for call in step.calls if isinstance(step, FusedCall) else [step] if isinstance(step, Call) else []:
            values.update(zip(call.outs, eval_call(call, [values[a].copy() for a in call.args]), strict=True))
    return values


def owner_of(array: Array) -> Array:
    """The array whose memory it is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def operand_array(operand: Operand) -> Array:
    """What an engine reads that is told of an operand."""
    if operand.fetch is None:
        return operand.form
    whole = operand.fetch()
    assert whole.flags.c_contiguous
    start = whole.reshape(-1).view(np.uint8)[operand.offset :]
    return as_strided(start[: operand.form.itemsize].view(operand.form.dtype), operand.form.shape, operand.form.strides)


@attrs.define(eq=False)
class Audit:
    """A bound graph whose runs are watched.

    Attributes:
        graph: its steps.
        made: bound to memory.
        faults: what was wrong after which step.
        described: for each step what an engine is told of its calls.
        replaced: values whose register holds another array after each run.
    """

    graph: Graph
    made: Executable
    faults: list[str] = attrs.field(factory=list)
    described: list[list[ArrayCall]] = attrs.field(factory=list)
    replaced: set[int] = attrs.field(factory=set)
    _expected: Mapping[int, Array] = attrs.field(factory=dict)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """One run, on memory that is spoilt before it, compared after each step."""
        self._expected = evaluate(self.graph, arrays)
        before = list(self.made.registers)
        self._spoil()
        outputs = self.made.run(tuple(arrays))
        after = self.made.registers
        self.replaced = {k for k, (a, b) in enumerate(zip(before, after, strict=True)) if a is not b}
        return outputs

    def _spoil(self) -> None:
        for step in self.graph.steps:
            if isinstance(step, Call) and step.op.name == "concatenate":
                continue  # its constant parts stand there for good
            for k in defs(step):
                array = self.made.registers[k]
                if array.flags.writeable and array.dtype.kind == "f":
                    array[...] = np.nan

    def check(self, i: int) -> None:
        """What later steps read, after step `i`."""
        computed = {k for step in self.graph.steps[: i + 1] for k in defs(step)}
        wanted = {k for step in self.graph.steps[i + 1 :] for k in uses(step)} | set(self.graph.outputs)
        for k in sorted(computed & wanted):
            now, right = self.made.registers[k], self._expected[k]
            if now.shape != right.shape or now.dtype != right.dtype:
                self.faults.append(
                    f"after step {i} value {k} is {now.dtype}{now.shape}, not {right.dtype}{right.shape}"
                )
            elif not np.allclose(now, right, 1e-10, 1e-12):
                self.faults.append(f"value {k} after step {i}: {now.ravel()[:3]}, not {right.ravel()[:3]}")

    def owned(self) -> dict[int, list[Array]]:
        """The results in each piece of memory that the program has for them, by the owner's identity."""
        others = {id(owner_of(self.made.registers[k])) for k, v in enumerate(self.graph.values) if v.kind != "result"}
        pieces: dict[int, list[Array]] = {}
        for k in sorted({k for step in self.graph.steps for k in defs(step)} - self.replaced):
            owner = owner_of(self.made.registers[k])
            if id(owner) not in others:
                pieces.setdefault(id(owner), []).append(self.made.registers[k])
        return pieces

    def has_place(self, k: int) -> bool:
        """Whether value `k` lies in memory that an engine can be told of: the same at each run, or an argument's."""
        arguments = [self.made.registers[n] for n, v in enumerate(self.graph.values) if v.kind in ("input", "state")]
        return k not in self.replaced or any(np.shares_memory(self.made.registers[k], a) for a in arguments)

    def looks_into_operands(self, call: Call) -> bool:
        """Whether the result of a call lies in memory of its operands."""
        out = self.made.registers[call.outs[0]]
        return any(np.shares_memory(out, self.made.registers[a]) for a in call.args)


def audited(graph: Graph, options: CompileOptions, binder: EngineWithFallback | None = None) -> Audit:
    """Bind a graph so that each step is looked at; by default with the engine that is built in."""
    made = planner.bind(graph, options, binder)
    audit = Audit(graph, made)
    assert len(made.spans) == len(graph.steps) + 1
    assert made.spans[-1] == len(made.code)
    for i in range(len(graph.steps)):
        first, end = made.spans[i : i + 2]
        audit.described.append([c.call for c in made.code[first:end] if c.call is not None])
        if end > first and not isinstance(graph.steps[i], HostCall):
            made.code[end - 1] = attrs.evolve(made.code[end - 1], run=_watched(made.code[end - 1], audit, i))
    return audit


def _watched(planned: PlannedCall, audit: Audit, i: int) -> Thunk:
    def run() -> None:
        planned.run()
        audit.check(i)

    return run
