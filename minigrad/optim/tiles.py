"""Running elementwise rules tile by tile: the checked law `elementwise` is the licence.

A rule is written as the formula on whole vectors, which sweeps memory once for each operation and allocates each
result. Here its calls are recorded (see lanes), and the list is run on one cache-sized tile after another, in place, in
threads. The numbers are the same to the last bit, because the calls are the same.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, cast

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.engine import Rule, Runner, resolve
from minigrad.optim.errors import NonFiniteParameters, UpdateError
from minigrad.optim.lanes import Lane, NotElementwise, Recorder
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Need, Segment, needs_of
from minigrad.optim.registers import Program, compiled
from minigrad.optim.state import State, leaves, rebuild

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from minigrad.optim.schedules import Schedule

__all__ = ["SMALLEST", "TiledRunner", "licensed"]

SMALLEST = 1 << 16
"""Number of parameters from which tiling pays for the recording."""
_TILE_BYTES = 1 << 19
_PROBE = 1000
_TRIALS, _PERIOD = 8, 256


class TiledRunner(Runner):
    """A Runner for a large vector and a licensed rule: `prepare` and `execute` move it in place, tile by tile."""

    def __init__(
        self,
        name: str,
        rule: Rule,
        w: Array,
        schedules: Mapping[str, Schedule] | None = None,
        layout: tuple[Segment, ...] = (),
    ) -> None:
        super().__init__(name, rule, w, schedules, layout)
        self.layout = layout
        self.tile = max(1, _TILE_BYTES // w.dtype.itemsize)
        self.workers = min(_processors(), -(-w.size // self.tile))
        self.pool = _pool(self.workers - 1)
        self._runs = 0
        self._spent = {1: 0.0, self.workers: 0.0}
        self._owned: State | None = None
        self._ready: tuple[Program, list[Array], State] | None = None
        self._checked = self._refused = False

    def prepare(self, g: Array, t: int, decay: float, shrink: float) -> bool:
        """Get ready for one update with gradients `g + decay w`, from parameters `shrink w`; `execute` makes it.

        False if the rule does something that cannot be recorded: then `propose` and `commit`. Changes nothing.
        """
        rule = resolve(self.rule, self.schedules, t)
        if self._refused:
            return False
        try:
            names, arrays = self._own()
            program, state = _recorded(rule, self.w, self.state, names, arrays, g, t, decay, shrink)
            vectors = [self.w, *arrays, g]
            self._checked = self._checked or self._agrees(program, rule, vectors, names, t, decay, shrink)
        except Exception:  # whatever it is, the untiled path will either work or say it better
            self._checked = False
        if not self._checked:
            self._refused = True
            return False
        self._ready = (program, vectors, state)
        return True

    def execute(self, t: int) -> None:
        """Make the update that was prepared. Raises NonFiniteParameters if it went beyond the largest number."""
        if self._ready is None:
            raise UpdateError(f"{self.name}: no update has been prepared")
        program, vectors, state = self._ready
        self._ready = None
        fine = self._timed(program, vectors)
        self.state = self._owned = state
        if not fine:
            culprits = ", ".join(repr(part.name) for part in self.layout if not np.isfinite(part.of(self.w)).all())
            raise NonFiniteParameters(
                f"{self.name}, step {t}: the update made {culprits} infinite or NaN. Parameters as many as these are "
                "updated in place, so the step cannot be undone: load the last checkpoint, and lower the learning rate"
            )

    def _own(self) -> tuple[list[str], list[Array]]:
        """Names and arrays of the state; copies where somebody else may hold them."""
        values = leaves(self.state)
        names = [name for name, leaf in values.items() if isinstance(leaf, np.ndarray)]
        arrays = [leaf for leaf in values.values() if isinstance(leaf, np.ndarray)]
        if any(a.shape != self.w.shape for a in arrays):
            raise NotElementwise("its state is not made of vectors as long as the parameters")
        return names, arrays if self._owned is self.state else [a.copy() for a in arrays]

    def _agrees(
        self, program: Program, rule: Rule, vectors: list[Array], names: list[str], t: int, decay: float, shrink: float
    ) -> bool:
        """Whether the program gives what the rule itself gives on the first entries."""
        parts = [v[:_PROBE].copy() for v in vectors]
        w, *arrays, g = parts
        state = rebuild(self.state, {**leaves(self.state), **dict(zip(names, arrays, strict=True))})
        start = w if shrink == 1.0 else shrink * w
        with np.errstate(all="ignore"):
            moved, after = rule.update(start, Objective(g + decay * w if decay else g), state, t)
            expected = [moved.copy(), *(np.array(leaves(after)[name]) for name in names)]
            program.run(parts, 0, w.size, _PROBE // 3)
        return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(expected, parts, strict=False))

    def _timed(self, program: Program, vectors: list[Array]) -> bool:
        """Run with one worker or with all, whichever took less time in trials that are repeated now and then.

        Returns whether the parameters are finite.

        The other processors may be busy (a matrix library's threads go on spinning after their work), and then waiting
        for a second thread costs more than it brings.
        """
        trial = self._runs % _PERIOD
        if trial == 0:
            self._spent = dict.fromkeys(self._spent, 0.0)
        workers = (1, self.workers)[trial % 2] if trial < _TRIALS else min(self._spent, key=lambda k: self._spent[k])
        began = perf_counter()
        fine = self._run(program, vectors, workers)
        if trial < _TRIALS:
            self._spent[workers] += perf_counter() - began
        self._runs += 1
        return fine

    def _run(self, program: Program, vectors: list[Array], workers: int) -> bool:
        n, share = self.w.size, -(-self.w.size // workers)
        cuts = [(low, min(low + share, n)) for low in range(0, n, share)]
        futures = []
        for low, high in cuts[1:]:
            if self.pool is not None:
                context = contextvars.copy_context()  # carries the caller's np.errstate into the thread
                futures.append(self.pool.submit(context.run, program.run, vectors, low, high, self.tile))
        fine = program.run(vectors, *cuts[0], self.tile)
        return all([fine, *(future.result() for future in futures)])


def licensed(rule: Rule, w: Array) -> bool:
    """Whether a vector is worth tiling and the rule, as it is configured, keeps the law that allows it."""
    if w.size < SMALLEST or "elementwise" not in rule.laws or needs_of(rule, rule.needs) != Need.GRAD:
        return False
    from minigrad.optim.laws import holds

    return holds(rule, "elementwise")


def _pool(threads: int) -> ThreadPoolExecutor | None:
    if not threads:
        return None
    from concurrent.futures import ThreadPoolExecutor  # 4 ms, which only large vectors should pay

    return ThreadPoolExecutor(threads)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _recorded(
    rule: Rule,
    w: Array,
    before: State,
    names: list[str],
    arrays: list[Array],
    g: Array,
    t: int,
    decay: float,
    shrink: float,
) -> tuple[Program, State]:
    """The program of one step and the state after it, whose arrays are `arrays`. Raises NotElementwise or worse."""
    recorder = Recorder((w.dtype, *(a.dtype for a in arrays), g.dtype))
    lane, *own, gradient = recorder.inputs
    with np.errstate(all="ignore"):
        start = lane if shrink == 1.0 else shrink * lane
        f = _Recorded(gradient + decay * lane if decay else gradient)
        lanes = cast("dict[str, Array]", dict(zip(names, own, strict=True)))
        state = rebuild(before, {**leaves(before), **lanes})
        moved, after = rule.update(cast(Array, start), f, state, t)
    if type(after) is not type(before):
        raise NotElementwise("the state changed its type")
    found = _parts(after)
    results: list[int] = []
    for result, wanted in zip([moved, *(found.pop(n, None) for n in names)], recorder.inputs, strict=False):
        if not isinstance(result, Lane) or result.dtype != wanted.dtype:
            raise NotElementwise("a result is no vector of the dtype it replaces")
        results.append(result.index)
    if any(isinstance(v, Lane) for v in found.values()):
        raise NotElementwise("a number of the state became a vector")
    settled = rebuild(before, {**cast("dict[str, float]", found), **dict(zip(names, arrays, strict=True))})
    return compiled(recorder.calls, [x.dtype for x in recorder.inputs], results), settled


class _Recorded(Objective):
    """An objective whose gradient is a Lane."""

    __slots__ = ("lane",)

    def __init__(self, lane: Lane) -> None:
        super().__init__()
        self.lane = lane

    @property
    def grad(self) -> Array:
        """The recorded gradient."""
        return cast(Array, self.lane)


def _parts(state: State) -> dict[str, object]:
    """The leaves of a state that holds Lanes."""
    found: dict[str, object] = {}
    stack: list[tuple[str, State]] = [("", state)]
    while stack:
        prefix, node = stack.pop()
        for field in attrs.fields(type(node)):
            value: object = getattr(node, field.name)
            if attrs.has(type(value)):
                stack.append((f"{prefix}{field.name}.", cast(State, value)))
            elif value is not None:
                found[prefix + field.name] = value
    return found
