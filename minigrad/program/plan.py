"""The plan: for each step of a graph, a call bound to its arrays; for each result, its place in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import numpy as np

from minigrad.core.node import Constant, Sink
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.program.graph import Call, Clear, Deliver, Draw, Graph, Guard, Store, Update, evaluate
from minigrad.program.holding import arrive
from minigrad.program.kernels import VIEWS, Kernel, kernel_of
from minigrad.program.memory import Pool, fits_in_place, last_uses, roots_of

__all__ = ["Options", "Plan", "plan"]

Code = Callable[[], object]
copyto = np.copyto
_COPIED = 1 << 15
"""Arguments of so many bytes are copied to fixed memory: that costs less than looking operands up in each call."""


@attrs.frozen
class Options:
    """Which liberties the plan takes. Each can be switched off, and the answers stay.

    Attributes:
        reuse: dead buffers are used again. in_place: results overwrite operands that die.
        direct: gradients are computed where the optimizer wants them.
    """

    reuse: bool = True
    in_place: bool = True
    direct: bool = True


@attrs.define(eq=False)
class Plan:
    """Code over registers, one register for each value.

    Attributes:
        bound: each parameter and gradient buffer that the code was bound to, with a function that reads it now.
        bytes: memory of all results that the plan owns.
        late: number of calls whose operands are looked up at each run, since they come with the arguments.
    """

    registers: list[Array]
    code: list[Code]
    inputs: tuple[int, ...]
    state: tuple[tuple[int, Tensor], ...]
    outputs: tuple[int, ...]
    parameters: tuple[tuple[Tensor, Array], ...]
    sinks: tuple[tuple[Sink, Array | None], ...]
    bytes: int = 0
    late: int = 0
    direct: int = 0
    copied: tuple[Array | None, ...] = ()

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
                registers[k] = array
            else:
                copyto(copied, array)
        for k, t in self.state:
            registers[k] = t._node.value
        for call in self.code:
            call()
        return [registers[k].copy() for k in self.outputs]


def plan(graph: Graph, options: Options) -> Plan:
    """Bind a graph to memory."""
    return _Planner(graph, options).made()


class _Planner:
    def __init__(self, graph: Graph, options: Options) -> None:
        self.graph = graph
        self.values = graph.values
        self.options = options
        self.kernels = {c: k for c in graph.calls if (k := kernel_of(c, self.values)) is not None}
        self.roots = roots_of(graph, self.kernels)
        self.last = last_uses(graph, self.roots)
        self.pool = Pool(options.reuse)
        self.memory: dict[int, Array] = {}
        self.registers: list[Array] = [np.empty(0)] * len(self.values)
        self.static: set[int] = set()
        self.code: list[Code] = []
        self.parameters: list[tuple[Tensor, Array]] = []
        self.sinks: dict[Sink, Array | None] = {}
        self.late = 0
        self.landing = self._landings() if options.direct else {}
        self.delivered: set[int] = set()

    def made(self) -> Plan:
        """Walk through the steps."""
        inputs: list[int] = []
        state: list[tuple[int, Tensor]] = []
        known: set[int] = set()
        for k, v in enumerate(self.values):
            if v.kind == "constant" and v.number is not None:
                self._fix(k, v.number)
            elif v.kind == "parameter" and v.holder is not None:
                self._fix(k, v.holder._node.value)
                if id(v.holder) not in known:
                    known.add(id(v.holder))
                    self.parameters.append((v.holder, v.holder._node.value))
            elif v.kind == "input":
                inputs.append(k)
                if 0 < v.nbytes <= _COPIED:
                    self._fix(k, np.empty(v.shape, v.dtype))
            elif v.kind == "state" and v.holder is not None:
                state.append((k, v.holder))
        for i, step in enumerate(self.graph.steps):
            if isinstance(step, Call):
                self._call(i, step)
            elif isinstance(step, Deliver):
                self.sinks[step.sink] = step.sink.buffer
                self._deliver(step)
            elif isinstance(step, Clear):
                self.code.append(step.sink.clear)
            elif isinstance(step, Update):
                self._update(step)
            elif isinstance(step, Draw):
                array, self.memory[step.out] = self.pool.take(self.values[step.out])
                self._fix(step.out, array)
                self.code.append(partial(step.fill, array))
            elif isinstance(step, Guard):
                self._guard(step)
            else:
                self.code.append(partial(_store, self.registers, step))
            self._release(i)
        return Plan(
            self.registers, self.code, tuple(inputs), tuple(state), self.graph.outputs, tuple(self.parameters),
            tuple(self.sinks.items()), self.pool.total, self.late, len(self.landing),
            tuple(self.registers[k] if k in self.static else None for k in inputs),
        )  # fmt: skip

    def _update(self, step: Update) -> None:
        r, run, reads = self.registers, step.run, step.reads
        self.code.append(run if not reads else lambda: run(*[r[k] for k in reads]))

    def _guard(self, step: Guard) -> None:
        r, check, k = self.registers, step.check, step.value
        self.code.append(partial(check, r[k]) if k in self.static else lambda: check(r[k]))

    def _fix(self, k: int, array: Array) -> None:
        self.registers[k] = array
        self.static.add(k)

    # -- calls -----------------------------------------------------------------------------------------------------
    def _call(self, i: int, call: Call) -> None:
        kernel = self.kernels.get(call)
        static = all(a in self.static for a in call.args)
        if kernel is not None:
            out = self._place(i, call, kernel)
            self._fix(call.outs[0], out)
            self._emit(call, kernel, out if kernel.shape is None else out.reshape(kernel.shape), static)
        elif call.op.name in VIEWS and static and self._fixed_view(call):
            return
        else:
            self.late += 1
            self.code.append(partial(_forward, self.registers, call))

    def _fixed_view(self, call: Call) -> bool:
        """A view of fixed memory is fixed itself: nothing is left to do at run time."""
        x = self.registers[call.args[0]]
        (view,) = evaluate(call, [x])
        if not np.may_share_memory(view, x):
            return False
        self._fix(call.outs[0], view)
        return True

    def _emit(self, call: Call, kernel: Kernel, out: Array, static: bool) -> None:
        function, options, r = kernel.function, kernel.options, self.registers
        if static:
            operands = (*(r[a] for a in call.args), *kernel.more)
            self.code.append(partial(function, *operands, out=out, **options))
            return
        self.late += 1
        fixed = partial(function, out=out, **options)
        if len(call.args) == 2 and not kernel.more:
            a, b = call.args
            self.code.append(lambda: fixed(r[a], r[b]))
        else:
            args, more = call.args, kernel.more
            self.code.append(lambda: fixed(*[r[k] for k in args], *more))

    # -- memory ------------------------------------------------------------------------------------------------------
    def _place(self, i: int, call: Call, kernel: Kernel) -> Array:
        k = call.outs[0]
        value = self.values[k]
        if k in self.landing:
            return self.landing[k]
        if self.options.in_place and self.options.reuse and kernel.in_place:
            operands = [self.values[a] for a in call.args]
            for n, a in enumerate(call.args):
                dying = self.last.get(a) == i and a in self.memory and self.roots.get(a) == frozenset((a,))
                if dying and fits_in_place(value, operands, n):
                    memory = self.memory.pop(a)
                    self.memory[k] = memory
                    return Pool.view(memory, value)
        array, self.memory[k] = self.pool.take(value)
        return array

    def _release(self, i: int) -> None:
        dead = [k for k in self.memory if self.last.get(k, -1) <= i]
        for k in dead:
            self.pool.give(self.memory.pop(k))

    # -- gradients ---------------------------------------------------------------------------------------------------
    def _landings(self) -> dict[int, Array]:
        """Results that can be computed right in the gradient buffer they are for."""
        deliveries = [s for s in self.graph.steps if isinstance(s, Deliver)]
        made = {c.outs[0] for c in self.kernels}
        found: dict[int, Array] = {}
        for d in deliveries:
            buffer = d.sink.buffer
            alone = sum(o.sink is d.sink for o in deliveries) == 1 and sum(o.value == d.value for o in deliveries) == 1
            fits = buffer is not None and buffer.dtype == self.values[d.value].dtype
            early = self._after(d)
            if d.fresh and alone and fits and early and d.value in made and buffer is not None:
                found[d.value] = buffer
        return found

    def _after(self, delivery: Deliver) -> bool:
        """Whether the gradient is made after the last thing that could still want the old one."""
        steps = self.graph.steps
        made = (
            next(i for i, s in enumerate(steps) if isinstance(s, Call) and delivery.value in s.outs)
            if any(isinstance(s, Call) and delivery.value in s.outs for s in steps)
            else len(steps)
        )
        cleared = [i for i, s in enumerate(steps) if isinstance(s, Clear) and s.sink is delivery.sink]
        updates = [i for i, s in enumerate(steps) if isinstance(s, Update)]
        at = steps.index(delivery)
        return bool(cleared) and not any(made < u < at for u in updates)

    def _deliver(self, step: Deliver) -> None:
        sink, k, fresh = step.sink, step.value, step.fresh
        if k in self.landing:
            self.code.append(partial(_landed, sink))
        elif k in self.static:
            self.code.append(partial(arrive, sink, self.registers[k], fresh))
        else:
            self.late += 1
            self.code.append(lambda: arrive(sink, self.registers[k], fresh))


def _landed(sink: Sink) -> None:
    sink.grad = None
    sink.filled = True


def _forward(registers: list[Array], call: Call) -> None:
    found = evaluate(call, [registers[a] for a in call.args])
    for k, array in zip(call.outs, found, strict=True):
        registers[k] = array


def _store(registers: list[Array], step: Store) -> None:
    number = registers[step.value].copy()
    number.flags.writeable = False
    step.holder._node = Constant(number)
