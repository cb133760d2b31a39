"""Running elementwise rules as compiled groups.

The checked law `elementwise` is the licence.
A rule is written as the formula on whole vectors, which sweeps memory once for each operation and allocates each
result. Here its calls are recorded once (see recording), and an engine repeats them: tile by tile, in compiled code,
however it likes. What changes from step to step (t, schedules, bias corrections) is recorded as arithmetic on numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import cast

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, create_engine
from minigrad.engines.protocol import Thunk
from minigrad.optim.compiled.trace_update import UpdateBuffers, UpdateTrace, trace_update
from minigrad.optim.compiled.traced_scalar import Plain
from minigrad.optim.compiled.traced_vector import NotElementwise
from minigrad.optim.errors import NonFiniteParameters, UpdateError
from minigrad.optim.laws import keeps_law
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need, Segment, needs_of
from minigrad.optim.runner import RuleRunner, UpdateRule, is_finite, resolve, scheduled
from minigrad.optim.schedule import Schedule
from minigrad.optim.state import State, leaves, rebuild
from minigrad.runtime.interrupts import without_interrupts

__all__ = ["LARGE", "CompiledRunner", "CompiledUpdate", "claims", "is_compilable"]

LARGE = 1 << 16
"""Number of parameters from which updates are made in place.

They then cannot be taken back if they overflow.
"""
_PROBE = 1000
_CHECKED = 3
_VARIANTS = 8
_WAIT = 2
"""Steps of a small vector before its update is compiled.

Many optimizers make only one or two.
"""


@attrs.frozen(eq=False)
class _StepInputs:
    """One step: the rule as it stands, and the numbers that a recording is fed with."""

    rule: UpdateRule
    buffers: UpdateBuffers
    t: int
    decay: float
    shrink: float
    scalars: Sequence[Plain]


@attrs.define(eq=False)
class _Specialization:
    trace: UpdateTrace
    code: tuple[Thunk, ...]
    note: str
    checks: int = _CHECKED


@attrs.frozen(eq=False)
class CompiledUpdate:
    """The update of a runner's latest step, as it will be in steps with other numbers.

    Attributes:
        code: the calls of the group.
        arithmetic: of the numbers, see `ScalarProgram.arithmetic`.
        cells: the numbers as they stand: first t, decay, shrink and scheduled hyperparameters.
        feeds: 0-d arrays that the group reads, and the cells they are taken from.
        staged: where the new parameters are computed, or None if in place.
        moves: pairs of parameters or state, and where their successors are.
        counters: the state's numbers in order: what kind of number, and the cell of its successor, or None if it stays.
        variant: which recording it is.
    """

    code: tuple[Thunk, ...]
    arithmetic: Sequence[tuple[str, int, int, int, bool]]
    cells: Sequence[float]
    feeds: tuple[tuple[Array, int], ...]
    staged: Array | None
    moves: tuple[tuple[Array, Array], ...]
    counters: Mapping[str, tuple[type[float] | type[int], int | None]]
    variant: object


class CompiledRunner(RuleRunner):
    """A RuleRunner for a licensed rule: `prepare` and `execute` make an update.

    What they cannot do, `propose` can.

    Args:
        gradient: the buffer in which gradients usually come.
        binder: the engine; by default the one that MINIGRAD_ENGINE names, or "auto".

    Attributes:
        ready: the update that waits for `execute`, or None.
        staged: a vector with the new parameters between `prepare` and `execute`, or None if they are made in place.
    """

    def __init__(
        self,
        name: str,
        rule: UpdateRule,
        w: Array,
        schedules: Mapping[str, Schedule] | None = None,
        layout: tuple[Segment, ...] = (),
        gradient: Array | None = None,
        binder: EngineWithFallback | None = None,
    ) -> None:
        super().__init__(name, rule, w, schedules, layout)
        self.gradient = gradient
        self.binder = binder or create_engine()
        self.in_place = w.size >= LARGE
        self._specializations: list[_Specialization] = []
        self._wait = 0 if self.in_place else _WAIT
        self._refused = self._inexact = False
        self._buffers: UpdateBuffers | None = None
        self._own_counters: dict[str, Plain] = {}
        self._counted_by: Callable[[], dict[str, Plain]] | None = None
        self.ready: _Specialization | None = None
        self._latest: _Specialization | None = None  # tried first

    # -- state ---------------------------------------------------------------------------------------------------------
    _state: State | None
    _template: State

    @property
    def state(self) -> State:
        """The rule's state; of a compiled update, a new object that views the vectors it works on."""
        if self._state is None:
            assert self._buffers is not None
            self._state = rebuild(self._template, {**self._buffers.vectors, **self._counters})
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        self._template = state
        self._owned = False

    @property
    def _counters(self) -> dict[str, Plain]:
        """The state's numbers."""
        if self._counted_by is not None:
            self._counters = self._counted_by()
        return self._own_counters

    @_counters.setter
    def _counters(self, counters: dict[str, Plain]) -> None:
        self._own_counters, self._counted_by = counters, None

    def counts_by(self, counters: Callable[[], dict[str, Plain]]) -> bool:
        """Whether the state's numbers are still those that `note_planned` was told of last."""
        return self._counted_by is counters

    def counters(self) -> list[Plain]:
        """The state's numbers in order."""
        return list(self._counters.values())

    def _prepare_buffers(self, g: Array) -> UpdateBuffers:
        """Vectors of its own, with the present state in them, and `g` where the calls read it."""
        buffers = self._buffers
        if buffers is None or (g is not buffers.g and buffers.g is self.gradient):
            buffers = self._buffers = self._allocate(g if g is self.gradient else np.empty_like(g))
            self._forget()
        elif not self._owned:
            self._load_state(buffers)
        if g is not buffers.g:
            np.copyto(buffers.g, g)
        self._owned = True
        return buffers

    def _allocate(self, g: Array) -> UpdateBuffers:
        values = leaves(self.state)
        owned = {name: leaf.copy() for name, leaf in values.items() if isinstance(leaf, np.ndarray)}
        if any(a.shape != self.w.shape for a in owned.values()):
            raise NotElementwise("its state is not made of vectors as long as the parameters")
        self._counters = {name: leaf for name, leaf in values.items() if not isinstance(leaf, np.ndarray)}
        here = (self.w, *owned.values())
        return UpdateBuffers(self.w, g, owned, here if self.in_place else tuple(map(np.empty_like, here)))

    def _load_state(self, buffers: UpdateBuffers) -> None:
        """A state that came from elsewhere goes to where the calls look for it."""
        values = leaves(self.state)
        for name, vector in buffers.vectors.items():
            vector[...] = values.pop(name)
        self._counters = {name: leaf for name, leaf in values.items() if not isinstance(leaf, np.ndarray)}
        self._state = None

    # -- steps ---------------------------------------------------------------------------------------------------------
    def prepare(self, g: Array, t: int, decay: float, shrink: float, age: int | None = None) -> bool:
        """Get ready for one update with gradients `g + decay w`, from parameters `shrink w`.

        `execute` makes it. Schedules go by the step `t`, the rule counts it as its step `age`, by default
        `t`.
        False if the rule does something that cannot be recorded: then `propose` and `commit`. Changes nothing.
        """
        if self._refused or self._wait:
            self._wait -= not self._refused
            return False
        hyper = scheduled(self.rule, self.schedules, t) if self.schedules else ()
        age = t if age is None else age
        try:
            buffers = self._buffers
            if buffers is None or g is not buffers.g or not self._owned:
                buffers = self._prepare_buffers(g)
            scalars = [age, decay, shrink, *hyper, *self._counters.values()]
            ready = self._latest
            if ready is None or ready.checks or not ready.trace.feed(scalars):
                ready = self._specialize(
                    _StepInputs(resolve(self.rule, self.schedules, t), buffers, age, decay, shrink, scalars)
                )
        except Exception:  # whatever it is, the plain path will either work or say it better
            ready = None
        if ready is None:
            self._refused = True
            return False
        self.ready = ready
        self._latest = ready if ready.trace.tape.exact else None
        if not self.in_place:
            for call in ready.code:
                call()
        return True

    @property
    def staged(self) -> Array | None:
        """The new parameters between `prepare` and `execute`."""
        return None if self.in_place or self._buffers is None else self._buffers.after[0]

    def execute(self, t: int) -> None:
        """Make the update that was prepared; it may be begun anew after an interrupt.

        Raises:
            NonFiniteParameters: it went beyond the largest number.
        """
        ready, buffers = self.ready, self._buffers
        if ready is None or buffers is None:
            raise UpdateError(f"{self.name}: no update has been prepared")
        after = {"_own_counters": ready.trace.counters_after(), "_counted_by": None, "_state": None, "ready": None}
        if not self.in_place:
            for old, new in buffers.moves:
                np.copyto(old, new)
            self.__dict__.update(after)  # no bytecode runs between the assignments
            return
        with without_interrupts():
            for call in ready.code:
                call()
            self.__dict__.update(after)
        self._check_in_place(ready, t)

    def compiled_update(self) -> CompiledUpdate | None:
        """The update of the latest step, if it is the same for all numbers and has been checked."""
        latest, buffers = self._latest, self._buffers
        if latest is None or latest.checks or buffers is None:
            return None
        tape, counters = latest.trace.tape, latest.trace.counters_after()
        arithmetic = tape.arithmetic()
        if arithmetic is None or any(type(number) not in (int, float) for number in counters.values()):
            return None
        after = {name: (type(number), latest.trace.counters[name][0]) for name, number in counters.items()}
        cells = [float(c) if isinstance(c, int | float) else 0.0 for c in tape.cells]
        feeds, staged = latest.trace.feeds, self.staged
        return CompiledUpdate(latest.code, arithmetic, cells, feeds, staged, buffers.moves, after, latest)

    def repeats(self, update: CompiledUpdate) -> bool:
        """Whether the next step would make this update, with the state where it was."""
        return self._latest is update.variant and self._owned and not (self._refused or self._wait)

    def note_planned(self, t: int, counters: Callable[[], dict[str, Plain]]) -> None:
        """Take note that the update of step `t` has been made by others.

        `counters` gives the state's numbers.

        Raises:
            NonFiniteParameters: it went beyond the largest number.
        """
        self._state, self._counted_by = None, counters
        if self.in_place and self._latest is not None:
            self._check_in_place(self._latest, t)

    def _check_in_place(self, ready: _Specialization, t: int) -> None:
        squares = ready.trace.squares
        if (squares is None or not np.isfinite(squares[0])) and not is_finite(self.w):
            culprits = ", ".join(repr(part.name) for part in self.layout if not np.isfinite(part.of(self.w)).all())
            raise NonFiniteParameters(
                f"{self.name}, step {t}: the update made {culprits} infinite or NaN. Parameters as many as these are "
                "updated in place, so the step cannot be undone: load the last checkpoint, and lower the learning rate"
            )

    def configure(self, rule: UpdateRule, schedules: Mapping[str, Schedule]) -> None:
        """Go on with other hyperparameters.

        Updates are compiled anew, unless only scheduled numbers have changed.
        """
        known = (self.rule, list(self.schedules))
        super().configure(rule, schedules)
        if (self.rule, list(self.schedules)) != known:
            self._forget()
            self._refused = self._inexact = False

    def use(self, binder: EngineWithFallback) -> None:
        """Bind updates with another engine from now on."""
        self.binder = binder
        self._forget()

    def _forget(self) -> None:
        self._specializations.clear()
        self._latest = None

    @property
    def notes(self) -> list[str]:
        """What the engine says of each variant of the update."""
        return [v.note for v in self._specializations]

    # -- variants ------------------------------------------------------------------------------------------------------
    def _specialize(self, inputs: _StepInputs) -> _Specialization | None:
        """A recording that holds for the numbers of this step: a known one, or a new one.

        None if it is wrong.
        """
        for specialization in self._specializations:
            if specialization.trace.tape.exact and specialization.trace.feed(inputs.scalars):
                return (
                    specialization if not specialization.checks or self._matches_rule(specialization, inputs) else None
                )
        if not self._inexact:
            trace = self._trace(inputs, False)
            self._inexact = not trace.tape.exact
            if not self._inexact:
                return self._compile(trace, inputs)
        # Numbers that cannot be repeated (math.sqrt takes only floats): recorded at each step, but compiled once.
        # Small vectors are quicker without.
        return self._retrace(inputs) if self.in_place else None

    def _retrace(self, inputs: _StepInputs) -> _Specialization | None:
        trace = self._trace(inputs, True)
        for specialization in self._specializations:
            if not specialization.trace.tape.exact and specialization.trace.adopt_scalars(trace):
                return (
                    specialization if not specialization.checks or self._matches_rule(specialization, inputs) else None
                )
        return self._compile(trace, inputs)

    def _trace(self, inputs: _StepInputs, spread: bool) -> UpdateTrace:
        if not is_compilable(self.rule):
            raise NotElementwise("the law is broken")
        before = rebuild(self._template, {**inputs.buffers.vectors, **self._counters})
        return trace_update(self.rule, self.schedules, inputs.buffers, before, inputs.scalars, spread)

    def _compile(self, trace: UpdateTrace, inputs: _StepInputs) -> _Specialization | None:
        bound = self.binder.bind(trace.group)
        specialization = _Specialization(trace, bound.calls, bound.note)
        if not trace.feed(inputs.scalars) or not self._matches_rule(specialization, inputs):
            return None
        self._specializations = [*self._specializations[1 - _VARIANTS :], specialization]
        return specialization

    def _matches_rule(self, specialization: _Specialization, inputs: _StepInputs) -> bool:
        """Whether the recording gives what the rule itself gives on the first entries."""
        specialization.checks -= 1
        parts = [v[:_PROBE].copy() for v in inputs.buffers.all]
        w, *arrays, g = parts
        names = list(inputs.buffers.vectors)
        state = rebuild(self._template, {**dict(zip(names, arrays, strict=True)), **self._counters})
        start = w if inputs.shrink == 1.0 else inputs.shrink * w
        with np.errstate(all="ignore"):
            moved, after = inputs.rule.update(
                start, Objective(g + inputs.decay * w if inputs.decay else g), state, inputs.t
            )
            results = specialization.trace.on(parts)
        values = leaves(after)
        expected = [moved, *(values.pop(name) for name in names)]
        same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(expected, results, strict=True))
        return same and repr(values) == repr(specialization.trace.counters_after())


@lru_cache(maxsize=256)
def _keeps(rule: Hashable) -> bool:
    return keeps_law(cast(UpdateRule, rule), "elementwise")


def claims(rule: UpdateRule) -> bool:
    """Whether a rule, as configured, claims the law that allows its updates to be compiled."""
    return "elementwise" in rule.laws and needs_of(rule, rule.needs) == Need.GRAD


def is_compilable(rule: UpdateRule) -> bool:
    """Whether it claims that law, and keeps it."""
    return claims(rule) and _keeps(cast(Hashable, rule))
