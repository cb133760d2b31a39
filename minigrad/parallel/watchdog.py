"""Ends a job in which a process has not been heard of for too long.

It says first where the process is.
"""

from __future__ import annotations

import faulthandler
import sys
import threading
import time

from minigrad.parallel.protocol import Communicator

__all__ = ["HUNG", "Watchdog"]

HUNG = 75
"""Exit code of a job that was ended for being stuck."""

_GRACE = 5.0


class Watchdog:
    """A thread that looks whether the process still gets on.

    `mark` is how the process says so.

    A process that computes for `limit` seconds between two exchanges prints where it is and ends the job. One that
    waits for the others gives them five seconds more, so that the culprit, if it still can, speaks first. A process
    that hangs inside compiled code, where no thread of Python runs, is shown by faulthandler's own timer.

    Args:
        limit: seconds.
    """

    def __init__(self, communicator: Communicator, limit: float) -> None:
        self._communicator = communicator
        self._limit = limit
        self._now = ("starting", False, time.monotonic())
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, if it does not yet."""
        if self._thread is None:
            self.mark("starting", waiting=False)
            self._over.clear()
            thread = threading.Thread(target=self._watch, name="minigrad watchdog", daemon=True)
            thread.start()  # before it is known: one that never began cannot be waited for
            self._thread = thread

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def mark(self, doing: str, *, waiting: bool) -> None:
        """The process has come to a new place: `doing`, and whether there it waits for the others."""
        self._now = (doing, waiting, time.monotonic())

    def _watch(self) -> None:
        stream = sys.__stderr__
        try:
            while not self._over.wait(min(1.0, self._limit / 20.0)):
                if stream is not None:
                    faulthandler.dump_traceback_later(self._limit + _GRACE / 2.0, exit=True, file=stream)
                doing, waiting, since = self._now
                quiet = time.monotonic() - since
                if quiet > self._limit + (_GRACE if waiting else 0.0):
                    self._end(doing, quiet)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end(self, doing: str, quiet: float) -> None:
        rank, size = self._communicator.rank, self._communicator.size
        print(
            f"minigrad: rank {rank} of {size} has been {doing} for {quiet:.0f} s, more than the limit of "
            f"{self._limit:g} s (MINIGRAD_PARALLEL_TIMEOUT): ending all processes",
            file=sys.stderr,
            flush=True,
        )
        if sys.__stderr__ is not None:
            faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)
        self._communicator.abort(HUNG)
