"""Programs in processes that are forked while threads run them.

A fork takes along the thread that asks for it, and the locks that other threads hold.
"""

from __future__ import annotations

import os
from threading import RLock
from time import monotonic
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["fork_safe"]

_PATIENCE = 10.0
"""Seconds that a fork waits for runs in other threads."""


class _Locked(Protocol):
    """What holds its lock while it changes anything."""

    _lock: Any  # of a class that typing does not name


_LOCKED: WeakSet[_Locked] = WeakSet()
_HELD: list[Any] = []
"""Locks that the fork in progress has taken."""


def fork_safe(owner: _Locked) -> None:
    """Let forks wait until `owner` is at rest, and let its lock be free in the child.

    A run that takes longer than that goes on in the parent alone.
    """
    _LOCKED.add(owner)


def _before() -> None:
    end = monotonic() + _PATIENCE
    for owner in list(_LOCKED):
        lock = owner._lock
        if lock.acquire(timeout=max(0.0, end - monotonic())):
            _HELD.append(lock)


def _in_parent() -> None:
    while _HELD:
        _HELD.pop().release()


def _in_child() -> None:
    _HELD.clear()
    for owner in list(_LOCKED):
        owner._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
