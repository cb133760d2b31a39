"""An optimizer's step as a row of a chain."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from minigrad.engines.plan import PlannedCall, PlansUpdates, UpdatePlan
from minigrad.typing import Array, IndexArray
from minigrad_cc.chain import CompiledRun, Entries, Table, nested_arguments
from minigrad_cc.entries import Late
from minigrad_cc.errors import KernelWarning
from minigrad_cc.library import PlanLibrary
from minigrad_cc.routines import entries_of

__all__ = ["UpdateRow"]

_CHECKED = ("squared_norm", "scalars")


class UpdateRow:
    """An optimizer's step: first its own, then that of C, once it was the same.

    Args:
        library: of C's routines.
        step: the optimizer's own step.
        optimizer: whose it is.
        as_run: the compiled group behind a call, if there is one.
    """

    def __init__(
        self,
        library: PlanLibrary,
        step: PlannedCall,
        optimizer: PlansUpdates,
        as_run: Callable[[Callable[[], object]], CompiledRun | None],
    ) -> None:
        self.note = "the optimizer's step"
        self._library = library
        self._step = step
        self._optimizer = optimizer
        self._as_run = as_run
        self._arguments = nested_arguments()
        self._plan: UpdatePlan | None = None
        self._checked: list[Entries] = []
        self._numbers: list[Array] = []
        self._norms: list[Array] = []
        self._trusted = self._given_up = self._made = False
        self._tries, self._next, self._parts = 0, 1, 1
        self._before = 0
        self._kept: list[object] = []

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        return iter(())

    def begin(self) -> None:
        """Before a run: is the step as planned?"""
        if self._trusted and self._plan is not None:
            self._arguments[3] = 0
            self._before = self._optimizer.t
            self._made = self._plan.begin()
            self._arguments[0] = self._made

    def finish(self) -> None:
        """After the calls of the step, by whomever they were made."""
        if self._made and self._plan is not None:
            self._plan.finish()
            self._made = False

    def recover(self) -> None:
        """After an interrupt: count the step if C has made it and the optimizer has not."""
        if self._made and self._plan is not None and self._arguments[3] and self._optimizer.t == self._before:
            self._plan.finish()
        self._made = False

    def settle(self, table: Table, k: int) -> None:
        """Let the optimizer make the step, and see whether C does the same."""
        self._made = False
        plan = self._plan
        if plan is not None and plan.holds():
            self._compare(table, k, plan)
            return
        self._trusted, self._plan = False, None
        self._step.run()
        self._tries += 1
        if not self._given_up and self._tries >= self._next:
            self._next = self._tries + min(self._tries, 256)
            self._prepare(self._optimizer.plan_update())

    def _prepare(self, plan: UpdatePlan | None) -> None:
        """Write down what the plan says, if C can say it."""
        if plan is None:
            return
        table = Table(self._library, len(plan.calls))
        self._checked, self._numbers, self._norms = [], [], []
        for k, planned in enumerate(plan.calls):
            run = self._as_run(planned.run)
            entry = None if run is None else run.entry()
            if run is not None and entry is not None and not any(run.late()):
                table.set(k, *entry[:2], run, entry[2])
                continue
            entries = None if planned.call is None else entries_of(planned.call)
            if not entries or len(entries) != 1 or planned.call is None:
                return
            one = Entries(self._library, entries)
            table.rows[k] = one.table.rows[0]
            self._kept.append(one)
            if planned.call.name in _CHECKED:
                self._checked.append(one)
                (self._norms if planned.call.out is not None else self._numbers).extend(_results(one))
        self._kept.append(table)
        self._arguments[1:3] = table.address, len(table)
        self._parts = int(table.rows[:, 2].max())
        self._plan, self._trusted = plan, False

    def _compare(self, table: Table, k: int, plan: UpdatePlan) -> None:
        """One step by the optimizer, and the numbers that it works with by C."""
        if self._trusted or not plan.begin():
            self._step.run()
            return
        if not all(entries.table.run() for entries in self._checked):
            self._step.run()  # no usual step
            return
        ours = [array.copy() for array in self._numbers]
        self._step.run()
        if not plan.holds():
            return
        norms = [norm.item() for norm in self._norms]
        size = self._optimizer.gradient_norm
        same = all(np.array_equal(a, b) for a, b in zip(ours, self._numbers, strict=True))
        if same and math.sqrt(sum(norms)) == size:
            self._trusted, self.note = True, ""
            table.set(k, self._library.address("nested"), self._arguments.ctypes.data, self, self._parts)
            return
        self._given_up, self._plan = True, None
        warnings.warn(
            "engine cc: an optimizer's step runs on NumPy: C computes other numbers", KernelWarning, stacklevel=5
        )


def _results(entries: Entries) -> list[Array]:
    """Arrays that an entry writes: those it keeps but for the first, which it reads."""
    return [array for entry in entries.entries for array in entry.kept[1:] if array.dtype.kind == "f"]
