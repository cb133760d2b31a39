"""One update of all parameters: every rule proposes, and the proposals are committed only if all of them are finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, create_engine
from minigrad.optim.compiled.compiled_runner import CompiledRunner, claims
from minigrad.optim.errors import NonFiniteGradient, NonFiniteParameters
from minigrad.optim.gradient_transforms import shaped
from minigrad.optim.objective import Objective
from minigrad.optim.runner import Runner, is_finite
from minigrad.optim.state import State
from minigrad.optim.stateful.buckets import Cell
from minigrad.optim.stateful.closure import Bench
from minigrad.optim.stateful.param_groups import Plan, Settings

__all__ = ["Advance"]


class Advance:
    """The rules at work on their cells.

    Both ways to update give an empty string, or the reason why parameters and state have been left as they were.

    Attributes:
        runners: a rule with its state, for each cell.
    """

    def __init__(self, name: str, plans: Sequence[Plan], settings: Settings, cells: Sequence[Cell]) -> None:
        self.cells = tuple(cells)
        self.plans = [plans[cell.group] for cell in cells]
        self.runners = _runners(name, self.plans, self.cells, create_engine())
        self._settings = settings
        self._sign = -1.0 if settings.maximise else 1.0
        self._plain = not settings.maximise and settings.clip is None and settings.accumulate == 1
        self._objectives = [Objective(cell.g) for cell in cells]

    def use(self, binder: EngineWithFallback) -> None:
        """Run updates that are elementwise by another engine from now on."""
        for runner in self.runners:
            if isinstance(runner, CompiledRunner):
                runner.use(binder)

    def from_gradients(self, t: int) -> str:
        """Update number `t` from the gradients in the buffers."""
        proposals: list[tuple[int, Array, State]] = []
        prepared: list[tuple[int, CompiledRunner]] = []
        for index, g in enumerate(self._gradients()):
            runner, (decay, shrink) = self.runners[index], self.plans[index].decays(t)
            if isinstance(runner, CompiledRunner) and runner.prepare(g, t, decay, shrink):
                if runner.staged is not None and not is_finite(runner.staged):
                    return self._refused(index, runner.staged)
                prepared.append((index, runner))
                continue
            if decay:
                g = g + decay * runner.w
            f = self._objectives[index] if g is self.cells[index].g else Objective(g)
            proposals.append((index, *runner.propose(f, t, runner.w if shrink == 1.0 else shrink * runner.w)))
        refused = self._committed(proposals)
        if not refused:
            self._execute(prepared, t)
        return refused

    def from_closure(self, t: int, bench: Bench) -> str:
        """Update number `t` by rules that evaluate the loss themselves."""
        proposals: list[tuple[int, Array, State]] = []
        try:
            for index, runner in enumerate(self.runners):
                decay, shrink = self.plans[index].decays(t)
                home = bench.home[index]
                f = shaped(bench.objective(self.cells[index], runner.needs), home, self._sign, decay)
                proposals.append((index, *runner.propose(f, t, home if shrink == 1.0 else shrink * home)))
        except NonFiniteGradient as error:
            return str(error)
        finally:
            bench.restore()
        return self._committed(proposals)

    def _gradients(self) -> list[Array]:
        """The gradients after averaging, sign and clipping; the buffers themselves where nothing is to be done."""
        raw = [cell.g for cell in self.cells]
        if self._plain:
            return raw
        scale = self._sign / self._settings.accumulate
        scaled = raw if scale == 1.0 else [scale * g for g in raw]
        clip = self._settings.clip
        if clip is None:
            return scaled
        return clip(scaled, [cell.w for cell in self.cells], [cell.layout for cell in self.cells])

    def _committed(self, proposals: Sequence[tuple[int, Array, State]]) -> str:
        for index, w, _ in proposals:
            if not is_finite(w):
                return self._refused(index, w)
        for index, w, state in proposals:
            self.runners[index].commit(w, state)
        return ""

    def _refused(self, index: int, w: Array) -> str:
        layout = self.cells[index].layout
        names = ", ".join(repr(s.name) for s in layout if not np.isfinite(s.of(w)).all())
        return f"the update would make {names} infinite or NaN"

    def _execute(self, prepared: Sequence[tuple[int, CompiledRunner]], t: int) -> None:
        for index, runner in prepared:
            try:
                runner.execute(t)
            except NonFiniteParameters:
                self.cells[index].renew()
                raise


def _runners(name: str, plans: Sequence[Plan], cells: Sequence[Cell], binder: EngineWithFallback) -> list[Runner]:
    return [
        CompiledRunner(name, plan.rule, cell.w, plan.schedules, cell.layout, cell.g, binder)
        if claims(plan.rule)
        else Runner(name, plan.rule, cell.w, plan.schedules, cell.layout)
        for plan, cell in zip(plans, cells, strict=True)
    ]
