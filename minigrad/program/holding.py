"""What the step holds while it is traced: parameters and their gradients, other Tensors, optimizers.

During the trace parameters hold stand-ins. Where something real must happen (an optimizer's step, the end) the true
numbers are put back first, with the gradients that have been delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import attrs
import numpy as np

from minigrad.core.mode import switched
from minigrad.core.node import Constant, Leaf, Node, Sink
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import Clear, Deliver, Store, Update, Value
from minigrad.program.replay import recorded
from minigrad.program.scan import Reach
from minigrad.program.standin import StandIn, standin

if TYPE_CHECKING:
    from minigrad.program.trace import Trace

__all__ = ["Holding", "arrive"]

R = TypeVar("R")


@attrs.define(eq=False)
class _Held:
    """A parameter during the trace: its true leaf, and its gradient as it was and as it is now.

    `filled` and `grad` are the true state of the sink; `cleared` tells whether the program has emptied it.
    """

    tensor: Tensor
    leaf: Leaf
    filled: bool
    grad: Tensor | None
    cleared: bool = False


def arrive(sink: Sink, g: Array, fresh: bool) -> None:
    """Deliver the numbers `g`, which may change afterwards, to a parameter."""
    if sink.buffer is not None:
        if fresh or not sink.filled:
            sink.buffer[...] = g
        else:
            sink.buffer += g
        sink.grad = None
    else:
        old = None if fresh or sink.grad is None else sink.grad._node.value
        total = g.copy() if old is None else old + g
        total.flags.writeable = False
        sink.grad = wrap(Constant(total))
    sink.filled = True


class Holding:
    """Puts stand-ins into everything the step holds, and takes them out again."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._held: list[_Held] = []
        self._of_sink: dict[Sink, _Held] = {}
        self._marker = Constant(standin(trace, -1, (0,), np.dtype(np.float64)))
        self._replayed = 0
        self._state: list[tuple[Tensor, Node, Node]] = []

    @contextmanager
    def hold(self, found: Reach) -> Iterator[None]:
        """Everything in `found` holds stand-ins inside the block."""
        self._held = [_Held(t, t._node, False, None) for t in found.parameters if isinstance(t._node, Leaf)]
        self._of_sink = {h.leaf.sink: h for h in self._held}
        self._enter()
        for t in found.state:
            node = t._node
            if isinstance(node.value, StandIn) or node.tracked:
                continue
            index = self.trace.add(Value(node.value.shape, node.value.dtype, "state", holder=t), node.value)
            new: Node = Constant(self.trace.stand_in(index))
            self._state.append((t, node, new))
            t._node = new
        done = False
        try:
            yield
            done = True
        finally:
            self._leave()
            for t, old, held in self._state:
                last: Node = t._node
                t._node = old
                if done and last is not held:
                    index = self.trace.index_of(last.value)
                    self.trace.steps.append(Store(t, index))
                    t._node = Constant(self.trace.numbers[index].copy())

    def deliver(self, leaf: Leaf, g: Tensor) -> None:
        """Write down that a gradient arrives, and keep what is known of the sum so far."""
        sink = leaf.sink
        held = self._of_sink.get(sink)
        if held is None:  # a leaf that the step has made itself
            sink.grad = g if sink.grad is None else sink.grad + g
            sink.filled = True
            return
        self._note_clear(held)
        if sink.grad is not None and sink.grad._node is not self._marker:
            total = sink.grad + g
            self.trace.steps.append(Deliver(sink, self.trace.index_of(total._node.value), True))
            sink.grad = total
            return
        self.trace.steps.append(Deliver(sink, self.trace.index_of(g._node.value), not sink.filled))
        held.cleared = False
        # With something there from before the program, what it adds up to is known at run time only.
        sink.grad = wrap(self._marker) if sink.filled else g
        sink.filled = True

    def _note_clear(self, held: _Held) -> None:
        """Write down a zero_grad that has happened since we last looked."""
        if not held.leaf.sink.filled and not held.cleared:
            held.cleared = True
            self.trace.steps.append(Clear(held.leaf.sink))

    def _enter(self) -> None:
        """Parameters hold stand-ins. A gradient of before is a marker, so that its clearing is seen."""
        for h in self._held:
            assert isinstance(h.tensor._node, Leaf)
            h.leaf = h.tensor._node
            sink = h.leaf.sink
            h.filled, h.grad, h.cleared = sink.filled, sink.grad, False
            sink.filled, sink.grad = True, wrap(self._marker)
            value = h.leaf.value
            index = self.trace.add(Value(value.shape, value.dtype, "parameter", holder=h.tensor), value)
            h.tensor._node = Leaf(self.trace.stand_in(index), sink)

    def _leave(self) -> None:
        """True numbers and gradients come back, changed by what has been recorded since `_enter`."""
        for h in self._held:
            self._note_clear(h)
            node = h.tensor._node
            if isinstance(node, Leaf):
                node.stale = True
            sink = h.leaf.sink
            sink.filled, sink.grad = h.filled, h.grad
            h.tensor._node = h.leaf
        for step in self.trace.steps[self._replayed :]:
            if isinstance(step, Clear):
                step.sink.clear()
            elif isinstance(step, Deliver):
                arrive(step.sink, self.trace.numbers[step.value], step.fresh)
        self._replayed = len(self.trace.steps)

    def perform(self, owner: object, name: str, run: Callable[[], R]) -> R:
        """Do it with the true numbers, and write down that it is done."""
        self._leave()
        with switched(interceptor=False):
            result = run()
        self._written(Update(run, name, owner))
        return result

    def perform_with(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], R], closure: Callable[[], Tensor]
    ) -> R:
        """The same with an equal of `closure`, which is traced here and applied to real Tensors at each run."""
        trace = self.trace
        before, trace.steps = trace.steps, []
        state = [t._node for t, _, _ in self._state]
        try:
            with switched(grad=True):
                loss = closure()
            if any(t._node is not node for (t, _, _), node in zip(self._state, state, strict=True)):
                raise TraceError(
                    "a closure for opt.step() changed a Tensor that the step holds (a running mean?): an optimizer "
                    "evaluates it as often as it likes. Use model.eval() inside it, or leave @mg.define off"
                )
            replay = recorded(trace.values, trace.steps, trace.index_of(loss._node.value))
        finally:
            trace.steps = before

        def again(*arrays: Array) -> R:
            return run(lambda: replay.loss(arrays))

        self._leave()
        with switched(interceptor=False):
            result = again(*(trace.numbers[k] for k in replay.feeds))
        self._written(Update(again, name, owner, replay.feeds))
        return result

    def _written(self, update: Update) -> None:
        self.trace.steps.append(update)
        self._replayed = len(self.trace.steps)
        self._enter()
