"""One update of a rule as a group for an engine, beside it the arithmetic of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import cast

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines import ElementwiseCall, FusionGroup, Input, NumpyEngine, Output, sum_squares
from minigrad.optim.compiled.traced_scalar import Plain, ScalarProgram, TracedScalar
from minigrad.optim.compiled.traced_vector import NotElementwise, TracedVector, UpdateTracer
from minigrad.optim.objective import Objective
from minigrad.optim.runner import UpdateRule, resolve
from minigrad.optim.schedule import Schedule
from minigrad.optim.state import State, leaves, rebuild

__all__ = ["UpdateBuffers", "UpdateTrace", "trace_update"]


@attrs.frozen(eq=False)
class UpdateBuffers:
    """Where an update works.

    Attributes:
        w: parameters, shape `(n,)`.
        g: gradient, shape `(n,)`.
        vectors: those of the state, by name.
        after: where the new parameters and vectors go, in this order; the old ones themselves, or others.
        moves: pairs of the old ones and those.
    """

    w: Array
    g: Array
    vectors: Mapping[str, Array]
    after: tuple[Array, ...]
    moves: tuple[tuple[Array, Array], ...] = attrs.field(init=False)

    @moves.default
    def _moves(self) -> tuple[tuple[Array, Array], ...]:
        return tuple(zip((self.w, *self.vectors.values()), self.after, strict=True))

    @property
    def all(self) -> list[Array]:
        """w, the state's vectors, g."""
        return [self.w, *self.vectors.values(), self.g]


@attrs.frozen(eq=False)
class UpdateTrace:
    """A recorded update.

    Attributes:
        tape: gives the numbers of a step from t, decay, shrink, scheduled hyperparameters and the state's numbers.
        feeds: 0-d arrays of the group, and the cells of the tape they take their numbers from.
        counters: the state's numbers after the update: a cell of the tape, or None and a constant.
        numbers: all 0-d arrays of the group.
        squares: takes the sum of squares of the new parameters, or None if the group does not compute it.
        latest: of a recording that is made at each step, the one of this step.
    """

    tape: ScalarProgram
    group: FusionGroup
    feeds: tuple[tuple[Array, int], ...]
    counters: Mapping[str, tuple[int | None, Plain]]
    numbers: tuple[Array, ...]
    squares: Array | None
    latest: list[UpdateTrace | None] = attrs.field(factory=lambda: [None])

    def feed(self, scalars: Sequence[Plain]) -> bool:
        """Get ready for a step with other numbers. False if the recording does not hold for them."""
        if not self.tape.replay(scalars):
            return False
        cells = self.tape.cells
        for array, k in self.feeds:
            array.fill(cells[k])
        return True

    def adopt_scalars(self, other: UpdateTrace) -> bool:
        """Take over the numbers of a later recording. False if its calls are others."""
        if not _alike(self.group, other.group):
            return False
        for mine, theirs in zip(self.numbers, other.numbers, strict=True):
            mine[...] = theirs
        self.latest[0] = other
        return True

    def on(self, parts: Sequence[Array]) -> list[Array]:
        """The results for other vectors (w, those of the state, g), by the built-in engine."""
        n, count = parts[0].size, len(parts)
        dtypes = [o.array.dtype for o in self.group.outputs]
        results: list[Array] = [np.empty(o.array.shape if o.array is self.squares else n, d)
                                for o, d in zip(self.group.outputs, dtypes, strict=True)]  # fmt: skip
        group = FusionGroup(
            (n,),
            (*map(Input.of, parts), *self.group.inputs[count:]),
            tuple(c if c.axes else attrs.evolve(c, shape=(n,)) for c in self.group.calls),
            tuple(Output(o.value, a) for o, a in zip(self.group.outputs, results, strict=True)),
        )
        for call in NumpyEngine().bind(group).calls:
            call()
        return results[: count - 1]

    def counters_after(self) -> dict[str, Plain]:
        """The state's numbers after the step that `feed` (or `takes`) was for."""
        if self.latest[0] is not None:
            return self.latest[0].counters_after()
        cells = self.tape.cells
        return {n: constant if k is None else cast(Plain, cells[k]) for n, (k, constant) in self.counters.items()}


def trace_update(
    rule: UpdateRule,
    schedules: Mapping[str, Schedule],
    buffers: UpdateBuffers,
    before: State,
    scalars: Sequence[Plain],
    spread: bool,
) -> UpdateTrace:
    """Record an update from state `before`.

    Args:
        scalars: t, decay, shrink, scheduled hyperparameters in order, numbers of the state in order.
        spread: keep all numbers apart, for a recording whose numbers will be taken from a later recording.

    Raises:
        NotElementwise: or whatever the rule raises.
    """
    tape = ScalarProgram(scalars)
    t, decay, shrink, *rest = tape.inputs
    hyper, counters = dict(zip(schedules, rest, strict=False)), rest[len(schedules) :]
    recorder = UpdateTracer(buffers.all, spread)
    traced_w, *own, gradient = recorder.traced
    numbers = [name for name, leaf in leaves(before).items() if not isinstance(leaf, np.ndarray)]
    stand_ins = cast("dict[str, Array]", dict(zip([*buffers.vectors, *numbers], [*own, *counters], strict=True)))
    with np.errstate(all="ignore"):
        start = traced_w if shrink == 1.0 else shrink * traced_w
        f = _Recorded(gradient + decay * traced_w if decay else gradient)
        update = _with_scalars(rule, hyper, schedules, cast(int, t.value)).update
        moved, after = update(cast(Array, start), f, rebuild(before, stand_ins), cast(int, t))
    if type(after) is not type(before):
        raise NotElementwise("the state changed its type")
    leaves_after = _leaves(after)
    results: list[int] = []
    for result, old in zip([moved, *(leaves_after.pop(n, None) for n in buffers.vectors)], buffers.all, strict=False):
        if not isinstance(result, TracedVector) or result.dtype != old.dtype:
            raise NotElementwise("a result is no vector of the dtype it replaces")
        results.append(result.index)
    if leaves_after.keys() != set(numbers) or any(isinstance(v, TracedVector) for v in leaves_after.values()):
        raise NotElementwise("a number of the state became a vector, or the state changed its form")
    group, squares = _as_group(recorder, buffers, results)
    feeds = tuple((a, k) for a, k in zip(recorder.numbers, recorder.sources, strict=True) if k is not None and k >= 0)
    return UpdateTrace(
        tape,
        group,
        feeds,
        {n: _counter(leaves_after[n]) for n in numbers},
        tuple(recorder.numbers),
        squares,
    )


def _counter(leaf: object) -> tuple[int | None, Plain]:
    return (leaf.index, 0) if isinstance(leaf, TracedScalar) else (None, cast(Plain, leaf))


def _as_group(
    recorder: UpdateTracer, buffers: UpdateBuffers, results: Sequence[int]
) -> tuple[FusionGroup, Array | None]:
    """The group without calls whose results are never read.

    Where it writes over the parameters it also adds up their squares.
    """
    inputs, calls = recorder.inputs(), list(recorder.calls())
    outputs = [Output(recorder.value(k), a) for k, a in zip(results, buffers.after, strict=True)]
    squares = None
    moved = outputs[0].value
    if buffers.after[0] is buffers.w and moved >= len(inputs):
        squares = np.zeros(1, buffers.w.dtype)
        calls.append(ElementwiseCall(sum_squares, (moved,), (1,), buffers.w.dtype, (0,)))
        outputs.append(Output(len(inputs) + len(calls) - 1, squares))
    group = FusionGroup(buffers.w.shape, inputs, tuple(calls), tuple(outputs), f"update of {buffers.w.size} parameters")
    return group.without_dead_calls(), squares


def _alike(a: FusionGroup, b: FusionGroup) -> bool:
    """Whether two groups on the same memory make the same calls."""

    def form(group: FusionGroup) -> object:
        return [(c.function, c.operands, c.dtype) for c in group.calls], [o.value for o in group.outputs]

    return len(a.inputs) == len(b.inputs) and form(a) == form(b)


def _with_scalars(
    rule: UpdateRule, hyper: Mapping[str, TracedScalar], schedules: Mapping[str, Schedule], t: int
) -> UpdateRule:
    """The rule with TracedScalars for scheduled hyperparameters, past its validators."""
    if not hyper:
        return rule
    if hasattr(type(rule), "__attrs_post_init__"):
        raise NotElementwise("it computes further fields from its hyperparameters")
    traced_rule = copy(resolve(rule, schedules, t))
    for name, number in hyper.items():
        object.__setattr__(traced_rule, name, number)
    return traced_rule


class _Recorded(Objective):
    """An objective whose gradient is a TracedVector."""

    __slots__ = ("traced_w",)

    def __init__(self, traced_w: TracedVector) -> None:
        super().__init__()
        self.traced_w = traced_w

    @property
    def grad(self) -> Array:
        """The recorded gradient."""
        return cast(Array, self.traced_w)


def _leaves(state: State) -> dict[str, object]:
    """The leaves of a state that holds Lanes and Numbers."""
    leaves_after: dict[str, object] = {}
    stack: list[tuple[str, State]] = [("", state)]
    while stack:
        prefix, node = stack.pop()
        for field in attrs.fields(type(node)):
            value: object = getattr(node, field.name)
            if attrs.has(type(value)):
                stack.append((f"{prefix}{field.name}.", cast(State, value)))
            elif value is not None:
                leaves_after[prefix + field.name] = value
    return leaves_after
