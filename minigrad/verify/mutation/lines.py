"""Which lines of a rule were executed: a branch that no sample entered was never checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

_TOOL = 4


def code_of(function: Callable[..., object]) -> CodeType | None:
    """The code object of a rule, or None for one that is not written in Python."""
    return getattr(function, "__code__", None)


def lines_of(code: CodeType) -> set[int]:
    """Line numbers that hold instructions; the line of the header itself does not count."""
    return {line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno} or {
        line for _, _, line in code.co_lines() if line is not None
    }


@contextmanager
def executed(codes: set[CodeType]) -> Iterator[dict[CodeType, set[int]]]:
    """Record the executed lines of `codes`.

    By sys.monitoring from Python 3.12 on, by settrace before.
    """
    seen: dict[CodeType, set[int]] = {c: set() for c in codes}
    if not codes:
        yield seen
        return
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "minigrad selftest")

        def line(code: CodeType, number: int) -> object:
            seen[code].add(number)
            return monitoring.DISABLE

        monitoring.register_callback(_TOOL, monitoring.events.LINE, line)
        for c in codes:
            monitoring.set_local_events(_TOOL, c, monitoring.events.LINE)
        try:
            yield seen
        finally:
            for c in codes:
                monitoring.set_local_events(_TOOL, c, 0)
            monitoring.free_tool_id(_TOOL)
        return

    def inside(frame: FrameType, event: str, argument: object) -> object:
        if event == "line":
            seen[frame.f_code].add(frame.f_lineno)
        return inside

    def entering(frame: FrameType, event: str, argument: object) -> object:
        if frame.f_code not in seen:
            return None
        seen[frame.f_code].add(frame.f_lineno)
        return inside

    before = sys.gettrace()
    sys.settrace(entering)  # type: ignore[arg-type]
    try:
        yield seen
    finally:
        sys.settrace(before)
