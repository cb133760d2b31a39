"""Tracing: one run of the step on fake arrays.

Every op call is evaluated and written down.

Nothing that the step does besides ops happens: no update, no draw. The first run of the program does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

import numpy as np

from minigrad.core.apply import unpack_args
from minigrad.core.graph import OUTDATED, Constant, Leaf, MultiOutputNode, Node, OutputNode, next_sequence, record_call
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Shape
from minigrad.program.errors import TraceError, UsesGraphOutside
from minigrad.program.graph import Assert, FillRandom, HostCall, Value
from minigrad.program.trace.fake_array import FakeArray, refuse_once
from minigrad.program.trace.lifted_state import LiftedState
from minigrad.program.trace.recorder import Recorder
from minigrad.runtime.effects import Check, Tracer
from minigrad.runtime.source_line import user_frame_location, with_source_text

__all__ = ["StepTracer"]


class StepTracer(Tracer):
    """Takes over every op and every effect of a step while it runs once.

    Attributes:
        recorder: where op calls and effects are written down.
        lifted: the parameters and buffers that the step holds.
    """

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.lifted = LiftedState(self.recorder)
        self._start = next_sequence()

    def input(self, array: Array) -> Tensor:
        """A Tensor for an argument of the step."""
        index = self.recorder.add(Value(array.shape, array.dtype, "input"), array)
        return tensor_of(Constant(self.recorder.fake(index)))

    def edges(self, node: Node) -> tuple[list[Tensor], Leaf | None]:
        """Find what the graph below a node rests on.

        Parameters that the step holds, and a stale leaf, if there is one.
        """
        held = {p._node: p for p in self.lifted.parameters()}
        parameters: dict[Node, Tensor] = {}
        stale: Leaf | None = None
        stack, seen = [node], {node}
        while stack:
            top = stack.pop()
            if isinstance(top, Leaf):
                stale = top if top.seq == OUTDATED else stale
                if top in held:
                    parameters[top] = held[top]
            for parent in top.parents:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return list(parameters.values()), stale

    # -- ops -----------------------------------------------------------------------------------------------------
    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        """Evaluate and write down one op call (see `minigrad.core.mode.Interceptor`)."""
        recorder = self.recorder
        kwargs = op.bind_kwargs(kwargs)
        handles = tuple(tensor_of(Constant(a)) if isinstance(a, FakeArray) else a for a in args)
        arrays, parents, requires_grad = unpack_args(op, handles)
        for p in parents:
            if isinstance(p, Leaf) and p.seq < self._start and not isinstance(p.value, FakeArray):
                raise TraceError(
                    f"op {op.name!r} uses a parameter of shape {p.value.shape} that the program cannot find again"
                    f"\n  at {with_source_text(user_frame_location())}\n"
                    "Pass the model to the step as an argument, or hold it in a variable that the step names"
                )
            if p is not None and p.seq < self._start and not isinstance(p.value, FakeArray) and grad:
                raise UsesGraphOutside("the step uses a Tensor that was computed outside and requires a gradient")
        tracked = requires_grad and grad and not op.claims.piecewise_constant
        flows = tuple(p is not None for p in parents) if tracked else ()
        outs, is_tuple = recorder.record_call(op, [recorder.index_of(a) for a in arrays], kwargs, flows)
        fakes = tuple(recorder.fake(k) for k in outs)
        if not is_tuple:
            node: Node = record_call(op, fakes[0], arrays, parents, kwargs) if tracked else Constant(fakes[0])
            return tensor_of(node)
        if not tracked:
            return tuple(tensor_of(Constant(f)) for f in fakes)
        source = MultiOutputNode(op, fakes, arrays, parents, kwargs)
        return tuple(
            tensor_of(OutputNode(source, i) if f.dtype.kind == "f" else Constant(f)) for i, f in enumerate(fakes)
        )

    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Do nothing: VJP rules are recorded call by call."""

    # -- effects -------------------------------------------------------------------------------------------------
    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        """Write down that a gradient arrives at a leaf."""
        self.lifted.accumulate_grad(leaf, g)

    def runtime_check(self, value: Array, check: Check) -> None:
        """Run a check on a value now, and at each run."""
        if not isinstance(value, FakeArray):
            check(value)
            return
        index = self.recorder.index_of(value)
        check(self.recorder.numbers[index])
        self.recorder.steps.append(Assert(check, index))

    def concrete_value(self, value: Array) -> Array:
        """The numbers that a value has in this run."""
        return self.recorder.numbers[self.recorder.index_of(value)]

    def random_array(self, fill: Callable[[Array], object], shape: Shape, dtype: np.dtype[np.float64]) -> Tensor:
        """A Tensor that `fill` draws anew at each run."""
        value = Value(shape, dtype, "result")
        numbers = value.empty()
        numbers.fill(0.5)  # like a drawn one, without a draw
        index = self.recorder.add(value, numbers)
        self.recorder.steps.append(FillRandom(fill, index))
        return tensor_of(Constant(self.recorder.fake(index)))

    def refuse(self, what: str) -> NoReturn:
        """Say that the step does something that only recording it would do."""
        refuse_once(what)

    def record_effect(self, owner: object, name: str, run: Callable[[], object]) -> None:
        """Write down a host call, such as an optimizer's step."""
        self.lifted.record_host_call(HostCall(run, name, owner))

    def record_effect_with_closure(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        """Write down a host call that evaluates a loss as often as it likes."""
        self.lifted.record_host_call_with_closure(owner, name, run, closure)
