"""What the step holds while it is traced: parameters and their gradients, and other Tensors.

During the trace they hold stand-ins; afterwards everything is as it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import numpy as np

from minigrad.core.graph import Constant, GradAccumulator, Leaf, Node
from minigrad.core.mode import mode_override
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import Clear, Deliver, Store, Update, Value
from minigrad.program.trace.captures import Reach
from minigrad.program.trace.closure import recorded
from minigrad.program.trace.fake_array import standin

if TYPE_CHECKING:
    from minigrad.program.trace.tracer import Trace

__all__ = ["Holding", "arrive"]


@attrs.define(eq=False)
class _Held:
    """A parameter during the trace: its true leaf, the true state of its sink (`has_grad`, `grad`), and whether the
    step has emptied it."""

    tensor: Tensor
    leaf: Leaf
    has_grad: bool
    grad: Tensor | None
    cleared: bool = False


def arrive(sink: GradAccumulator, g: Array, fresh: bool) -> None:
    """Deliver the numbers `g`, which may change afterwards, to a parameter."""
    if sink.buffer is not None:
        if fresh or not sink.has_grad:
            sink.buffer[...] = g
        else:
            sink.buffer += g
        sink.grad = None
    else:
        old = None if fresh or sink.grad is None else sink.grad._node.value
        total = g.copy() if old is None else old + g
        total.flags.writeable = False
        sink.grad = tensor_of(Constant(total))
    sink.has_grad = True


class Holding:
    """Puts stand-ins into everything the step holds, and takes them out again."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._held: list[_Held] = []
        self._of_sink: dict[GradAccumulator, _Held] = {}
        self._marker = Constant(standin(trace, -1, (0,), np.dtype(np.float64)))
        self._state: list[tuple[Tensor, Node]] = []

    @contextmanager
    def hold(self, found: Reach) -> Iterator[None]:
        """Everything in `found` holds stand-ins inside the block."""
        for t in found.parameters:
            leaf = t._node
            if isinstance(leaf, Leaf) and leaf.sink not in self._of_sink:
                held = _Held(t, leaf, leaf.sink.has_grad, leaf.sink.grad)
                self._held.append(held)
                self._of_sink[leaf.sink] = held
        true = [(t, t._node) for t in found.state if not t._node.requires_grad]
        self._enter()
        for t, node in true:
            index = self.trace.add(Value(node.value.shape, node.value.dtype, "state", holder=t), node.value)
            t._node = Constant(self.trace.stand_in(index))
            self._state.append((t, t._node))
        try:
            yield
            self._note_clears()
            self._store()
        finally:
            for h in self._held:
                self._age(h)
                h.tensor._node = h.leaf
                h.leaf.sink.has_grad, h.leaf.sink.grad = h.has_grad, h.grad
            for t, node in true:
                t._node = node

    def _store(self) -> None:
        """Write down which Tensors have been given new values since we last looked."""
        for i, (t, held) in enumerate(self._state):
            if t._node is not held:
                self.trace.steps.append(Store(t, self.trace.index_of(t._node.value)))
                self._state[i] = (t, t._node)

    def deliver(self, leaf: Leaf, g: Tensor) -> None:
        """Write down that a gradient arrives, and keep what is known of the sum so far."""
        sink = leaf.sink
        held = self._of_sink.get(sink)
        if held is None:  # a leaf that the step has made itself
            sink.grad = g if sink.grad is None else sink.grad + g
            sink.has_grad = True
            return
        self._note_clear(held)
        if sink.grad is not None and sink.grad._node is not self._marker:
            total = sink.grad + g
            self.trace.steps.append(Deliver(sink, self.trace.index_of(total._node.value), True))
            sink.grad = total
            return
        self.trace.steps.append(Deliver(sink, self.trace.index_of(g._node.value), not sink.has_grad))
        held.cleared = False
        # With something there from before the program, what it adds up to is known at run time only.
        sink.grad = tensor_of(self._marker) if sink.has_grad else g
        sink.has_grad = True

    def _note_clears(self) -> None:
        for h in self._held:
            self._note_clear(h)

    def _note_clear(self, held: _Held) -> None:
        """Write down a zero_grad that has happened since we last looked."""
        if not held.leaf.sink.has_grad and not held.cleared:
            held.cleared = True
            self.trace.steps.append(Clear(held.leaf.sink))

    def _enter(self) -> None:
        """Parameters hold new stand-ins. A gradient of before is a marker, so that its clearing is seen."""
        for h in self._held:
            sink, value = h.leaf.sink, h.leaf.value
            h.cleared = False
            sink.has_grad, sink.grad = True, tensor_of(self._marker)
            index = self.trace.add(Value(value.shape, value.dtype, "parameter", holder=h.tensor), value)
            h.tensor._node = Leaf(self.trace.stand_in(index), sink)

    @staticmethod
    def _age(held: _Held) -> None:
        """No backward may go through what the parameter stood for until now."""
        if isinstance(held.tensor._node, Leaf):
            held.tensor._node.stale = True

    def perform(self, update: Update) -> None:
        """Write down an update, which sees what has been stored; from here on parameters are other values."""
        self._note_clears()
        self._store()
        self.trace.steps.append(update)
        for h in self._held:
            self._age(h)
        self._enter()

    def perform_with(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        """The same for an update that wants a closure: what it is given applies the recorded calls to real Tensors."""
        trace = self.trace
        self._note_clears()
        before, trace.steps = trace.steps, []
        state = [t._node for t, _ in self._state]
        try:
            with mode_override(grad=True):
                loss = closure()
            if any(t._node is not node for (t, _), node in zip(self._state, state, strict=True)):
                raise TraceError(
                    "a closure for opt.step() changed a Tensor that the step holds (a running mean?): an optimizer "
                    "evaluates it as often as it likes. Use model.eval() inside it, or leave @mg.define off"
                )
            replay = recorded(trace.values, trace.steps, trace.index_of(loss._node.value))
        finally:
            trace.steps = before

        def again(*arrays: Array) -> object:
            return run(lambda: replay.loss(arrays))

        self.perform(Update(again, name, owner, replay.feeds))
