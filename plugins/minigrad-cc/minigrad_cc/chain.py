"""Chains: calls of a program that C makes one after another, without Python in between.

A chain is a table of C calls. Each begins as a refusal: Python makes the call with NumPy, lets C make it too, and puts
it into the table only if memory holds the same bits. So a chain runs from its first run on, and what C refuses (a label
out of range, a gradient that is not finite) NumPy does, and says what is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Protocol

import numpy as np

from minigrad.engines.plan import ArrayCall, PlannedCall
from minigrad.engines.threads import AutoTuner, thread_count
from minigrad.typing import Array, IndexArray
from minigrad_cc.entries import Entry, Late
from minigrad_cc.errors import KernelWarning
from minigrad_cc.library import PlanLibrary
from minigrad_cc.routines import entries_of

__all__ = ["ArrayRow", "Chain", "GroupRow", "Row", "Table", "nested_arguments"]

_ANY_ZERO = frozenset(("max_pool",))
"""Where the larger of 0 and -0 is asked for, NumPy gives the one or the other."""


def nested_arguments() -> IndexArray:
    """What `minigrad_nested` reads: whether to run, address and length of the plan.

    It writes 1 into the fourth.
    """
    return np.zeros(4, np.int64)


class Table:
    """Rows of a C plan: function, arguments, parts in which the work is cut."""

    def __init__(self, library: PlanLibrary, n: int) -> None:
        self.library = library
        self.rows: IndexArray = np.zeros((n, 3), np.int64)
        self.rows[:, 0] = library.address("refuse")
        self.rows[:, 2] = 1
        self._kept: list[object] = []

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def address(self) -> int:
        """Where C finds it."""
        return self.rows.ctypes.data

    def set(self, k: int, function: int, arguments: int, kept: object, parts: int = 1) -> None:
        """Let row k call a function; `kept` must live as long as the table."""
        self._kept.append(kept)
        self.rows[k] = (function, arguments, parts)

    def refuse(self, k: int) -> None:
        """Let row k stop the plan."""
        self.rows[k, 0] = self.library.address("refuse")

    def span(self, first: int, shares: bool) -> IndexArray:
        """The rows from `first` on, as `PlanLibrary.run` reads them."""
        return np.array((self.address, first, len(self), shares), np.int64)

    def run_from(self, first: int) -> int:
        """Run the rows from `first` on; the number of the one that refuses, or how many there are."""
        span = self.span(first, shares=True)  # lives until C has read it
        return self.library.run(span.ctypes.data)

    def run(self) -> bool:
        """Run all rows; False if one refuses."""
        return self.run_from(0) == len(self)

    def is_shared(self) -> bool:
        """Whether work of a row is cut in parts."""
        return bool((self.rows[:, 2] > 1).any())


class Row(Protocol):
    """One call of a chain."""

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        """Arguments that hold addresses of this run's arrays, and which."""
        ...

    def settle(self, table: Table, k: int) -> None:
        """Make the call in Python, and let row k make it from now on if C can be trusted with it."""
        ...

    @property
    def note(self) -> str:
        """What it is, where NumPy makes it at each run; else ""."""
        ...


class Entries:
    """Calls of C with their arguments in memory."""

    def __init__(self, library: PlanLibrary, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.arguments = [np.array(entry.arguments, np.int64) for entry in entries]
        self.table = Table(library, len(entries))
        for k, (entry, arguments) in enumerate(zip(entries, self.arguments, strict=True)):
            self.table.set(k, library.address(entry.routine), arguments.ctypes.data, (entry, arguments), entry.parts)

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        """Arguments that hold addresses of this run's arrays."""
        for entry, arguments in zip(self.entries, self.arguments, strict=True):
            for late in entry.late:
                yield arguments, late

    def cuts(self) -> Iterator[None]:
        """Cut the work in other ways, one after another, and at last not at all."""
        for k, (entry, arguments) in enumerate(zip(self.entries, self.arguments, strict=True)):
            if entry.parts > 1:
                for cut in entry.cuts:
                    arguments[-1] = cut
                    yield
                self.table.rows[k, 2] = 1
                yield

    def nested(self) -> IndexArray:
        """Arguments of a row that runs all of them."""
        arguments = nested_arguments()
        arguments[:3] = 1, self.table.address, len(self.table)
        return arguments


class ArrayRow:
    """A call that is no group."""

    def __init__(self, planned: PlannedCall, call: ArrayCall, entries: Entries) -> None:
        self.planned = planned
        self.call = call
        self.entries = entries
        self.note = ""
        self._refused = False

    @classmethod
    def of(cls, library: PlanLibrary, planned: PlannedCall) -> ArrayRow | None:
        """The row of a planned call; None where C cannot say it."""
        entries = None if planned.call is None else entries_of(planned.call)
        if planned.call is None or not entries:
            return None
        return cls(planned, planned.call, Entries(library, entries))

    def is_shared(self) -> bool:
        """Whether its work is cut in parts."""
        return self.entries.table.is_shared()

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        return self.entries.late()

    def settle(self, table: Table, k: int) -> None:
        out = self.call.out
        if self._refused or out is None:
            self.planned.run()
        else:
            shared = [o.form for o in self.call.operands if o.fetch is None and np.may_share_memory(o.form, out)]
            before = [form.copy() for form in shared]
            self.planned.run()
            expected = out.copy()
            saved = [*zip(shared, before, strict=True)]
            if not self._run(out, saved):  # numbers that only NumPy knows what to do with
                out[...] = expected
                return
            cuts = self.entries.cuts()
            any_zero = self.call.name in _ANY_ZERO
            while not (same := _same_bits(out, expected, any_zero)) and next(cuts, self) is None:
                self._run(out, saved)
            if not same:
                out[...] = expected
                self._refused = True
                self.note = self.call.name
                warnings.warn(
                    f"engine cc: {self.call.name} of {out.dtype}{list(out.shape)} runs on NumPy: in C it leaves other "
                    "bits",
                    KernelWarning,
                    stacklevel=4,
                )
        if self._refused:
            return
        if len(self.entries.entries) == 1:
            table.rows[k] = self.entries.table.rows[0]
        else:
            arguments = self.entries.nested()
            table.set(
                k,
                table.library.address("nested"),
                arguments.ctypes.data,
                arguments,
                int(self.entries.table.rows[:, 2].max()),
            )

    def _run(self, out: Array, saved: Sequence[tuple[Array, Array]]) -> bool:
        """Let C make the call on the numbers of before; False if it refuses."""
        out.fill(np.nan if out.dtype.kind == "f" else 1)
        for form, numbers in saved:
            form[...] = numbers
        return self.entries.table.run()


def _same_bits(a: Array, b: Array, any_zero: bool) -> bool:
    """Whether two arrays hold the same numbers, the sign of zero included unless `any_zero`.

    One NaN is like another.
    """
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    same = (a == b) & (any_zero | (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))
    return bool(same.all())


class CompiledRun(Protocol):
    """A compiled group, as a chain sees it."""

    def __call__(self) -> object: ...

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        """Arguments that hold addresses of this run's arrays."""
        ...

    def entry(self) -> tuple[int, int, int] | None:
        """Addresses of function and arguments and the number of parts, once it is trusted."""
        ...


class GroupRow:
    """A group that has been compiled."""

    note = ""

    def __init__(self, run: CompiledRun) -> None:
        self.run = run

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        return self.run.late()

    def settle(self, table: Table, k: int) -> None:
        self.run()
        entry = self.run.entry()
        if entry is not None:
            table.set(k, *entry[:2], self.run, entry[2])
            self.note = ""
        else:
            self.note = "a group"


class Chain:
    """Calls that C makes one after another.

    Args:
        rows: the calls.
        effects: what Python does beside, each with the number of rows that come before it.
        begin: called before each run.
        recover: called after a run that did not come to its end.
    """

    def __init__(
        self,
        library: PlanLibrary,
        rows: Sequence[Row],
        effects: Sequence[tuple[int, Callable[[], object]]],
        begin: Sequence[Callable[[], object]] = (),
        recover: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._recover = tuple(recover)
        self.rows = rows
        self.table = Table(library, len(rows))
        self._effects = tuple(effects)
        self._every = tuple(effect for _, effect in effects)
        self._begin = tuple(begin)
        self._run = library.run
        self._tuner: AutoTuner | None = None  # once it is known whether anything is shared
        self._n = len(rows)
        self._spans = self.table.span(0, shares=False), self.table.span(0, shares=True)
        self._alone, self._shared = (span.ctypes.data for span in self._spans)
        by_fetch: dict[Callable[[], Array], list[tuple[IndexArray, int, int]]] = {}
        for row in rows:
            for arguments, late in row.late():
                by_fetch.setdefault(late.fetch, []).append((arguments, late.place, late.offset))
        self._late = tuple((fetch, tuple(places)) for fetch, places in by_fetch.items())

    def __call__(self) -> None:
        held = self._late and [self._point(fetch, places) for fetch, places in self._late]  # until C has read them
        try:
            for begin in self._begin:
                begin()
            at = self._run(self._alone) if self._tuner is None else self._tuned(self._tuner)
            if at == self._n:
                for effect in self._every:
                    effect()
            else:
                self._go_on(at)
        except BaseException:  # Ctrl-C may come between C's last call and what Python has to note of it
            for recover in self._recover:
                recover()
            raise
        del held

    def _tuned(self, tuner: AutoTuner) -> int:
        """Run by one thread or by all, whichever is quicker."""
        share = tuner.choose()
        began = perf_counter()
        at = self._run(self._shared if share > 1 else self._alone)
        tuner.note(perf_counter() - began)
        return at

    @staticmethod
    def _point(fetch: Callable[[], Array], places: Sequence[tuple[IndexArray, int, int]]) -> Array:
        array = fetch()
        address = array.__array_interface__["data"][0]
        for arguments, place, offset in places:
            arguments[place] = address + offset
        return array

    def _go_on(self, at: int) -> None:
        """From the row that refused."""
        done = self._up_to(0, at)
        while at < self._n:
            with self.table.library.one_blas_thread():
                self.rows[at].settle(self.table, at)
            at = self.table.run_from(at + 1)
            done = self._up_to(done, at)
        threads = thread_count()
        self._tuner = AutoTuner(threads) if threads > 1 and self.table.is_shared() else None

    def _up_to(self, done: int, at: int) -> int:
        """Effects that come before row `at`."""
        while done < len(self._effects) and self._effects[done][0] <= at:
            self._effects[done][1]()
            done += 1
        return done

    @property
    def note(self) -> str:
        """For `explain()`."""
        left = [row.note for row in self.rows if row.note]
        shared = int((self.table.rows[:, 2] > 1).sum())
        threads = f", {shared} by up to {thread_count()} threads" if shared and thread_count() > 1 else ""
        return f"C makes {self._n - len(left)} calls{threads}" + (f"; NumPy: {', '.join(left)}" if left else "")
