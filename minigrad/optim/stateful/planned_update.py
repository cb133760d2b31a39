"""An optimizer's step in terms of memory, for engines that make whole programs one call.

What a step decides in Python is decided here before the call (`begin`) or told afterwards (`finish`); all numbers in
between are calls on arrays. Where anything is unusual (a gradient that is not finite, a hook, a state that has just
been loaded) the engine refuses, and the optimizer's own step does what it always does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines.plan import ArrayCall, Operand, PlannedCall, UpdatePlan
from minigrad.optim.compiled.compiled_runner import CompiledRunner, CompiledUpdate
from minigrad.optim.compiled.traced_scalar import Plain
from minigrad.optim.errors import HyperparameterError
from minigrad.optim.runner import scheduled

if TYPE_CHECKING:
    from minigrad.optim.stateful.buckets import ParamBucket
    from minigrad.optim.stateful.param_groups import ParamGroup

__all__ = ["plan_update"]


@attrs.frozen(eq=False)
class _Part:
    """The update of one bucket.

    Attributes:
        group_now: the bucket's parameter group as it is configured at the moment.
        cells: numbers of the recorded arithmetic, first those that change from step to step.
        square: takes the squared norm of the gradient.
        counted: gives the state's numbers after the steps that were made as planned.
    """

    bucket: ParamBucket
    runner: CompiledRunner
    update: CompiledUpdate
    least: float
    group_now: Callable[[], ParamGroup]
    cells: Array
    square: Array
    counted: Callable[[], dict[str, Plain]] = attrs.field(init=False)

    @counted.default
    def _counted(self) -> Callable[[], dict[str, Plain]]:
        return self.counters  # one object, to be recognized by

    def counters(self) -> dict[str, Plain]:
        """The state's numbers."""
        now = self.cells[self._first_counter :].tolist()
        return {name: kind(now[n]) for n, (name, (kind, _)) in enumerate(self.update.counters.items())}

    @property
    def _first_counter(self) -> int:
        return 3 + len(self.runner.schedules)

    def feed(self, t: int) -> None:
        """Take over the numbers of step `t`."""
        cells = self.cells
        cells[0] = t
        cells[1:3] = self.group_now().weight_decays(t)
        schedules = self.runner.schedules
        if schedules:
            cells[3 : 3 + len(schedules)] = scheduled(self.runner.rule, schedules, t)
        if self.update.counters and not self.runner.counts_by(self.counted):
            cells[self._first_counter :][: len(self.update.counters)] = self.runner.counters()

    def before(self) -> list[PlannedCall]:
        """What leaves all as it was: norm, numbers, and the new parameters where they are staged."""
        norm = ArrayCall("squared_norm", (Operand(self.bucket.grads),), self.square, {"least": self.least})
        options = {"steps": self.update.arithmetic, "feeds": self.update.feeds}
        calls = [_only(norm), _only(ArrayCall("scalars", (Operand(self.cells),), None, options))]
        if self.update.staged is not None:
            calls += [PlannedCall(run) for run in self.update.code]
            calls.append(_only(ArrayCall("finite", (Operand(self.update.staged),))))
        return calls

    def changes(self) -> list[PlannedCall]:
        """What changes parameters and state."""
        first, cells = self._first_counter, self.cells
        after = enumerate(k for _, k in self.update.counters.values())
        feeds = [(cells[first + n : first + n + 1], k) for n, k in after if k is not None]
        calls = [_only(ArrayCall("scalars", (Operand(cells),), None, {"steps": (), "feeds": feeds}))]
        if self.update.staged is None:
            return [*calls, *(PlannedCall(run) for run in self.update.code)]
        return [*calls, *(_only(ArrayCall("copy", (Operand(new),), old)) for old, new in self.update.moves)]


def plan_update(
    buckets: Sequence[ParamBucket],
    runners: Sequence[object],
    least_squares: Sequence[float],
    group_of: Callable[[int], ParamGroup],
    step: tuple[Callable[[], int], Callable[[float], object]],
) -> UpdatePlan | None:
    """Plan the step that was made last; None where one of its runners cannot say what it did.

    Args:
        buckets: one for each runner.
        runners: of the rules.
        least_squares: below which a squared norm is not exact.
        group_of: gives the parameter group of a bucket.
        step: gives the number of the next step, or 0 if it must not be made as planned; and is told the norm of the
            gradient after it.
    """
    parts: list[_Part] = []
    for i, (bucket, runner, least) in enumerate(zip(buckets, runners, least_squares, strict=True)):
        update = runner.compiled_update() if isinstance(runner, CompiledRunner) else None
        if update is None or not isinstance(runner, CompiledRunner):
            return None
        cells: Array = np.array(update.cells, np.float64)
        group_now = _bound(group_of, i)
        parts.append(_Part(bucket, runner, update, least, group_now, cells, np.zeros(1, bucket.grads.dtype)))
    next_step, done = step
    now = [0]  # number of the step

    def holds() -> bool:
        return all(part.runner.repeats(part.update) for part in parts)

    def begin() -> bool:
        now[0] = t = next_step()
        if not t:
            return False
        for part in parts:
            if not part.runner.repeats(part.update):
                return False
        try:
            for part in parts:
                part.feed(t)
        except HyperparameterError:  # said by the optimizer's own step, at its place
            return False
        return True

    def finish() -> None:
        squares = 0.0
        for part in parts:
            squares += part.square.item()
            try:
                part.runner.note_planned(now[0], part.counted)
            except ArithmeticError:
                part.bucket.renew()
                raise
        done(math.sqrt(squares))

    calls = [call for part in parts for call in part.before()] + [call for part in parts for call in part.changes()]
    return UpdatePlan(begin, tuple(calls), finish, holds)


def _bound(group_of: Callable[[int], ParamGroup], i: int) -> Callable[[], ParamGroup]:
    return lambda: group_of(i)


def _only(call: ArrayCall) -> PlannedCall:
    """A call that is left to the optimizer's own step where the engine does not make it."""
    return PlannedCall(_refuse, call)


def _refuse() -> None:
    raise AssertionError("a part of a planned update never runs by itself")
