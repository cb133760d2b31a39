"""Running foreign code: undo what it does to the process, and tell what it did."""

from __future__ import annotations

import contextlib
import importlib
import io
import locale
import os
import random
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache

import numpy as np

from minigrad.core.errors import nearest
from minigrad.plugins.entry_points import Entry
from minigrad.plugins.process_settings import ProcessSettings

__all__ = ["ImportFailure", "contained", "forget", "imported", "summary"]

_QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


_ONE_AT_A_TIME = threading.RLock()
"""Held inside `contained`: what one thread does is not the fault of code in another."""


@contextlib.contextmanager
def contained(watch: bool = False) -> Iterator[list[str]]:
    """Run a block; afterwards the yielded list says what it did to the process.

    Restored: standard output and error, warning filters, NumPy's error handling, the global random generators, the
    working directory, environment variables, `sys.path`, the locale, signal handlers, and functions that were replaced.

    Args:
        watch: whether to look for what cannot be undone, too: threads, processes, sockets, and files that are written,
            renamed or removed; and for hooks, timers, exit handlers and logging.
    """
    with _ONE_AT_A_TIME:
        yield from _contained(watch)


def _contained(watch: bool) -> Iterator[list[str]]:
    said: list[str] = []
    out = io.StringIO()
    errors, numpy_draws, draws = np.geterr(), np.random.get_state(), random.getstate()
    here, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    language, handlers, threads = locale.setlocale(locale.LC_ALL), _signal_handlers(), set(threading.enumerate())
    events: list[str] = []
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            _watching(events) if watch else contextlib.nullcontext(),
        ):
            warnings.simplefilter("always")
            settings = ProcessSettings(watch)
            try:
                yield said
            finally:
                said += settings.restore()
    finally:
        after = np.seterr(**errors)
        if out.getvalue():
            said.append(f"printed {out.getvalue()[:80]!r}")
        said.extend(f"warned {str(w.message)[:80]!r}" for w in caught[:3] if not issubclass(w.category, _QUIET))
        if after != errors:
            said.append(f"changed NumPy's error handling to {after}")
        if _state_of(np.random.get_state()) != _state_of(numpy_draws):
            np.random.set_state(numpy_draws)
            said.append("drew from or seeded NumPy's global random generator")
        if random.getstate() != draws:
            random.setstate(draws)
            said.append("drew from or seeded Python's global random generator")
        if os.getcwd() != here:
            os.chdir(here)
            said.append("changed the working directory")
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
            said.append("changed environment variables")
        if sys.path != path:
            sys.path[:] = path
            said.append("changed sys.path")
        if locale.setlocale(locale.LC_ALL) != language:
            locale.setlocale(locale.LC_ALL, language)
            said.append("changed the locale")
        said.extend(_restore_signals(handlers))
        # Threads that others start meanwhile are theirs: then only what this one was seen to start counts.
        strange = len(threads) == 1 and set(threading.enumerate()) - threads
        if watch and (strange or any(e.startswith("started a thread") for e in events)):
            said.append("started a thread")
        said.extend(dict.fromkeys(e for e in events if not e.startswith("started a thread")))


def _signal_handlers() -> dict[int, object]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _restore_signals(handlers: dict[int, object]) -> list[str]:
    """Put signal handlers back; tells which had been changed."""
    changed = []
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            if callable(handler) or isinstance(handler, int):
                signal.signal(number, handler)
            changed.append(f"changed the handler of signal {signal.Signals(number).name}")
    return changed


_EVENTS: ContextVar[list[str] | None] = ContextVar("_EVENTS", default=None)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_ONE_AT_A_TIME.acquire, after_in_parent=_ONE_AT_A_TIME.release, after_in_child=_ONE_AT_A_TIME.release
    )
_ACTS = {
    "_thread.start_new_thread": "started a thread",
    "os.exec": "started a process",
    "os.fork": "started a process",
    "os.forkpty": "started a process",
    "os.posix_spawn": "started a process",
    "os.spawn": "started a process",
    "os.system": "started a process",
    "os.mkdir": "made a folder",
    "os.remove": "removed a file",
    "os.rename": "renamed a file",
    "os.rmdir": "removed a folder",
    "os.truncate": "wrote a file",
    "os.kill": "sent a signal",
    "socket.__new__": "opened a socket",
    "socket.bind": "opened a socket",
    "socket.connect": "opened a socket",
    "subprocess.Popen": "started a process",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@contextlib.contextmanager
def _watching(events: list[str]) -> Iterator[None]:
    """Note in `events` what the block does outside its own memory."""
    _install_hook()
    token, profile = _EVENTS.set(events), threading.getprofile()
    if threading.active_count() == 1:  # else it may be another thread that starts one
        # A new thread calls its profile function at its first instruction, and tells so even if it has ended since.
        threading.setprofile(lambda *_: events.append(_ACTS["_thread.start_new_thread"]))
    try:
        yield
    finally:
        threading.setprofile(profile)
        _EVENTS.reset(token)


@lru_cache(maxsize=1)
def _install_hook() -> None:
    sys.addaudithook(_note)  # cannot be taken back; outside `_watching` it returns at once
    for name in ("_start_new_thread", "_start_joinable_thread"):  # 3.11 and 3.12; 3.13: no audit event tells of them
        if hasattr(threading, name):
            setattr(threading, name, _telling(getattr(threading, name)))


def _telling(start: Callable[..., object]) -> Callable[..., object]:
    """Start a thread, and note it if this thread is watched."""

    def told(*args: object, **kwargs: object) -> object:
        events = _EVENTS.get()
        if events is not None:
            events.append(_ACTS["_thread.start_new_thread"])
        return start(*args, **kwargs)

    return told


def _note(event: str, args: tuple[object, ...], watched: ContextVar[list[str] | None] = _EVENTS) -> None:
    events = watched.get()  # its own: as the interpreter ends, modules lose their names, and hooks are still called
    if events is None:
        return
    if event in _ACTS:
        events.append(_ACTS[event])
    elif event == "open" and len(args) == 3 and isinstance(args[2], int) and args[2] & _WRITES:
        path = str(args[0])
        if "__pycache__" not in path:  # Python's own, of modules that an update imports
            events.append(f"wrote the file {path[-60:]!r}")


def _state_of(state: object) -> tuple[object, ...]:
    parts = state if isinstance(state, tuple) else (state,)
    return tuple(p.tobytes() if isinstance(p, np.ndarray) else p for p in parts)


def summary(error: BaseException) -> str:
    """An exception in one line, with the line of code it came from."""
    if isinstance(error, SystemExit):
        return f"SystemExit({error.code!r}): it called sys.exit"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} in {error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:200]}{where}"


class ImportFailure(Exception):
    """A plugin could not be imported, or did more than that.

    The message says what, without naming the plugin.
    """


def imported(entry: Entry) -> object:
    """Load the object behind an entry point, its import contained.

    What was refused once stays refused: see `forget`.

    Raises:
        ImportFailure: whatever the plugin raised.
    """
    target = _attempt(entry)
    if isinstance(target, ImportFailure):
        raise ImportFailure(str(target)) from target.__cause__
    return target


def forget() -> None:
    """Forget what was refused, after installing something into a running interpreter."""
    _attempt.cache_clear()


@lru_cache(maxsize=256)
def _attempt(entry: Entry) -> object:
    """Load the object behind an entry point, or say why there is none.

    In that case without the modules that its import left behind.
    """
    module, _, attribute = entry.value.split("[")[0].strip().partition(":")
    before = set(sys.modules)
    try:
        return _import(module, attribute)
    except ImportFailure as failure:
        top = module.partition(".")[0]
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == top:
                del sys.modules[name]
        return failure


def _import(module: str, attribute: str) -> object:
    with contained() as said:
        try:
            target: object = importlib.import_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and its like must not end the program that lists plugins
            raise ImportFailure(f"importing {module} raised {summary(error)}") from error
    if said:
        raise ImportFailure(f"importing {module} {' and '.join(said)}")
    for part in filter(None, attribute.split(".")):
        if not hasattr(target, part):
            names = [n for n in dir(target) if not n.startswith("_")]
            raise ImportFailure(f"{module} has no {part!r}.{nearest(part, names)}")
        target = getattr(target, part)
    return target
