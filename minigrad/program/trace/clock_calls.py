"""Calls whose answer may be another one each time.

Clocks, random numbers of the system, files.
"""

from __future__ import annotations

import datetime
import os
import random
import sys
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from minigrad.program.errors import TraceError
from minigrad.program.trace.code_names import is_library, is_users
from minigrad.runtime.source_line import with_source_text

__all__ = ["is_clock", "mentions_clock", "refuse_clock_calls"]

_CLOCKS = frozenset(
    ("time", "perf_counter", "monotonic", "process_time", "thread_time", "time_ns", "perf_counter_ns", "monotonic_ns")
)
_DATES = frozenset(("now", "today", "utcnow"))
_SYSTEM = frozenset(
    ("urandom", "getrandom", "uuid", "uuid1", "uuid4", "secrets", "token_bytes", "token_hex", "randbits", "randbelow",
     "SystemRandom", "default_rng", "RandomState", "SeedSequence", "PCG64", "MT19937", "Philox", "SFC64")
)  # fmt: skip
"""Random numbers of the system, and generators that take their seed from there."""
_FILES = frozenset(
    ("open", "read_text", "read_bytes", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "exists", "is_file",
     "is_dir", "isfile", "isdir", "stat", "getmtime", "getsize", "getcwd", "cwd", "listdir", "scandir", "iterdir",
     "glob")
)  # fmt: skip
_PASSING_ON = frozenset(
    ("random", "secrets", "uuid", "datetime", "os", "posixpath", "ntpath", "genericpath", "pathlib", "glob", "io",
     "codecs", "json", "pickle", "csv", "gzip", "zipfile", "numpy")
)  # fmt: skip
"""Modules that ask on a step's behalf; others (logging, say) ask for themselves."""
_FUNCTIONS = frozenset(
    id(f) for f in (*(getattr(time, n, None) for n in _CLOCKS), os.urandom, getattr(os, "getrandom", None)) if f
) | {id(uuid.uuid4), id(uuid.uuid1)}
_OF_FILES = frozenset(map(id, (open, os.open, os.stat, os.listdir, os.scandir, os.getcwd, os.access, np.fromfile)))


def is_clock(item: object) -> bool:
    """Whether an object tells the time, or draws the random numbers of the system."""
    return id(item) in _FUNCTIONS or isinstance(item, random.SystemRandom)


def mentions_clock(names: Collection[str]) -> bool:
    """Whether code with these names may ask for such things."""
    return any(not known.isdisjoint(names) for known in (_CLOCKS, _DATES, _SYSTEM, _FILES))


@contextmanager
def refuse_clock_calls() -> Iterator[None]:
    """Raise where the user's code asks for such things.

    Not while a profiler runs, which wants to see the same calls.

    Raises:
        TraceError: it has; names the line.
    """
    if sys.getprofile() is not None:
        yield
        return
    calls: list[str] = []

    def look(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and _may_change(called) and _is_steps(caller := _caller(frame)):
            what = (
                "looks at files" if id(called) in _OF_FILES else "asks for the time or for random numbers of the system"
            )
            calls.append(f"{what}\n  at {with_source_text(f'{caller.f_code.co_filename}:{caller.f_lineno}')}")

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)
    if calls:
        raise TraceError(
            f"the step {calls[0]}\nA program would repeat the first answer: ask outside the step, and pass the "
            "answer in as an array"
        )


def _may_change(called: object) -> bool:
    if id(called) in _FUNCTIONS or id(called) in _OF_FILES:
        return True
    owner = getattr(called, "__self__", None)
    return isinstance(owner, type) and issubclass(owner, datetime.date) and getattr(called, "__name__", "") in _DATES


def _caller(frame: FrameType) -> FrameType:
    """The frame that a call comes from, past modules that pass it on."""
    above: FrameType | None = frame
    while above is not None and _module(above).partition(".")[0] in _PASSING_ON:
        above = above.f_back
    return above or frame


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_steps(frame: FrameType) -> bool:
    """Whether it is code of the user's.

    Libraries look at the clock for themselves, in a finalizer, say.
    """
    return is_users(_module(frame)) and not is_library(_module(frame))
