"""Ctrl-C between any two bytecodes: changes that belong together are all made, or none.

Python looks for interrupts between bytecodes, not inside a call of a function written in C.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ParamSpec

from minigrad.core.errors import MinigradError

__all__ = ["complete", "without_interrupts"]

Arguments = ParamSpec("Arguments")


def complete(work: Callable[Arguments, object], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
    """Run work that may be begun anew at any point, to its end even if it is interrupted.

    Then the interrupt goes on its way.

    Args:
        work: sets things to values that do not depend on those they had.
        args: positional arguments of `work`.
        kwargs: its keyword arguments.
    """
    try:
        work(*args, **kwargs)
    except MinigradError:  # raised on purpose: the work cannot be done
        raise
    except BaseException:
        work(*args, **kwargs)
        raise


@contextmanager
def without_interrupts() -> Iterator[None]:
    """A block that Ctrl-C does not end: it counts at the end of it.

    For changes that can neither be taken back nor begun anew. Other threads than the main one are never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[tuple[int, FrameType | None]] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: late.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if late and callable(handler):
            handler(*late[0])
