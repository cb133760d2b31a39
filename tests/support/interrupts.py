"""Interrupts at chosen places of minigrad's own code, as Ctrl-C makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import minigrad

__all__ = ["first_and_last", "interrupted", "places"]

_PACKAGE = str(Path(minigrad.__file__).parent)


def interrupted(work: Callable[[], object], number: int, *, opcodes: bool = False, folder: str = _PACKAGE) -> str:
    """Run `work`, with KeyboardInterrupt before the `number`th line (or bytecode) of a package that it comes to.

    Args:
        work: what is interrupted.
        number: of the line or bytecode, from 1.
        opcodes: whether bytecodes are counted, and not lines.
        folder: of the package; minigrad's by default.

    Returns:
        File, line and function that were interrupted; empty where `work` ended before.
    """
    left, place = number, ""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left, place
        if not frame.f_code.co_filename.startswith(folder):
            return None
        frame.f_trace_opcodes = opcodes
        if _is_finalizer(frame):  # Python drops what is raised there
            return trace
        if event == ("opcode" if opcodes else "line"):
            left -= 1
            if left == 0:
                place = f"{frame.f_code.co_filename[len(folder) :]}:{frame.f_lineno} {frame.f_code.co_name}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 wants to know before a trace function is set
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return place


def first_and_last(work: Callable[[], object], folders: Sequence[str] = ("",)) -> list[int]:
    """Numbers for `interrupted` at which each line of a package comes for the first and for the last time.

    Args:
        work: is run once.
        folders: of minigrad, such as "/train"; lines elsewhere are left out, though counted.
    """
    seen: dict[tuple[str, int], tuple[int, int]] = {}
    count = 0
    wanted = tuple(_PACKAGE + folder for folder in folders)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE):
            return None
        if event == "line" and not _is_finalizer(frame):
            count += 1
            if name.startswith(wanted):
                place = name, frame.f_lineno
                seen[place] = seen.get(place, (count, count))[0], count
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return sorted({number for pair in seen.values() for number in pair})


def _is_finalizer(frame: FrameType) -> bool:
    caller = frame.f_back
    return frame.f_code.co_name == "__del__" or (caller is not None and caller.f_code.co_name == "__del__")


def places(prepare: Callable[[], Callable[[], object]], step: int = 1, *, opcodes: bool = False) -> Iterator[str]:
    """Interrupt what `prepare` makes ready, at every `step`th place in turn; yields after each."""
    number = 1
    while place := interrupted(prepare(), number, opcodes=opcodes):
        yield place
        number += step
