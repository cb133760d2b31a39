"""Running foreign code: undo what it does to the process, and tell what it did."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minigrad.core.errors import nearest
from minigrad.plugins.entry_points import Entry

__all__ = ["ImportFailure", "contained", "imported", "summary"]

_QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@contextlib.contextmanager
def contained() -> Iterator[list[str]]:
    """Run a block; afterwards the yielded list says what it did to the process.

    Restored: standard output and error, warning filters, NumPy's error handling, the global random generators, the
    working directory, environment variables and `sys.path`.
    """
    said: list[str] = []
    out = io.StringIO()
    errors, numpy_draws, draws = np.geterr(), np.random.get_state(), random.getstate()
    here, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            warnings.simplefilter("always")
            yield said
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
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:200]}{where}"


class ImportFailure(Exception):
    """A plugin could not be imported, or did more than that.

    The message says what, without naming the plugin.
    """


def imported(entry: Entry) -> object:
    """The object behind an entry point, its import contained.

    Raises:
        ImportFailure: whatever the plugin raised.
    """
    module, _, attribute = entry.value.split("[")[0].strip().partition(":")
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
