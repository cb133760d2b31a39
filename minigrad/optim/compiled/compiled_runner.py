"""Running elementwise rules as compiled groups: the checked law `elementwise` is the licence.

A rule is written as the formula on whole vectors, which sweeps memory once for each operation and allocates each
result. Here its calls are recorded once (see recording), and an engine repeats them: tile by tile, in compiled code,
however it likes. What changes from step to step (t, schedules, bias corrections) is recorded as arithmetic on numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, create_engine
from minigrad.engines.protocol import Thunk
from minigrad.optim.compiled.trace_update import Memory, Recording, recorded
from minigrad.optim.compiled.traced_scalar import Plain
from minigrad.optim.compiled.traced_vector import NotElementwise
from minigrad.optim.errors import NonFiniteParameters, UpdateError
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need, Segment, needs_of
from minigrad.optim.runner import Rule, Runner, is_finite, resolve, scheduled
from minigrad.optim.state import State, leaves, rebuild

if TYPE_CHECKING:
    from minigrad.optim.schedules import Schedule

__all__ = ["LARGE", "CompiledRunner", "claims", "licensed"]

LARGE = 1 << 16
"""Number of parameters from which updates are made in place, and so cannot be taken back if they overflow."""
_PROBE = 1000
_CHECKED = 3
_VARIANTS = 8
_WAIT = 2
"""Steps of a small vector before its update is compiled: many optimizers make only one or two."""


@attrs.frozen(eq=False)
class _Now:
    """One step: the rule as it stands, and the numbers that a recording is fed with."""

    rule: Rule
    memory: Memory
    t: int
    decay: float
    shrink: float
    given: Sequence[Plain]


@attrs.define(eq=False)
class _Variant:
    recording: Recording
    code: tuple[Thunk, ...]
    note: str
    checks: int = _CHECKED


class CompiledRunner(Runner):
    """A Runner for a licensed rule: `prepare` and `execute` make an update; what they cannot do, `propose` can.

    Args:
        gradient: the buffer in which gradients usually come.
        binder: the engine; by default the one that MINIGRAD_ENGINE names.

    Attributes:
        staged: a vector with the new parameters between `prepare` and `execute`, or None if they are made in place.
    """

    def __init__(
        self,
        name: str,
        rule: Rule,
        w: Array,
        schedules: Mapping[str, Schedule] | None = None,
        layout: tuple[Segment, ...] = (),
        gradient: Array | None = None,
        binder: EngineWithFallback | None = None,
    ) -> None:
        super().__init__(name, rule, w, schedules, layout)
        self.layout = layout
        self.gradient = gradient
        self.binder = binder or create_engine()
        self.in_place = w.size >= LARGE
        self._variants: list[_Variant] = []
        self._wait = 0 if self.in_place else _WAIT
        self._refused = self._inexact = False
        self._memory: Memory | None = None
        self._counters: dict[str, Plain] = {}
        self._ready: _Variant | None = None
        self._latest: _Variant | None = None  # tried first

    # -- state ---------------------------------------------------------------------------------------------------------
    _state: State | None
    _template: State

    @property
    def state(self) -> State:
        """The rule's state; once the update is compiled, a new object that looks into the vectors it works on."""
        if self._state is None:
            assert self._memory is not None
            self._state = rebuild(self._template, {**self._memory.vectors, **self._counters})
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        self._template = state
        self._owned = False

    def _settle(self, g: Array) -> Memory:
        """Vectors that nobody else holds, with the present state in them, and `g` where the calls will read it."""
        memory = self._memory
        if memory is None or (g is not memory.g and memory.g is self.gradient):
            memory = self._memory = self._made(g if g is self.gradient else np.empty_like(g))
            self._forget()
        elif not self._owned:
            self._take_over(memory)
        if g is not memory.g:
            np.copyto(memory.g, g)
        self._owned = True
        return memory

    def _made(self, g: Array) -> Memory:
        values = leaves(self.state)
        owned = {name: leaf.copy() for name, leaf in values.items() if isinstance(leaf, np.ndarray)}
        if any(a.shape != self.w.shape for a in owned.values()):
            raise NotElementwise("its state is not made of vectors as long as the parameters")
        self._counters = {name: leaf for name, leaf in values.items() if not isinstance(leaf, np.ndarray)}
        here = (self.w, *owned.values())
        return Memory(self.w, g, owned, here if self.in_place else tuple(map(np.empty_like, here)))

    def _take_over(self, memory: Memory) -> None:
        """A state that came from elsewhere goes to where the calls look for it."""
        values = leaves(self.state)
        for name, vector in memory.vectors.items():
            vector[...] = values.pop(name)
        self._counters = {name: leaf for name, leaf in values.items() if not isinstance(leaf, np.ndarray)}
        self._state = None

    # -- steps ---------------------------------------------------------------------------------------------------------
    def prepare(self, g: Array, t: int, decay: float, shrink: float) -> bool:
        """Get ready for one update with gradients `g + decay w`, from parameters `shrink w`; `execute` makes it.

        False if the rule does something that cannot be recorded: then `propose` and `commit`. Changes nothing.
        """
        if self._refused or self._wait:
            self._wait -= not self._refused
            return False
        hyper = scheduled(self.rule, self.schedules, t)
        try:
            memory = self._memory
            if memory is None or g is not memory.g or not self._owned:
                memory = self._settle(g)
            given = [t, decay, shrink, *hyper, *self._counters.values()]
            ready = self._latest
            if ready is None or ready.checks or not ready.recording.feed(given):
                ready = self._found(_Now(resolve(self.rule, self.schedules, t), memory, t, decay, shrink, given))
        except Exception:  # whatever it is, the plain path will either work or say it better
            ready = None
        if ready is None:
            self._refused = True
            return False
        self._ready = ready
        self._latest = ready if ready.recording.tape.exact else None
        if not self.in_place:
            for call in ready.code:
                call()
        return True

    @property
    def staged(self) -> Array | None:
        """The new parameters between `prepare` and `execute`."""
        return None if self.in_place or self._memory is None else self._memory.after[0]

    def execute(self, t: int) -> None:
        """Make the update that was prepared. Raises NonFiniteParameters if it went beyond the largest number."""
        ready, memory = self._ready, self._memory
        if ready is None or memory is None:
            raise UpdateError(f"{self.name}: no update has been prepared")
        self._ready = None
        self._counters = ready.recording.counted()
        self._state = None
        if not self.in_place:
            for old, new in memory.moves:
                np.copyto(old, new)
            return
        for call in ready.code:
            call()
        squares = ready.recording.squares
        if (squares is None or not np.isfinite(squares[0])) and not is_finite(self.w):
            culprits = ", ".join(repr(part.name) for part in self.layout if not np.isfinite(part.of(self.w)).all())
            raise NonFiniteParameters(
                f"{self.name}, step {t}: the update made {culprits} infinite or NaN. Parameters as many as these are "
                "updated in place, so the step cannot be undone: load the last checkpoint, and lower the learning rate"
            )

    def use(self, binder: EngineWithFallback) -> None:
        """Bind updates with another engine from now on."""
        self.binder = binder
        self._forget()

    def _forget(self) -> None:
        self._variants.clear()
        self._latest = None

    @property
    def notes(self) -> list[str]:
        """What the engine says of each variant of the update."""
        return [v.note for v in self._variants]

    # -- variants ------------------------------------------------------------------------------------------------------
    def _found(self, now: _Now) -> _Variant | None:
        """A recording that holds for the numbers of this step: a known one, or a new one. None if it is wrong."""
        for variant in self._variants:
            if variant.recording.tape.exact and variant.recording.feed(now.given):
                return variant if not variant.checks or self._agrees(variant, now) else None
        if not self._inexact:
            made = self._recorded(now, False)
            self._inexact = not made.tape.exact
            if not self._inexact:
                return self._entered(made, now)
        # Numbers that cannot be repeated (math.sqrt takes only floats): recorded at each step, but compiled once.
        # Small vectors are quicker without.
        return self._again(now) if self.in_place else None

    def _again(self, now: _Now) -> _Variant | None:
        made = self._recorded(now, True)
        for variant in self._variants:
            if not variant.recording.tape.exact and variant.recording.takes(made):
                return variant if not variant.checks or self._agrees(variant, now) else None
        return self._entered(made, now)

    def _recorded(self, now: _Now, spread: bool) -> Recording:
        if not licensed(self.rule):
            raise NotElementwise("the law is broken")
        before = rebuild(self._template, {**now.memory.vectors, **self._counters})
        return recorded(self.rule, self.schedules, now.memory, before, now.given, spread)

    def _entered(self, recording: Recording, now: _Now) -> _Variant | None:
        bound = self.binder.bind(recording.group)
        variant = _Variant(recording, bound.calls, bound.note)
        if not recording.feed(now.given) or not self._agrees(variant, now):
            return None
        self._variants = [*self._variants[1 - _VARIANTS :], variant]
        return variant

    def _agrees(self, variant: _Variant, now: _Now) -> bool:
        """Whether the recording gives what the rule itself gives on the first entries."""
        variant.checks -= 1
        parts = [v[:_PROBE].copy() for v in now.memory.all]
        w, *arrays, g = parts
        names = list(now.memory.vectors)
        state = rebuild(self._template, {**dict(zip(names, arrays, strict=True)), **self._counters})
        start = w if now.shrink == 1.0 else now.shrink * w
        with np.errstate(all="ignore"):
            moved, after = now.rule.update(start, Objective(g + now.decay * w if now.decay else g), state, now.t)
            results = variant.recording.on(parts)
        values = leaves(after)
        expected = [moved, *(values.pop(name) for name in names)]
        same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(expected, results, strict=True))
        return same and repr(values) == repr(variant.recording.counted())


@lru_cache(maxsize=256)
def _keeps(rule: Hashable) -> bool:
    from minigrad.optim.laws import holds

    return holds(cast(Rule, rule), "elementwise")


def claims(rule: Rule) -> bool:
    """Whether a rule, as it is configured, claims the law that allows its updates to be compiled."""
    return "elementwise" in rule.laws and needs_of(rule, rule.needs) == Need.GRAD


def licensed(rule: Rule) -> bool:
    """Whether it claims that law, and keeps it."""
    return claims(rule) and _keeps(cast(Hashable, rule))
