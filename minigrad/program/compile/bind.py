"""The planner: binds each step of a graph to memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from minigrad.core.graph import Constant, GradAccumulator
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.engines import EngineWithFallback
from minigrad.engines.fast_calls import bind_call
from minigrad.engines.plan import PlannedCall, PlansUpdates
from minigrad.engines.products import OneBlasThread, SharedProduct, keeps_blas_busy, sums_keep_blas_busy
from minigrad.engines.protocol import Thunk
from minigrad.program.compile.aliasing import view_calls
from minigrad.program.compile.array_calls import ArrayCalls
from minigrad.program.compile.concat_in_place import InPlaceConcats, in_place_concats
from minigrad.program.compile.direct_gradients import accumulate_into, direct_gradients
from minigrad.program.compile.executable import CompileOptions, Executable
from minigrad.program.compile.liveness import BufferPool, alias_roots, fits_in_place, last_uses
from minigrad.program.errors import TraceError
from minigrad.program.graph import (
    AccumulateGrad,
    Assert,
    AssignBuffer,
    Call,
    FillRandom,
    FusedCall,
    Graph,
    HostCall,
    Instruction,
    ZeroGrad,
    defs,
    eval_call,
)
from minigrad.program.kernels import Kernel, kernel_of
from minigrad.program.passes.fusion.emit_group import GroupMemory, emit_group
from minigrad.program.passes.fusion.fusible import group_instructions
from minigrad.runtime.repetition import note_assignment
from minigrad.runtime.source_line import with_source_text

__all__ = ["bind"]

_COPIED = 1 << 15
"""Bytes up to which arguments are copied to fixed memory.

That costs less than looking operands up in each call.
"""


def bind(graph: Graph, options: CompileOptions, binder: EngineWithFallback | None = None) -> Executable:
    """Bind a graph to memory, its groups by an engine (by default the built-in one)."""
    return _Binder(graph, options, binder or EngineWithFallback.built_in()).compile()


class _Binder:
    def __init__(self, graph: Graph, options: CompileOptions, binder: EngineWithFallback) -> None:
        self.graph = graph
        self.values = graph.values
        self.options = options
        self.binder = binder
        kernels = {c: k for c in graph.steps if isinstance(c, Call) and (k := kernel_of(c, self.values)) is not None}
        self.views, forms = view_calls(graph, kernels)
        self.kernels = {c: k for c, k in kernels.items() if c not in self.views}
        self.roots = alias_roots(graph, self.kernels, self.views)
        self.last = last_uses(graph, self.roots)
        self.ends: dict[int, list[int]] = {}
        for root, end in self.last.items():
            self.ends.setdefault(end, []).append(root)
        self.pool = BufferPool(options.reuse)
        self.memory: dict[int, Array] = {}
        self.registers: list[Array] = [np.empty(0)] * len(self.values)
        self.fixed: set[int] = set()
        self.described = ArrayCalls(self.values, self.registers, self.fixed, forms, self.roots)
        self.code: list[PlannedCall] = []
        self.prologue: list[Thunk] = []
        self.sinks: dict[GradAccumulator, Array | None] = {}
        self.scratch = self.n_allocating = 0
        self.notes: dict[int, str] = {}
        self.landing = direct_gradients(graph, self.kernels) if options.direct else {}
        self.joins = InPlaceConcats()
        if options.direct:
            self.joins = in_place_concats(graph, self.kernels, self.landing, self.binder.writes_rows_apart)
        self.places = {**self.joins.places, **self.landing}

    def compile(self) -> Executable:
        """Walk through the steps."""
        inputs, state, parameters = self._entered()
        spans = []
        for i, step in enumerate(self.graph.steps):
            spans.append(len(self.code))
            self._step(i, step)
            self._release(i)
        return Executable(
            self.registers, self.code, inputs, state, self.graph.outputs, parameters, tuple(self.sinks.items()),
            self.pool.total + self.joins.bytes, len(self.landing),
            tuple(self.registers[k] if k in self.fixed else None for k in inputs), self.scratch,
            (*spans, len(self.code)), self.notes, self.n_allocating, self.prologue, self.binder,
        )  # fmt: skip

    def _entered(self) -> tuple[tuple[int, ...], tuple[tuple[int, Tensor], ...], tuple[tuple[Tensor, Array], ...]]:
        """What is there before the first step: inputs, held Tensors and parameters."""
        inputs: list[int] = []
        state: list[tuple[int, Tensor]] = []
        parameters: dict[int, tuple[Tensor, Array]] = {}
        for k, v in enumerate(self.values):
            if v.data is not None:
                self._fix(k, v.data)
            elif v.tensor is None:
                if v.kind == "input":
                    inputs.append(k)
                    if 0 < v.nbytes <= _COPIED:
                        self._fix(k, np.empty(v.shape, v.dtype))
            elif v.kind == "parameter":
                self._fix(k, v.tensor._node.value)
                parameters.setdefault(id(v.tensor), (v.tensor, v.tensor._node.value))
            else:
                state.append((k, v.tensor))
        return tuple(inputs), tuple(state), tuple(parameters.values())

    def _step(self, i: int, step: Instruction) -> None:
        if isinstance(step, Call):
            self._call(i, step)
        elif isinstance(step, FusedCall):
            self._fused(i, step)
        elif isinstance(step, AccumulateGrad):
            self.sinks[step.sink] = step.sink.buffer
            self._deliver(step)
        elif isinstance(step, ZeroGrad):
            following = self.graph.steps[i + 1 : i + 2]
            if not any(isinstance(s, AccumulateGrad) and s.sink is step.sink and s.fresh for s in following):
                self.code.append(PlannedCall(step.sink.clear, is_effect=True))
        elif isinstance(step, HostCall):
            self._update(step)
        elif isinstance(step, FillRandom):
            array, self.memory[step.out] = self.pool.take(self.values[step.out])
            self._fix(step.out, array)
            self.code.append(PlannedCall(partial(step.fill, array)))
        elif isinstance(step, Assert):
            self._guard(step)
        else:
            self.code.append(PlannedCall(partial(_assign_buffer, self.registers, step)))

    def _update(self, step: HostCall) -> None:
        r, run, reads = self.registers, step.run, step.reads
        if reads:
            self.code.append(PlannedCall(lambda: run(*[r[k] for k in reads]), uses_blas_threads=True))
        else:
            alone = sum(isinstance(s, HostCall) and s.owner is step.owner for s in self.graph.steps) == 1
            owner = step.owner if alone and self._is_complete(step) else None
            by_entry = isinstance(step.owner, PlansUpdates) and step.owner.is_elementwise
            self.code.append(PlannedCall(run, owner=owner, uses_blas_threads=not by_entry))

    def _is_complete(self, step: HostCall) -> bool:
        """Whether gradients of all that an optimizer moves have been computed where it wants them."""
        if not isinstance(step.owner, PlansUpdates):
            return False
        before = self.graph.steps[: self.graph.steps.index(step)]
        arrived = {s.sink for s in before if isinstance(s, AccumulateGrad)}
        return step.owner.gradient_sinks() <= arrived

    def _guard(self, step: Assert) -> None:
        r, check, k = self.registers, step.check, step.value
        run = partial(check, r[k]) if k in self.fixed else lambda: check(r[k])
        self.code.append(PlannedCall(run, self.described.of_check(step)))

    def _fix(self, k: int, array: Array) -> None:
        self.registers[k] = array
        self.fixed.add(k)

    # -- calls -----------------------------------------------------------------------------------------------------
    def _call(self, i: int, call: Call) -> None:
        kernel = self.kernels.get(call)
        is_fixed = all(a in self.fixed for a in call.args)
        if call in self.joins.calls:
            self._fix(call.outs[0], self.places[call.outs[0]])
        elif kernel is not None and self._takes_alone(call, kernel):
            self._fused(
                i, FusedCall((call,), self.values[call.outs[0]].shape, tuple(dict.fromkeys(call.args)), call.outs)
            )
        elif kernel is not None:
            out = self._place(i, call, kernel)
            self._fix(call.outs[0], out)
            self._emit(call, kernel, out if kernel.shape is None else out.reshape(kernel.shape), is_fixed)
        elif call in self.views and is_fixed:  # a view of fixed memory is fixed itself: nothing is left to do
            self._fix(call.outs[0], eval_call(call, [self.registers[a] for a in call.args])[0])
        else:
            self.n_allocating += call not in self.views
            run = partial(_forward, self.registers, call, [self.values[k].shape for k in call.outs])
            if call in self.views and self.described.operand(call.outs[0]) is not None:
                self.prologue.append(run)  # a view of an argument
            else:
                self.code.append(PlannedCall(run, uses_blas_threads=call not in self.views))

    def _takes_alone(self, call: Call, kernel: Kernel) -> bool:
        """Whether an engine should take an elementwise call that is no part of a group.

        NumPy itself would make the same call of it.
        """
        lone = isinstance(kernel.function, np.ufunc) and bool(self.values[call.outs[0]].shape)
        return self.binder.engine is not None and lone and bool(group_instructions(call, self.values))

    def _emit(self, call: Call, kernel: Kernel, out: Array, is_fixed: bool) -> None:
        function, options, r = kernel.function, kernel.options, self.registers
        described = self.described.of_kernel(call, kernel, out)
        shapes = [self.values[a].shape for a in call.args]
        alone = self.binder.engine is None and keeps_blas_busy(kernel.routine, shapes, out.shape)
        if alone and kernel.routine == "matmul":
            function = SharedProduct.of(function, shapes[0], shapes[1], out) or function
        run: Thunk
        if is_fixed:
            operands = (*(r[a] for a in call.args), *kernel.more)
            run = partial(function, *operands, out=out, **options) if options else bind_call(function, operands, out)
        else:
            fixed, args, more = partial(function, out=out, **options), call.args, kernel.more
            if len(args) == 2 and not more:
                a, b = args
                run = lambda: fixed(r[a], r[b])  # noqa: E731 (one of two)
            else:
                run = lambda: fixed(*[r[k] for k in args], *more)  # noqa: E731
        self.code.append(PlannedCall(OneBlasThread((run,)) if alone else run, described))

    def _fused(self, i: int, step: FusedCall) -> None:
        """A group, bound by the engine. Results may take the memory of operands that die here."""
        dying = self._dying(i, step) if self.options.in_place and self.options.reuse else []
        outputs = {k: self._place_of_group(step, k, dying) for k in step.defs}
        any_order = self.options.any_order
        memory = GroupMemory(self.registers, self.fixed, outputs, self.described.fetch)
        group = emit_group(step, self.values, memory, any_order)
        bound = self.binder.bind(group)
        for k, array in outputs.items():
            self._fix(k, array)
        alone = self.binder.engine is None and sums_keep_blas_busy(group)
        self.code += [PlannedCall(OneBlasThread((run,)) if alone else run) for run in bound.calls]
        self.notes[i] = bound.note
        self.scratch = max(self.scratch, bound.bytes)

    # -- memory ------------------------------------------------------------------------------------------------------
    def _place(self, i: int, call: Call, kernel: Kernel) -> Array:
        k = call.outs[0]
        value = self.values[k]
        if k in self.places:
            return self.places[k]
        if self.options.in_place and self.options.reuse and kernel.in_place:
            for a in call.args:
                if self.last.get(a) == i and a in self.memory and fits_in_place(value, self.values[a]):
                    self.memory[k] = self.memory.pop(a)
                    return BufferPool.view(self.memory[k], value)
        array, self.memory[k] = self.pool.take(value)
        return array

    def _place_of_group(self, step: FusedCall, k: int, dying: Sequence[int]) -> Array:
        value = self.values[k]
        if k in self.places:
            return self.places[k]
        if value.shape == step.space:
            for a in dying:
                if a in self.memory and fits_in_place(value, self.values[a]):
                    self.memory[k] = self.memory.pop(a)
                    return BufferPool.view(self.memory[k], value)
        array, self.memory[k] = self.pool.take(value)
        return array

    def _dying(self, i: int, step: FusedCall) -> list[int]:
        """What a group reads for the last time, and through no other of its operands."""
        met = Counter(root for r in step.reads for root in self.roots.get(r, (r,)))
        return [a for a in step.reads if self.last.get(a) == i and a in self.memory and met[a] == 1]

    def _release(self, i: int) -> None:
        for k in (*self.ends.get(i, ()), *defs(self.graph.steps[i])):
            if k in self.memory and self.last.get(k, -1) <= i:
                self.pool.give(self.memory.pop(k))

    # -- gradients ---------------------------------------------------------------------------------------------------
    def _deliver(self, step: AccumulateGrad) -> None:
        sink, k, fresh = step.sink, step.value, step.fresh
        if k in self.landing:
            self._mark_delivered(sink)
        elif k in self.fixed and fresh and sink.buffer is not None:
            copied = partial(np.copyto, sink.buffer, self.registers[k])
            self.code.append(PlannedCall(copied, self.described.of_delivery(step)))
            self._mark_delivered(sink)
        elif k in self.fixed:
            self.code.append(PlannedCall(partial(accumulate_into, sink, self.registers[k], fresh)))
        else:
            self.code.append(PlannedCall(lambda: accumulate_into(sink, self.registers[k], fresh)))

    def _mark_delivered(self, sink: GradAccumulator) -> None:
        mark = self.code[-1].run if self.code else None
        if not isinstance(mark, _MarkDelivered):
            mark = _MarkDelivered()
            self.code.append(PlannedCall(mark, is_effect=True))
        mark.sinks.append(sink)


class _MarkDelivered:
    """Gradients are where the optimizer wants them."""

    def __init__(self) -> None:
        self.sinks: list[GradAccumulator] = []

    def __call__(self) -> None:
        for sink in self.sinks:
            sink.grad = None
            sink.has_grad = True


def _forward(registers: list[Array], call: Call, shapes: Sequence[Shape]) -> None:
    outputs = eval_call(call, [registers[a] for a in call.args])
    for k, array, shape in zip(call.outs, outputs, shapes, strict=True):
        if array.shape != shape:
            raise TraceError(
                f"op {call.op.name!r} gave {shape} when the program was recorded, and now {array.shape}: how many "
                f"entries there are depends on the numbers\n  at {with_source_text(call.where)}\nUse mg.where or a sum "
                "with a mask, which keep their shape, or leave @mg.define off"
            )
        registers[k] = array


def _assign_buffer(registers: list[Array], step: AssignBuffer) -> None:
    number = registers[step.value].copy()
    number.flags.writeable = False
    note_assignment(step.tensor)
    step.tensor._node = Constant(number)
