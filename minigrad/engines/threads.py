"""Work shared by threads where a trial shows that to be quicker.

NumPy lets go of the interpreter inside a call.

The other processors may be busy (a matrix library's threads go on spinning after their work), and then waiting for a
second thread costs more than it brings.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from math import inf
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING

from minigrad.engines.protocol import EngineError
from minigrad.runtime.interrupts import without_interrupts

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["AutoTuner", "ParallelFor", "processors", "thread_count"]

TRIALS, _PERIOD = 8, 256
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
        if trial < TRIALS:
            self._chosen = (1, self.workers)[trial % 2]
        elif trial == TRIALS:
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
    """Calls `work(k, of)` for k = 0 .. of - 1, shared by the threads of the process.

    `of` is 1 or `workers`. A part that no other thread has begun when the caller is free is the caller's: where the
    processors are busy with something else, there is no wait for a thread that has not been woken.
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
        if of == 1:
            self.work(0, 1)
            return
        parts = count()
        jobs = _team(os.getpid())
        with without_interrupts():  # which would leave others at work on memory that is about to be used again
            helpers = [_Helper(self.work, parts, of) for _ in range(1, of)]
            for helper in helpers:
                jobs.put(helper)
            try:
                _take_parts(self.work, parts, of)
            finally:
                errors = [helper.end() for helper in helpers]
        for error in errors:
            if error is not None:
                raise error


class _Helper:
    """What another thread is asked to do.

    It has begun, or it never will: the first to take the lock decides.
    """

    def __init__(self, work: Callable[[int, int], object], parts: Iterator[int], of: int) -> None:
        self._call = (work, parts, of)
        self._context = contextvars.copy_context()  # carries the caller's np.errstate into the thread
        self._begun, self._done = Lock(), Lock()
        self._done.acquire()
        self._error: BaseException | None = None

    def __call__(self) -> None:
        """Take parts until there are no more, in another thread."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._context.run(_take_parts, *self._call)
        except BaseException as error:  # the caller's to raise
            self._error = error
        finally:
            self._done.release()

    def end(self) -> BaseException | None:
        """Wait until it is done if it has begun, else take it back. Returns what it raised."""
        if not self._begun.acquire(blocking=False):
            self._done.acquire()
        return self._error


def _take_parts(work: Callable[[int, int], object], parts: Iterator[int], of: int) -> None:
    for k in parts:
        if k >= of:
            return
        work(k, of)


@cache
def _team(process: int) -> SimpleQueue[_Helper]:
    """Where the threads of this process wait for work.

    All users of threads share them; a fork takes none along.
    """
    from queue import SimpleQueue  # takes long to import, and few programs need it

    jobs: SimpleQueue[_Helper] = SimpleQueue()
    for k in range(max(1, thread_count() - 1)):
        Thread(target=_serve, args=(jobs,), name=f"minigrad-{k}", daemon=True).start()
    return jobs


def _serve(jobs: SimpleQueue[_Helper]) -> None:
    while True:
        jobs.get()()
