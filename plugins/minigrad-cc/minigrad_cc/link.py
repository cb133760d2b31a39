"""From a plan to chains: what C can say is joined, what it cannot say stands between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from minigrad.engines.plan import PlannedCall, PlansUpdates
from minigrad.engines.protocol import Thunk
from minigrad_cc.chain import ArrayRow, Chain, CompiledRun, GroupRow, Row
from minigrad_cc.inner_sums import described
from minigrad_cc.library import PlanLibrary
from minigrad_cc.updates import UpdateRow

__all__ = ["linked"]


def linked(
    plan: Sequence[PlannedCall], library: PlanLibrary, as_run: Callable[[Thunk], CompiledRun | None]
) -> Sequence[Thunk]:
    """Chains, and the calls between them.

    `as_run`: the compiled group behind a call, if there is one.
    """
    return _Linker(library, as_run).linked(plan)


class _Linker:
    def __init__(self, library: PlanLibrary, as_run: Callable[[Thunk], CompiledRun | None]) -> None:
        self.library = library
        self.as_run = as_run
        self.thunks: list[Thunk] = []
        self._start()

    def _start(self) -> None:
        self.rows: list[Row] = []
        self.calls: list[Thunk] = []
        self.effects: list[tuple[int, Callable[[], object]]] = []
        self.begin: list[Callable[[], object]] = []
        self.recover: list[Callable[[], object]] = []

    def linked(self, plan: Sequence[PlannedCall]) -> Sequence[Thunk]:
        for planned in plan:
            if planned.is_effect:
                self.effects.append((len(self.rows), planned.run))
                self.calls.append(planned.run)
                continue
            row = self._row(planned)
            if row is None:
                self._close()
                self.thunks.append(partial(_with_one_blas_thread, self.library, planned.run))
                continue
            self.rows.append(row)
            groups = isinstance(row, GroupRow)  # no products are in them
            self.calls.append(planned.run if groups else partial(_with_one_blas_thread, self.library, planned.run))
            if isinstance(row, UpdateRow):
                self.begin.append(row.begin)
                self.recover.append(row.recover)
                self.effects.append((len(self.rows), row.finish))
        self._close()
        return self.thunks

    def _row(self, planned: PlannedCall) -> Row | None:
        planned = described(planned)
        if isinstance(planned.owner, PlansUpdates):
            return UpdateRow(self.library, planned, planned.owner, self.as_run)
        run = self.as_run(planned.run)
        return GroupRow(run) if run is not None else ArrayRow.of(self.library, planned)

    def _close(self) -> None:
        """End a chain. A single call is quicker by itself, unless threads share it."""
        if len(self.rows) > 1 or any(isinstance(row, ArrayRow) and row.is_shared() for row in self.rows):
            self.thunks.append(Chain(self.library, self.rows, self.effects, self.begin, self.recover))
        else:
            self.thunks.extend(self.calls)
        self._start()


def _with_one_blas_thread(library: PlanLibrary, run: Thunk) -> None:
    """A call that no chain makes, with the bits that it would have in one."""
    with library.one_blas_thread():
        run()
