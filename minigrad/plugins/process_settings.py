"""What foreign code may change in a process without leaving a trace in any file.

Interpreter settings, and functions of modules that everything else uses.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import decimal
import faulthandler
import gc
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import attrs
import numpy as np

__all__ = ["ProcessSettings"]

_SHARED = ("numpy", "numpy.linalg", "numpy.random", "math", "random")
_OURS = tuple(f"minigrad.optim.{name}" for name in ("moment", "objective", "protocol", "runner", "state", "schedule"))
"""Modules whose functions and classes every plugin relies on."""


@attrs.frozen
class _Setting:
    """One setting: how it reads in a message, how to look it up, how to put it back."""

    words: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _restore_logging(setup: tuple[int, tuple[logging.Handler, ...]]) -> None:
    logging.root.setLevel(setup[0])
    logging.root.handlers[:] = setup[1]


_ALWAYS = (
    _Setting("switched the garbage collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    _Setting("changed NumPy's print options", np.get_printoptions, lambda options: np.set_printoptions(**options)),
    _Setting(
        "changed the context of decimal",
        lambda: decimal.getcontext().copy(),
        lambda context: decimal.setcontext(context),
    ),
)
_WATCHED = (
    _Setting("changed the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Setting("traces calls", sys.gettrace, sys.settrace),
    _Setting("replaced sys.excepthook", lambda: sys.excepthook, lambda hook: setattr(sys, "excepthook", hook)),
    _Setting(
        "replaced threading.excepthook",
        lambda: threading.excepthook,
        lambda hook: setattr(threading, "excepthook", hook),
    ),
    _Setting("switched the fault handler", faulthandler.is_enabled, lambda on: None if on else faulthandler.disable()),
    _Setting("registered something with atexit", lambda: getattr(atexit, "_ncallbacks", int)(), lambda count: None),
    _Setting(
        "set up logging",
        lambda: (logging.root.level, tuple(logging.root.handlers)),
        _restore_logging,
    ),
    _Setting("changed warning filters", lambda: tuple(warnings.filters), lambda filters: None),
)


class ProcessSettings:
    """A record of the settings of this process, to compare with later.

    Args:
        watch: whether to record what an import may rightly change, too: hooks, timers, exit handlers, logging.
    """

    def __init__(self, watch: bool) -> None:
        self._settings = [(s, s.read()) for s in (_ALWAYS + _WATCHED if watch else _ALWAYS)]
        self._timers = _timers() if watch else {}
        self._spaces = [(name, space, dict(vars(space))) for name, space in _namespaces()]
        self._builtins = dict(vars(builtins))
        self._watch = watch

    def restore(self) -> list[str]:
        """Put back what has changed; says what that was."""
        changed = []
        for setting, before in self._settings:
            if _differs(setting.read(), before):
                setting.write(before)
                changed.append(setting.words)
        for timer, before in self._timers.items():
            if signal.getitimer(timer)[0] > 0.0 and before == 0.0:
                signal.setitimer(timer, 0.0)
                changed.append("set a timer")
        for name, space, members in self._spaces:
            changed += [f"replaced {name}.{member}" for member in _put_back(space, members)]
            if self._watch and space is not builtins:
                changed += [f"added {name}.{member}" for member in _take_away(space, members)]
        for name in set(vars(builtins)) - set(self._builtins):
            if not name.startswith("_"):  # of an interactive interpreter
                delattr(builtins, name)
                changed.append(f"added the builtin {name!r}")
        return changed


def _namespaces() -> list[tuple[str, Any]]:
    """Modules and classes whose functions are everybody's."""
    modules: list[tuple[str, Any]] = [("builtins", builtins)]
    modules += [(name, sys.modules[name]) for name in _SHARED if name in sys.modules]
    for name, module in [(name, sys.modules[name]) for name in _OURS if name in sys.modules]:
        modules.append((name, module))
        classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == name]
        modules += [(f"{name}.{c.__name__}", c) for c in classes]
    return modules


def _put_back(space: ModuleType | type, members: Mapping[str, Any]) -> list[str]:
    """Give replaced functions and classes of a module or class their old values."""
    now = vars(space)
    replaced = [n for n, old in members.items() if now.get(n, old) is not old and callable(old)]
    for name in replaced:
        with contextlib.suppress(AttributeError, TypeError):  # of a class that cannot be written to
            setattr(space, name, members[name])
    return replaced


def _take_away(space: ModuleType | type, members: Mapping[str, Any]) -> list[str]:
    """Remove public names that a module or class did not have before.

    Submodules stay, which NumPy imports when they are named.
    """
    now = vars(space).items()
    added = [n for n, new in now if n not in members and n[:1] != "_" and not isinstance(new, ModuleType)]
    for name in added:
        with contextlib.suppress(AttributeError, TypeError):
            delattr(space, name)
    return added


def _timers() -> dict[int, float]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "getitimer"):
        return {}
    return {timer: signal.getitimer(timer)[0] for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL)}


def _differs(now: object, before: object) -> bool:
    if isinstance(now, decimal.Context) and isinstance(before, decimal.Context):
        return (now.prec, now.rounding, now.traps) != (before.prec, before.rounding, before.traps)
    return bool(now != before)
