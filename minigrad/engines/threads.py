"""Work shared by threads where a trial shows that to be quicker.

NumPy lets go of the interpreter inside a call.

The other processors may be busy (a matrix library's threads go on spinning after their work), and then waiting for a
second thread costs more than it brings.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from functools import cache
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING

from minigrad.engines.protocol import EngineError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["AutoTuner", "ParallelFor", "processors", "thread_count"]

_TRIALS, _PERIOD = 8, 256
VARIABLE = "MINIGRAD_THREADS"


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """How many threads share large work: MINIGRAD_THREADS, or as many as there are processors.

    Raises:
        EngineError: MINIGRAD_THREADS is no number from 1 on.
    """
    configured = os.environ.get(VARIABLE, "").strip()
    if not configured:
        return processors()
    if not configured.isdecimal() or not int(configured):
        raise EngineError(f"{VARIABLE}={configured!r} is no number of threads: give 1 or more, or leave it unset")
    return int(configured)


class AutoTuner:
    """Decides between 1 worker and `workers`, whichever took less time in trials.

    The trials are repeated now and then; of each kind the quickest counts, since a trial may be disturbed.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._runs = 0
        self._least = {1: inf, workers: inf}
        self._chosen = 1

    def choose(self) -> int:
        """How many workers the next run should have."""
        trial = self._runs % _PERIOD
        self._runs += 1
        if trial == 0:
            self._least = dict.fromkeys(self._least, inf)
        if trial < _TRIALS:
            self._chosen = (1, self.workers)[trial % 2]
        elif trial == _TRIALS:
            self._chosen = min(self._least, key=lambda k: self._least[k])
        return self._chosen

    def note(self, seconds: float) -> None:
        """Say how long the run took."""
        self._least[self._chosen] = min(self._least[self._chosen], seconds)

    def run(self, work: Callable[[int], object]) -> None:
        """Call `work` with a number of workers."""
        of = self.choose()
        began = perf_counter()
        work(of)
        self.note(perf_counter() - began)


class ParallelFor:
    """Calls `work(k, of)` for k = 0 .. of - 1, each in a thread of its own.

    `of` is 1 or `workers`.
    """

    def __init__(self, work: Callable[[int, int], object], workers: int) -> None:
        self.work = work
        self.workers = workers
        self._trials = AutoTuner(workers)

    def __call__(self) -> None:
        """One run."""
        if self.workers == 1:
            self.work(0, 1)
        else:
            self._trials.run(self._run)

    def _run(self, of: int) -> None:
        futures = []
        for k in range(1, of):
            context = contextvars.copy_context()  # carries the caller's np.errstate into the thread
            futures.append(_pool(os.getpid()).submit(context.run, self.work, k, of))
        self.work(0, of)
        for future in futures:
            future.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process, which all work shares: a fork takes none along."""
    from concurrent.futures import ThreadPoolExecutor  # 4 ms, which only large groups should pay

    return ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="minigrad")
