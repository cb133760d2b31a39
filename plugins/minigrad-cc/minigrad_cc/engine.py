"""The engine: groups as C, each kernel compared with NumPy before it is trusted."""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import ClassVar, TypeAlias

import numpy as np

from minigrad.engines import API, CompiledGroup, FusionGroup, NumpyEngine, PlannedCall
from minigrad.engines.protocol import Thunk
from minigrad.engines.threads import AutoTuner, processors, thread_count
from minigrad.typing import Array, IndexArray
from minigrad_cc.check import checked, packed
from minigrad_cc.compiler import Compiler, Function, compiler
from minigrad_cc.entries import Late
from minigrad_cc.errors import CompilerError, KernelWarning, NoCompiler
from minigrad_cc.functions import cost, gives_same_bits
from minigrad_cc.inner_sums import InnerSum, without_inner_sums
from minigrad_cc.library import plan_library
from minigrad_cc.link import linked
from minigrad_cc.translate import Translated, Unknown, translated
from minigrad_cc.writers.emit import emitted

__all__ = ["Engine"]

_PART = 1 << 20
"""Places times additions that are worth a thread of their own: some 20 microseconds."""
_MOST_PARTS = 16
Fetch: TypeAlias = Callable[[], Array]


class Engine:
    """Compiles elementwise groups, with the reductions along rows between them, to C.

    Each kernel is compared with NumPy on the numbers of its first run; one that differs is not used. Where there is no
    compiler, one warning says so and everything is left to NumPy.

    Attributes:
        unavailable: what is missing, or "": `engine="auto"` takes NumPy where something is.

    Args:
        workers: threads for large groups; by default MINIGRAD_THREADS, or as many as there are processors.
    """

    api: ClassVar[tuple[int, int]] = API

    def __init__(self, workers: int | None = None) -> None:
        self.workers = thread_count() if workers is None else workers
        self._compiler: Compiler | None = None
        self._warned = False
        self.unavailable = ""
        try:
            self._compiler = compiler()
        except NoCompiler as missing:
            self.unavailable = str(missing)

    def bind(self, group: FusionGroup) -> CompiledGroup | None:
        """The group as one call of C; None where kernels cannot say it.

        Compilation goes on in the background.
        """
        if self._compiler is None:
            if not self._warned:
                self._warned = True
                warnings.warn(f"engine cc: {self.unavailable}. Programs run on NumPy", KernelWarning, stacklevel=4)
            return None
        translation = _kernel_and_sums(group)
        if translation is None:
            return None
        rest, what, sums = translation
        pool = _compilations(os.getpid())
        future = pool.submit(_function, self._compiler, emitted(what.kernel))
        parts = _parts(what)
        run = _Run(rest, what, future, parts, self.workers)
        note = f"C, {len(what.kernel.steps)} steps" + (f" in {parts} parts" if parts > 1 else "")
        note += f", {len(sums)} sums by themselves" if sums else ""
        scratch = sum(s.x.nbytes for s in sums if all(s.x is not o.array for o in group.outputs))
        return CompiledGroup((run, *sums), run.arguments.nbytes + scratch, note)

    def single_threaded(self) -> AbstractContextManager[None]:
        """Inside the block the matrix library works on one thread, as it does in plans."""
        try:
            return nullcontext() if self._compiler is None else plan_library(self._compiler).one_blas_thread()
        except CompilerError:  # `link` says it
            return nullcontext()

    def link(self, plan: Sequence[PlannedCall]) -> Sequence[Thunk]:
        """Chains of calls that C makes at once; what it cannot say stays as it is."""
        if self._compiler is None:
            return [call.run for call in plan]
        try:
            library = plan_library(self._compiler)
        except CompilerError as error:
            warnings.warn(f"engine cc: {error}. Calls are made one by one", KernelWarning, stacklevel=3)
            return [call.run for call in plan]
        return linked(plan, library, _as_run)


def _kernel_and_sums(group: FusionGroup) -> tuple[FusionGroup, Translated, tuple[InnerSum, ...]] | None:
    """Translate a group whole, or without its sums over inner axes.

    Returns:
        What the kernel makes of the group, the kernel, and the sums that are left. None if there is no kernel.
    """
    try:
        return group, translated(group), ()
    except Unknown:
        apart = without_inner_sums(group)
    if apart is None:
        return None
    rest, sums = apart
    try:
        return rest, translated(rest), sums
    except Unknown:
        return None


def _parts(what: Translated) -> int:
    """In how many parts a group is cut.

    Their number does not depend on that of the threads, so that totals do not.
    """
    kernel = what.kernel
    if kernel.rows and len(kernel.shape) == 1:
        return 1
    work = kernel.size * (sum(cost(step.function) for step in kernel.steps) + len(kernel.reads))
    return max(1, min(_MOST_PARTS, kernel.shape[0], work // _PART))


def _function(compiler: Compiler, text: str) -> Function:
    """A kernel that shares its parts with the team."""
    return compiler.function(text, team=plan_library(compiler).address("team"))


@cache
def _compilations(process: int) -> ThreadPoolExecutor:
    """The threads that wait for the compiler, those of this process: a fork takes none along."""
    return ThreadPoolExecutor(processors(), thread_name_prefix="minigrad-cc")


class _Run:
    """One group, from its first run on.

    As long as the compiler is at work NumPy makes those whose numbers are NumPy's to the last bit; for the others the
    first run waits, so that no answer depends on how long the compiler takes.
    """

    def __init__(
        self, group: FusionGroup, what: Translated, future: Future[Function], parts: int, workers: int
    ) -> None:
        self.group = group
        self.what = what
        self.parts = parts
        self.workers = workers
        now = [r.ctypes.data if isinstance(r, np.ndarray) else 0 for r in what.reads]
        self.arguments = packed(what, what.kernel.shape, [*now, *(a.ctypes.data for a in (*what.writes, *what.totals))])
        self._future = future
        self._function = 0
        self._has_same_bits = gives_same_bits(what.kernel)
        self._meanwhile: Sequence[Callable[[], object]] | None = None
        self._run: Callable[[], object] = self._first

    def __call__(self) -> None:
        self._run()

    def _first(self) -> None:
        """Compare what the compiler has made with NumPy, and run as C or not."""
        if self._has_same_bits and not self._future.done():
            if self._meanwhile is None:
                self._meanwhile = NumpyEngine().bind(self.group).calls
            _in_turn(self._meanwhile)
            return
        try:
            function = self._future.result()
            wrong, certain = checked(self.what, function, self.parts)
        except CompilerError as error:
            self._refuse(str(error))
        else:
            if wrong:
                self._refuse(f"the kernel is not what NumPy computes: {wrong}")
            elif certain:
                self._run = self._ready(function)
                self._function = ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
            else:  # NaN nearly everywhere: nothing could be seen, so it is looked at again at the next run
                _in_turn(NumpyEngine().bind(self.group).calls)
                return
        self._run()

    def _refuse(self, why: str) -> None:
        warnings.warn(f"engine cc: {self.group.name} runs on NumPy: {why}", KernelWarning, stacklevel=4)
        self._run = partial(_in_turn, NumpyEngine().bind(self.group).calls)

    def _ready(self, function: Function) -> Callable[[], object]:
        """The call of every later run."""
        late = [(self._place(k), r) for k, r in enumerate(self.what.reads) if not isinstance(r, np.ndarray)]
        address = int(self.arguments.ctypes.data)
        run: Callable[[int], object] = partial(function, address)
        if self.what.kernel.rows:
            run = partial(_checked_call, function, address)
        if late:
            run = partial(_fetched, run, self.arguments, late)
        if self.workers == 1 or self.parts == 1:
            return partial(run, self.parts)
        return partial(
            AutoTuner(self.workers).run, partial(_shared, plan_library(compiler()).team_alone, run, self.parts)
        )

    def late(self) -> Iterator[tuple[IndexArray, Late]]:
        """Arguments that hold addresses of this run's arrays (see `minigrad_cc.chain`)."""
        for k, read in enumerate(self.what.reads):
            if not isinstance(read, np.ndarray):
                yield self.arguments, Late(self._place(k), read, 0)

    def entry(self) -> tuple[int, int, int] | None:
        """Addresses of function and arguments, and in how many parts it is cut.

        None as long as the kernel is not trusted.
        """
        return (self._function, int(self.arguments.ctypes.data), self.parts) if self._function else None

    def _place(self, k: int) -> int:
        """Where the arguments hold the address of array k."""
        axes = len(self.what.kernel.shape)
        return axes + k * (axes + 1)


def _as_run(call: Callable[[], object]) -> _Run | None:
    """The compiled group behind a call."""
    return call if isinstance(call, _Run) else None


def _shared(team_alone: Callable[[int], None], run: Callable[[int], object], parts: int, workers: int) -> None:
    """A run that the team takes part in, or not."""
    team_alone(workers == 1)
    try:
        run(parts)
    finally:
        team_alone(0)


def _checked_call(function: Function, address: int, parts: int) -> None:
    if function(address, parts):
        raise MemoryError("no memory for a row of intermediate results")


def _fetched(
    run: Callable[[int], object], arguments: IndexArray, late: Sequence[tuple[int, Fetch]], parts: int
) -> None:
    """A run on the arrays of this time."""
    held = []  # until the kernel has read them
    for place, fetch in late:
        held.append(fetch())
        arguments[place] = held[-1].ctypes.data
    run(parts)


def _in_turn(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()
