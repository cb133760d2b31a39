"""Errors and warnings of defined programs."""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = ["RetraceWarning", "StepChanged", "TraceError", "UsesGraphOutside"]


class TraceError(MinigradError, RuntimeError):
    """A step did something that a program cannot repeat.

    The message names the line of the program and what to write instead.
    """


class RetraceWarning(UserWarning):
    """A program is traced again and again, which costs more than it saves."""


class StepChanged(TraceError):
    """Recording the step has changed plain values that it reads.

    It counts, or has filled a cache.
    """


class UsesGraphOutside(TraceError):
    """A step continues a graph that was begun outside, so that it must run as it is.

    Never leaves the room.
    """
