"""Parameters and buffers lifted to inputs while a step is traced.

Inside the trace they hold fake arrays; afterwards everything is as it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import attrs

from minigrad.core.graph import OUTDATED, Constant, GradAccumulator, Leaf, Node, UnreadableGradient
from minigrad.core.mode import mode_override
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, TensorBase
from minigrad.program.errors import TraceError
from minigrad.program.graph import AccumulateGrad, AssignBuffer, HostCall, Value, ZeroGrad
from minigrad.program.trace.captures import Captures
from minigrad.program.trace.closure import ClosureReplay
from minigrad.program.trace.fake_array import refuse_once
from minigrad.program.trace.recorder import Recorder
from minigrad.runtime.interrupts import complete

__all__ = ["LiftedState"]


@attrs.define(eq=False)
class _LiftedParameter:
    """A parameter during the trace.

    Attributes:
        tensor: holds fake arrays until the trace ends.
        leaf: what it held before.
        has_grad: of its accumulator before the trace.
        grad: of its accumulator before the trace.
        cleared: whether the step has emptied the accumulator.
    """

    tensor: Tensor
    leaf: Leaf
    has_grad: bool
    grad: TensorBase | None
    cleared: bool = False


class _GradientOfBefore(UnreadableGradient):
    """What has come together in an accumulator before the program, and perhaps in it."""

    __slots__ = ()

    def refuse(self) -> NoReturn:
        refuse_once("t.grad where only a run knows it: read it between backward() and opt.step()")


class LiftedState:
    """Puts fake arrays into everything the step holds, and takes them out again."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._parameters: list[_LiftedParameter] = []
        self._by_sink: dict[GradAccumulator, _LiftedParameter] = {}
        self._buffers: list[tuple[Tensor, Node]] = []

    @contextmanager
    def lifted(self, captures: Captures) -> Iterator[None]:
        """Everything in `captures` holds fake arrays inside the block."""
        for t in captures.parameters:
            leaf = t._node
            if isinstance(leaf, Leaf) and leaf.sink not in self._by_sink:
                parameter = _LiftedParameter(t, leaf, leaf.sink.has_grad, leaf.sink.grad)
                self._parameters.append(parameter)
                self._by_sink[leaf.sink] = parameter
        before = [(t, t._node) for t in captures.state if not t._node.requires_grad]
        try:
            self._rebind()
            for t, node in before:
                value = Value(node.value.shape, node.value.dtype, "state", tensor=t)
                t._node = Constant(self._recorder.fake(self._recorder.add(value, node.value)))
                self._buffers.append((t, t._node))
            yield
            self._record_cleared()
            self._record_buffer_writes()
        finally:
            complete(self._put_back, before)

    def _put_back(self, before: Sequence[tuple[Tensor, Node]]) -> None:
        """Give everything what it held before the trace. May be begun anew after an interrupt."""
        for p in self._parameters:
            if p.tensor._node is not p.leaf:
                self._mark_stale(p)
                p.tensor._node = p.leaf
            p.leaf.sink.has_grad, p.leaf.sink.grad = p.has_grad, p.grad
        for t, node in before:
            t._node = node

    def parameters(self) -> list[Tensor]:
        """The parameters that are lifted."""
        return [p.tensor for p in self._parameters]

    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        """Write down that a gradient arrives, and keep what is known of the sum so far."""
        sink = leaf.sink
        parameter = self._by_sink.get(sink)
        if parameter is None:  # a leaf that the step has made itself
            sink.grad = sink.grad + g if isinstance(sink.grad, Tensor) else g
            sink.has_grad = True
            return
        self._record_zero_grad(parameter)
        steps, index_of = self._recorder.steps, self._recorder.index_of
        if isinstance(sink.grad, Tensor):
            total = sink.grad + g
            steps.append(AccumulateGrad(sink, index_of(total._node.value), True))
            sink.grad = total
            return
        steps.append(AccumulateGrad(sink, index_of(g._node.value), not sink.has_grad))
        parameter.cleared = False
        # With something there from before the program, what it adds up to is known at run time only.
        sink.grad = _GradientOfBefore() if sink.has_grad else g
        sink.has_grad = True

    def record_host_call(self, call: HostCall) -> None:
        """Write down a host call, which sees what has been stored.

        From here on parameters are other values.
        """
        self._record_cleared()
        self._record_buffer_writes()
        self._recorder.steps.append(call)
        for p in self._parameters:
            self._mark_stale(p)
        self._rebind()

    def record_host_call_with_closure(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        """Write down a host call that wants a closure.

        It is given one that applies the recorded calls to Tensors.

        Raises:
            TraceError: the closure does more than compute the loss.
        """
        recorder = self._recorder
        self._record_cleared()
        before, recorder.steps = recorder.steps, []
        nodes = [t._node for t, _ in self._buffers]
        try:
            with mode_override(grad=True):
                loss = closure()
            if any(t._node is not node for (t, _), node in zip(self._buffers, nodes, strict=True)):
                raise TraceError(
                    "a closure for opt.step() changed a Tensor that the step holds (a running mean?): an optimizer "
                    "evaluates it as often as it likes. Use model.eval() inside it, or leave @mg.define off"
                )
            replay = ClosureReplay.of(recorder.values, recorder.steps, recorder.index_of(loss._node.value))
        finally:
            recorder.steps = before

        def run_with_replay(*arrays: Array) -> object:
            return run(lambda: replay.loss(arrays))

        self.record_host_call(HostCall(run_with_replay, name, owner, replay.feeds))

    def _rebind(self) -> None:
        """Give parameters new fake arrays.

        A gradient of before is a marker, so that its clearing is seen.
        """
        for p in self._parameters:
            sink, value = p.leaf.sink, p.leaf.value
            p.cleared = False
            sink.has_grad, sink.grad = True, _GradientOfBefore()
            index = self._recorder.add(Value(value.shape, value.dtype, "parameter", tensor=p.tensor), value)
            p.tensor._node = Leaf(self._recorder.fake(index), sink)

    def _record_buffer_writes(self) -> None:
        """Write down which buffers have been given new values since the last look."""
        for i, (t, node) in enumerate(self._buffers):
            if t._node is not node:
                self._recorder.steps.append(AssignBuffer(t, self._recorder.index_of(t._node.value)))
                self._buffers[i] = (t, t._node)

    def _record_cleared(self) -> None:
        for p in self._parameters:
            self._record_zero_grad(p)

    def _record_zero_grad(self, parameter: _LiftedParameter) -> None:
        """Write down a zero_grad that has happened since the last look."""
        if not parameter.leaf.sink.has_grad and not parameter.cleared:
            parameter.cleared = True
            self._recorder.steps.append(ZeroGrad(parameter.leaf.sink))

    @staticmethod
    def _mark_stale(parameter: _LiftedParameter) -> None:
        """No backward may go through what the parameter stood for until now."""
        if isinstance(parameter.tensor._node, Leaf):
            parameter.tensor._node.seq = OUTDATED
