"""What a step returns.

Where numbers go in it, and how gradients flow from them to what the step holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import StaleGraphError
from minigrad.core.graph import (
    OUTDATED,
    Constant,
    GradAccumulator,
    Leaf,
    MultiOutputNode,
    Node,
    OutputNode,
    Parents,
    next_sequence,
)
from minigrad.core.memory import is_immutable
from minigrad.core.mode import mode_override
from minigrad.core.op import REQUIRED, VJP, Argument, Claims, Op
from minigrad.core.rules import Gradient
from minigrad.core.tensor import Tensor, from_array, tensor_of
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import Call, FillRandom, HostCall, Instruction, Value, defs, uses
from minigrad.program.trace.fake_array import FakeArray
from minigrad.program.trace.replay import operand, replay
from minigrad.program.trace.tracer import StepTracer
from minigrad.transforms.pytree import flatten

__all__ = ["Results", "results_of"]


class _StaleOutput(Node):
    """A value computed from a parameter that the step has updated since.

    Backward refuses it, as in eager.
    """

    __slots__ = ("_leaf",)

    def __init__(self, value: Array, leaf: Leaf) -> None:
        self.value = value
        self.seq = next_sequence()
        self._leaf = leaf

    @property
    def parents(self) -> Parents:
        """The stale parameter."""
        return (self._leaf,)


@attrs.frozen(eq=False)
class _Live:
    """Outputs that gradients flow from, and the recorded calls that do so when asked.

    Attributes:
        positions: which of the outputs.
        numbers: their values.
        parameters: (value, Tensor) that the gradients flow to.
        others: (value, Tensor) of parameters that only numbers are taken from.
        values: of the trace.
        steps: the calls that the outputs need, in order.
        drawn: values drawn at random, which the replay takes as they were.
        held: buffers that the step reads.
        refusal: why it cannot be replayed, or "".
    """

    positions: tuple[int, ...]
    numbers: tuple[int, ...]
    parameters: tuple[tuple[int, Tensor], ...]
    others: tuple[tuple[int, Tensor], ...]
    values: tuple[Value, ...]
    steps: tuple[Call, ...]
    drawn: tuple[int, ...]
    held: tuple[tuple[int, Tensor], ...]
    refusal: str


class Results:
    """Makes what the step returns from the outputs of a run.

    Attributes:
        outputs: numbers of the values to compute: those returned, then those that gradients need.
    """

    def __init__(
        self,
        outputs: Sequence[int],
        unflatten: Callable[[Sequence[Tensor]], object],
        stale: Sequence[Leaf | None],
        live: _Live | None,
        inputs: Sequence[int],
        alone: bool,
    ) -> None:
        self.outputs = (*outputs, *(() if live is None else live.drawn))
        self._count = len(outputs)
        self._unflatten = unflatten
        self._stale = tuple(stale)
        self._alone = alone
        self._live = live
        self._inputs = tuple(inputs)
        self._op = None if live is None else _op(live)

    def before(self, arrays: Sequence[Array]) -> dict[int, Array] | None:
        """What gradients will need of the arguments and buffers of this run, if any should flow."""
        live = self._live
        if live is None:
            return None
        saved = {k: a if is_immutable(a) else a.copy() for k, a in zip(self._inputs, arrays, strict=True)}
        for k, t in live.held:
            saved[k] = t._node.value
        return saved

    def make(self, arrays: Sequence[Array], saved: dict[int, Array] | None) -> object:
        """The step's result, around the outputs of a run."""
        if saved is not None:
            return self._unflatten(self._with_gradients(arrays, saved))
        if self._alone:
            return _constant(arrays[0], self._stale[0])
        return self._unflatten(list(map(_constant, arrays, self._stale)))

    def _with_gradients(self, arrays: Sequence[Array], saved: dict[int, Array]) -> list[Tensor]:
        live = self._live
        assert live is not None
        assert self._op is not None
        if live.drawn:
            saved.update(zip(live.drawn, arrays[self._count :], strict=True))
        tensors = list(map(_constant, arrays, self._stale))
        nodes = tuple([t._node for _, t in live.parameters])
        values = tuple([arrays[i] for i in live.positions])
        others = tuple([t._node for _, t in live.others])
        kwargs = {"saved": saved, "nodes": nodes, "others": others, "made_at": next_sequence()}
        source = MultiOutputNode(self._op, values, tuple([n.value for n in nodes]), nodes, kwargs)
        for i, position in enumerate(live.positions):
            tensors[position]._node = OutputNode(source, i)
        return tensors


def results_of(result: object, tracer: StepTracer) -> Results:
    """Find the traced values in what a step returned."""
    recorder = tracer.recorder
    leaves, unflatten = flatten(result)
    places: list[int] = []
    outputs: list[int] = []
    stale: list[Leaf | None] = []
    positions: list[int] = []
    parameters: dict[int, Tensor] = {}
    for i, leaf in enumerate(leaves):
        array = leaf._node.value if isinstance(leaf, Tensor) else leaf
        if not isinstance(array, FakeArray):
            continue
        below, stale_leaf = tracer.edges(leaf._node) if isinstance(leaf, Tensor) else ([], None)
        places.append(i)
        outputs.append(recorder.index_of(array))
        stale.append(None if stale_leaf is None else _dead(recorder.numbers[recorder.index_of(stale_leaf.value)]))
        if below and stale_leaf is None:
            positions.append(len(outputs) - 1)
            parameters.update((recorder.index_of(t._node.value), t) for t in below)
    for i in places:
        leaves[i] = None  # let go of the trace

    def rebuild(tensors: Sequence[Tensor]) -> object:
        new = list(leaves)
        for i, t in zip(places, tensors, strict=True):
            new[i] = t
        return unflatten(new)

    live = _live(positions, outputs, parameters, tuple(recorder.values), recorder.steps) if positions else None
    inputs = [k for k, v in enumerate(recorder.values) if v.kind == "input"]
    return Results(outputs, rebuild, stale, live, inputs, isinstance(result, Tensor) and len(outputs) == 1)


def _live(
    positions: Sequence[int],
    outputs: Sequence[int],
    parameters: dict[int, Tensor],
    values: tuple[Value, ...],
    steps: Sequence[Instruction],
) -> _Live:
    numbers = tuple(outputs[i] for i in positions)
    needed = set(numbers)
    calls: list[Call] = []
    drawn: list[int] = []
    for step in reversed(steps):
        if needed.isdisjoint(defs(step)):
            continue
        if isinstance(step, FillRandom):
            drawn.append(step.out)
        elif isinstance(step, Call):
            calls.append(step)
            needed.update(uses(step))
    held = tuple((k, t) for k in sorted(needed) if values[k].kind == "state" and (t := values[k].tensor) is not None)
    before = {k for k in needed if values[k].kind == "parameter" and k not in parameters}
    updated = any(isinstance(s, HostCall) for s in steps)
    refusal = "it mixes numbers from before and after an update" if before and updated else ""
    others = tuple((k, t) for k in sorted(before) if (t := values[k].tensor) is not None)
    return _Live(
        tuple(positions),
        numbers,
        tuple(parameters.items()),
        others,
        values,
        tuple(reversed(calls)),
        tuple(drawn),
        held,
        refusal,
    )


def _op(live: _Live) -> Op:
    """Make an op without a gate of its own.

    Its rule is the verified rules of the recorded calls, run when asked.
    """

    def rule(
        g: tuple[Gradient, ...],
        y: object,
        *inputs: object,
        saved: dict[int, Array],
        nodes: tuple[Node, ...],
        others: tuple[Node, ...],
        made_at: int,
    ) -> tuple[Gradient, ...]:
        if live.refusal:
            raise TraceError(
                f"backward cannot go through this output of a defined program: {live.refusal}. Return it from a "
                "program of its own, or leave @mg.define off"
            )
        for leaf in others:
            if isinstance(leaf, Leaf) and leaf.seq > made_at:
                raise StaleGraphError(
                    f"backward through a defined program needs a parameter of shape {leaf.value.shape} as it was when "
                    "the program ran, and an optimizer has changed it since. Run backward before step()"
                )
        results = {k: from_array(a) for k, a in saved.items()}
        results.update((k, tensor_of(Constant(n.value))) for (k, _), n in zip(live.others, others, strict=True))
        targets = [tensor_of(n) for n in nodes]
        results.update((k, t) for (k, _), t in zip(live.parameters, targets, strict=True))
        with mode_override(grad=True):
            replay(live.values, live.steps, results)
        outputs = [operand(k, live.values, results) for k in live.numbers]
        create_graph = any(isinstance(s, Tensor) for s in g)
        rows = gradients(outputs, list(g), targets, create_graph)
        return tuple(_zeros(t, create_graph) if r is None else r for r, t in zip(rows, targets, strict=True))

    kwargs = {"saved": REQUIRED, "nodes": REQUIRED, "others": REQUIRED, "made_at": REQUIRED}
    op = Op("program", lambda *xs, **_: xs, (Argument("xs", variadic=True),), kwargs, Claims())
    op.rules = (VJP(("xs",), (0,), rule, variadic=True),)
    return op


def _zeros(t: Tensor, as_tensor: bool) -> Gradient:
    zeros: Array = np.zeros_like(t._node.value)
    return tensor_of(Constant(zeros)) if as_tensor else zeros


def _dead(value: Array) -> Leaf:
    leaf = Leaf(value, GradAccumulator())
    leaf.seq = OUTDATED
    return leaf


def _constant(array: Array, stale: Leaf | None) -> Tensor:
    """Make an output that no gradient flows from.

    From which it would, had a parameter not been updated since.
    """
    return from_array(array) if stale is None else tensor_of(_StaleOutput(_readonly(array), stale))


def _readonly(array: Array) -> Array:
    array.flags.writeable = False
    return array
