"""Tracing: one run of the step on stand-ins, in which every op call is evaluated and written down.

Nothing that the step does besides ops happens: no update, no draw. The first run of the program does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from minigrad.core.apply import describe_error, unpack_args
from minigrad.core.graph import Constant, Leaf, MultiOutputNode, Node, OutputNode, next_sequence, record_call
from minigrad.core.memory import is_immutable
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Shape
from minigrad.program.errors import TraceError
from minigrad.program.graph import Call, Draw, Guard, Slot, Step, Update, Value
from minigrad.program.trace.captured import Captured
from minigrad.program.trace.fake_array import StandIn, is_poisoned, standin
from minigrad.program.trace.lifted_state import Holding
from minigrad.runtime.effects import Check, Tracer
from minigrad.runtime.source_line import user_frame_location, with_source_text

__all__ = ["Trace"]

_GONE: Array = np.empty(0)


class Trace(Tracer):
    """`values`, `numbers` (what each value was in this run) and `steps` grow as the step runs.

    Numbers of results are kept as long as there is a stand-in for them, so that tracing needs the memory of eager.
    """

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.numbers: list[Array] = []
        self.steps: list[Step] = []
        self.captured: list[Captured] = []
        self._constants: dict[int, int] = {}
        self._kept: list[object] = []
        self._standing: Counter[int] = Counter()
        self.began = next_sequence()
        self.holding = Holding(self)

    # -- values ----------------------------------------------------------------------------------------------------
    def add(self, value: Value, number: Array) -> int:
        """A new value."""
        self.values.append(value)
        self.numbers.append(number)
        return len(self.values) - 1

    def stand_in(self, index: int) -> StandIn:
        """A stand-in for value `index`."""
        value = self.values[index]
        self._standing[index] += 1
        return standin(self, index, value.shape, value.dtype)

    def released(self, index: int) -> None:
        """Let go of a result's numbers with its last stand-in."""
        self._standing[index] -= 1
        if self.numbers and not self._standing[index] and self.values[index].kind == "result":
            self.numbers[index] = _GONE

    def input(self, array: Array) -> Tensor:
        """An argument of the step."""
        index = self.add(Value(array.shape, array.dtype, "input"), array)
        return tensor_of(Constant(self.stand_in(index)))

    def index_of(self, value: Array) -> int:
        """The number of a value: of a stand-in, or of a constant that is entered now."""
        if isinstance(value, StandIn):
            if value.origin is not self or value.index < 0:
                raise TraceError(
                    f"a value was derived from a traced one without an op, or belongs to another trace\n  at "
                    f"{with_source_text(user_frame_location())}\nUse minigrad's functions, which the program records"
                )
            return value.index
        known = self._constants.get(id(value))
        if known is not None:
            return known
        if is_poisoned(value):
            raise TraceError(
                f"a traced value was copied into an array\n  at {with_source_text(user_frame_location())}\n"
                "A program is repeated with other numbers: use minigrad's functions on the Tensor itself"
            )
        number = value
        if not is_immutable(value):
            number = value.copy()
            number.flags.writeable = False
            self.captured.append(Captured.of(value))
        self._kept.append(value)
        index = self.add(Value(value.shape, value.dtype, "constant", number=number), number)
        self._constants[id(value)] = index
        return index

    # -- ops -----------------------------------------------------------------------------------------------------
    def call(
        self, op: Op, args: tuple[object, ...], meta: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        """Evaluate and write down one op call (see `minigrad.core.mode.Interceptor`)."""
        full = op.bind_kwargs(meta)
        handles = tuple(tensor_of(Constant(a)) if isinstance(a, StandIn) else a for a in args)
        values, parents, tracked = unpack_args(op, handles)
        for p in parents:
            if isinstance(p, Leaf) and p.seq < self.began and not isinstance(p.value, StandIn):
                raise TraceError(
                    f"op {op.name!r} uses a parameter of shape {p.value.shape} that the program cannot find again"
                    f"\n  at {with_source_text(user_frame_location())}\n"
                    "Pass the model to the step as an argument, or hold it in a variable that the step names"
                )
        operands = [self.index_of(v) for v in values]
        outs, several = self._evaluate(op, operands, full)
        stands = tuple(self.stand_in(k) for k in outs)
        record = tracked and grad and not op.claims.piecewise_constant
        if not several:
            node: Node = record_call(op, stands[0], values, parents, full) if record else Constant(stands[0])
            return tensor_of(node)
        if not record:
            return tuple(tensor_of(Constant(s)) for s in stands)
        source = MultiOutputNode(op, stands, values, parents, full)
        return tuple(
            tensor_of(OutputNode(source, i) if s.dtype.kind == "f" else Constant(s)) for i, s in enumerate(stands)
        )

    def _evaluate(self, op: Op, operands: list[int], meta: Mapping[str, object]) -> tuple[tuple[int, ...], bool]:
        count = len(operands)
        slotted = {k: self._slotted(v, operands) for k, v in meta.items()}
        real = {k: self._real(v) for k, v in meta.items()} if len(operands) > count else meta
        given = tuple(self.numbers[k] for k in operands[:count])
        try:
            with mode_override(interceptor=False):
                y = op.forward(*given, **real)
        except Exception as error:
            raise describe_error(op, given, real, error) from error
        numbers = tuple(np.asarray(o) for o in (y if isinstance(y, tuple) else (y,)))
        outs = tuple(self.add(Value(n.shape, n.dtype, "result"), n) for n in numbers)
        extra = count if len(operands) > count else -1
        self.steps.append(Call(op, tuple(operands), slotted, outs, extra, user_frame_location()))
        return outs, isinstance(y, tuple)

    def _slotted(self, x: object, operands: list[int]) -> object:
        if isinstance(x, StandIn):
            operands.append(self.index_of(x))
            return Slot(len(operands) - 1)
        return tuple(self._slotted(y, operands) for y in x) if isinstance(x, tuple) else x

    def _real(self, x: object) -> object:
        if isinstance(x, StandIn):
            return self.numbers[x.index]
        return tuple(self._real(y) for y in x) if isinstance(x, tuple) else x

    def forget(self) -> None:
        """Let go of the numbers of this run, and of the arrays that only the trace still held."""
        self.numbers.clear()
        self._kept.clear()

    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Nothing to see: the rules are recorded call by call."""

    # -- effects -------------------------------------------------------------------------------------------------
    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        """A gradient arrives."""
        self.holding.deliver(leaf, g)

    def runtime_check(self, value: Array, check: Check) -> None:
        """Check now, and at each run."""
        if not isinstance(value, StandIn):
            check(value)
            return
        index = self.index_of(value)
        check(self.numbers[index])
        self.steps.append(Guard(check, index))

    def concrete_value(self, value: Array) -> Array:
        """The numbers of this run."""
        return self.numbers[self.index_of(value)]

    def random_array(self, fill: Callable[[Array], object], shape: Shape, dtype: np.dtype[np.float64]) -> Tensor:
        """Draw at each run."""
        value = Value(shape, dtype, "result")
        number = value.empty()
        number.fill(0.5)  # like a drawn one, without a draw
        index = self.add(value, number)
        self.steps.append(Draw(fill, index))
        return tensor_of(Constant(self.stand_in(index)))

    def record_effect(self, owner: object, name: str, run: Callable[[], object]) -> None:
        """Do it at each run."""
        self.holding.perform(Update(run, name, owner))

    def record_effect_with_closure(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        """Do it at each run."""
        self.holding.perform_with(owner, name, run, closure)

    def moved(self, name: str, value: StandIn, meta: Mapping[str, object]) -> StandIn:
        """Record an op on a bare stand-in."""
        outs, _ = self._evaluate(REGISTRY[name], [self.index_of(value)], meta)
        return self.stand_in(outs[0])
