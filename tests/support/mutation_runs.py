"""Running tests on a mutant: in a fork of a process that has imported NumPy, SciPy and pytest but not minigrad.

A mutant is never written to disk: an import hook compiles the changed module in the place of the file. This sees every
mutant, also those of lines that run on import; `support.mutation_forks` is ten times as fast and does not.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType

import attrs
import pytest

from support.mutation_map import OPTIONS
from support.mutation_sources import Mutant

__all__ = ["Outcome", "collected", "in_fork", "try_mutant"]

_MEMORY = 6 << 30
"""Bytes that a mutant may ask for."""


@attrs.frozen
class Outcome:
    """What became of a mutant.

    Attributes:
        state: "killed", "survived", or "unreached" by any test.
        by: the test that failed, "time" or "import".
        seconds: that it took.
        tests: how many tests were to be run.
        confirmed: whether they ran on a module that was changed before its import.
    """

    state: str
    by: str
    seconds: float
    tests: int
    confirmed: bool = False


def try_mutant(root: Path, mutant: Mutant, tests: Sequence[str], cost: float) -> Outcome:
    """Run tests on a mutant until one fails.

    Args:
        root: of the checkout.
        mutant: what is changed.
        tests: pytest's ids, in the order in which they are collected by file.
        cost: seconds that they take on the right source; a mutant that takes much longer is killed.
    """
    if not tests:
        return Outcome("unreached", "", 0.0, 0)

    def run(pipe: int) -> int:
        sys.meta_path.insert(0, _Finder(root, mutant))
        return int(pytest.main([*tests, *OPTIONS, "-x"], plugins=[_FirstFailure(pipe)]))

    return attrs.evolve(in_fork(run, len(tests), cost), confirmed=True)


def collected(folders: Sequence[str]) -> set[str]:
    """Ids of the tests that are there now: pytest ends with an error where it is asked for one that is not."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(quiet, stream)
            pytest.main([*folders, *OPTIONS, "--collect-only"], plugins=[_Collected(writing)])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        ids = set(pipe.read().splitlines())
    os.waitpid(child, 0)
    return ids


def in_fork(run: Callable[[int], int], tests: int, cost: float) -> Outcome:
    """Run something that writes the name of a failed test to a pipe, and returns 0 where none failed.

    It ends with 4 times the processor time that the tests take on the right source, or when it has long stood still.
    """
    began = time.perf_counter()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _as_child(run, writing, int(8.0 + 4.0 * cost))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        late = not select.select([pipe], [], [], 90.0 + 20.0 * cost)[0]
        told = b"" if late else pipe.read()
        if late:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - began
    if os.WIFSIGNALED(status):
        by = "time" if late or os.WTERMSIG(status) == signal.SIGXCPU else f"signal {os.WTERMSIG(status)}"
        return Outcome("killed", by, seconds, tests)
    code = os.WEXITSTATUS(status)
    by = told.decode() or ("" if code == 0 else "import")
    return Outcome("survived" if code == 0 else "killed", by, seconds, tests)


def _as_child(run: Callable[[int], int], pipe: int, seconds: int) -> None:
    """Leave the process with what `run` returns."""
    code = 3
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        used = int(sum(os.times()[:2]))
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds + 5))
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        code = run(pipe)
    finally:
        os._exit(code)


class _Collected:
    """A plugin of pytest that tells which tests there are."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        with os.fdopen(os.dup(self._pipe), "w", encoding="utf-8") as pipe:
            pipe.writelines(f"{item.nodeid}\n" for item in session.items)


class _FirstFailure:
    """A plugin of pytest that tells which test failed."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._pipe, report.nodeid.encode()[:500])


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutant where its module is imported."""

    def __init__(self, root: Path, mutant: Mutant) -> None:
        self._file = str(root / mutant.path)
        self._name = mutant.module
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._file, self._mutant)
        return importlib.util.spec_from_file_location(fullname, self._file, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the mutant in the place of the file."""

    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return self._mutant.code(self.path)
