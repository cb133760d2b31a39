"""The engine: groups as C, each kernel compared with NumPy before it is trusted."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np

from minigrad.engines import API, Bound, Group, NumpyEngine
from minigrad.typing import Array, IndexArray
from minigrad_cc.check import checked, packed
from minigrad_cc.compiler import Compiler, Function, compiler
from minigrad_cc.emit import emitted
from minigrad_cc.errors import CompilerError, NoCompiler
from minigrad_cc.translate import Translated, Unknown, translated

__all__ = ["Engine", "KernelWarning"]

_ALONE = 1 << 23
"""Places times steps up to which one processor does the work: starting a thread costs some 30 microseconds."""
Fetch: TypeAlias = Callable[[], Array]


class KernelWarning(UserWarning):
    """Something is run by NumPy that was meant to be C."""


class Engine:
    """Compiles elementwise groups, with the reductions along rows between them, to C.

    Each kernel is compared with NumPy on the numbers of its first run; one that differs is not used. Where there is no
    compiler, one warning says so and everything is left to NumPy.

    Args:
        workers: processors for large groups; by default all that this process may use.
    """

    api: ClassVar[tuple[int, int]] = API

    def __init__(self, workers: int | None = None) -> None:
        self.workers = _processors() if workers is None else workers
        self._pool: ThreadPoolExecutor | None = None
        self._compiler: Compiler | None = None
        try:
            self._compiler = compiler()
        except NoCompiler as missing:
            warnings.warn(f"engine cc: {missing}. Programs run on NumPy", KernelWarning, stacklevel=3)

    def bind(self, group: Group) -> Bound | None:
        """The group as one call of C; None where kernels cannot say it. Compilation goes on in the background."""
        if self._compiler is None:
            return None
        try:
            what = translated(group)
        except Unknown:
            return None
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_processors(), thread_name_prefix="minigrad-cc")
        future = self._pool.submit(self._compiler.function, emitted(what.kernel))
        run = _Run(group, what, future, self._share(what))
        return Bound((run,), run.arguments.nbytes, f"C, {len(what.kernel.steps)} steps, {run.workers} threads")

    def _share(self, what: Translated) -> int:
        """How many processors are worth their while."""
        kernel = what.kernel
        if kernel.rows and len(kernel.shape) == 1:
            return 1
        work = kernel.size * (len(kernel.steps) + len(kernel.reads))
        return max(1, min(self.workers, work // _ALONE + 1))


class _Run:
    """One group, from its first run on."""

    def __init__(self, group: Group, what: Translated, future: Future[Function], workers: int) -> None:
        self.group = group
        self.what = what
        self.workers = workers
        now = [r.ctypes.data if isinstance(r, np.ndarray) else 0 for r in what.reads]
        self.arguments = packed(what, what.kernel.shape, [*now, *(a.ctypes.data for a in (*what.writes, *what.totals))])
        self._future = future
        self._run: Callable[[], object] = self._first

    def __call__(self) -> None:
        self._run()

    def _first(self) -> None:
        """Wait for the compiler, compare with NumPy, and run as C or not."""
        try:
            function = self._future.result()
            wrong, certain = checked(self.what, function, self.workers)
        except CompilerError as error:
            self._refuse(str(error))
        else:
            if wrong:
                self._refuse(f"the kernel is not what NumPy computes: {wrong}")
            elif certain:
                self._run = self._ready(function)
            else:  # NaN nearly everywhere: nothing could be seen, so it is looked at again at the next run
                NumpyEngine().bind(self.group).calls[0]()
                return
        self._run()

    def _refuse(self, why: str) -> None:
        warnings.warn(f"engine cc: {self.group.name} runs on NumPy: {why}", KernelWarning, stacklevel=4)
        calls = NumpyEngine().bind(self.group).calls
        self._run = calls[0] if len(calls) == 1 else partial(_in_turn, calls)

    def _ready(self, function: Function) -> Callable[[], object]:
        """The call of every later run."""
        late = [(self._place(k), r) for k, r in enumerate(self.what.reads) if not isinstance(r, np.ndarray)]
        address = int(self.arguments.ctypes.data)
        if not late and not self.what.kernel.rows:
            return partial(function, address, self.workers)
        return partial(_run_late, function, self.arguments, address, self.workers, late)

    def _place(self, k: int) -> int:
        """Where the arguments hold the address of array k."""
        axes = len(self.what.kernel.shape)
        return axes + k * (axes + 1)


def _run_late(
    function: Function, arguments: IndexArray, address: int, workers: int, late: Sequence[tuple[int, Fetch]]
) -> None:
    held = []  # until the kernel has read them
    for place, fetch in late:
        held.append(fetch())
        arguments[place] = held[-1].ctypes.data
    if function(address, workers):
        raise MemoryError("no memory for a row of intermediate results")


def _in_turn(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
