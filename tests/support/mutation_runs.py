"""Running tests on mutants: which tests reach a line, and whether one of them fails.

A mutant is never written to disk. Each is tried in a fork of a process that has imported NumPy, SciPy and pytest but
not minigrad, by an import hook that compiles the changed module in the place of the file.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING

import attrs
import pytest

from support.mutation_sources import Mutant

if TYPE_CHECKING:
    from _typeshed import TraceFunction

__all__ = ["Outcome", "TestMap", "measure", "try_mutant"]

_MEMORY = 6 << 30
"""Bytes that a mutant may ask for."""
_OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--assert=plain")
"""Of pytest. It rewrites the modules of distributions with plugins by a hook of its own, which would hide a mutant."""
_DIVERSE = 25
"""Tests of one file that are run before those of other files have had their turn."""


@attrs.frozen
class TestMap:
    """Which tests reach which lines, and what they cost.

    Attributes:
        seconds: of each test that passes, by pytest's id.
        collecting: seconds to import each test file and list its tests.
        lines: tests by line, under `path:line`.
    """

    __test__ = False  # no class of tests, whatever pytest thinks of its name

    seconds: Mapping[str, float]
    collecting: Mapping[str, float]
    lines: Mapping[str, Sequence[str]]

    def reaching(self, mutant: Mutant, budget: float) -> list[str]:
        """The cheapest tests that run a line of the mutant, for about `budget` seconds."""
        wanted = {mutant.statement, *range(mutant.line, mutant.last + 1)}
        ids = {test for line in wanted for test in self.lines.get(f"{mutant.path}:{line}", ())}
        if mutant.on_import:
            own = f"{mutant.path}:"
            ids |= {test for line, tests in self.lines.items() if line.startswith(own) for test in tests}
        chosen: list[str] = []
        count: dict[str, int] = defaultdict(int)
        spent, later = 0.0, []
        for test in sorted(ids, key=lambda t: (self.seconds[t] + self._joining(t, count), t)):
            file = test.partition("::")[0]
            if count[file] >= _DIVERSE:
                later.append(test)
                continue
            cost = self.seconds[test] + self._joining(test, count)
            if spent + cost > budget and chosen:
                continue
            chosen.append(test)
            count[file] += 1
            spent += cost
        for test in later:
            if spent + self.seconds[test] <= budget:
                chosen.append(test)
                spent += self.seconds[test]
        return chosen

    def cost(self, tests: Iterable[str]) -> float:
        """Seconds that these tests take together."""
        chosen = list(tests)
        files = {test.partition("::")[0] for test in chosen}
        return sum(self.seconds[t] for t in chosen) + sum(self.collecting.get(f, 0.0) for f in files)

    def _joining(self, test: str, count: Mapping[str, int]) -> float:
        file = test.partition("::")[0]
        return 0.0 if count.get(file) else self.collecting.get(file, 0.0)

    @classmethod
    def merged(cls, maps: Iterable[TestMap]) -> TestMap:
        """Several of them as one."""
        seconds: dict[str, float] = {}
        collecting: dict[str, float] = {}
        lines: dict[str, list[str]] = defaultdict(list)
        for one in maps:
            seconds |= one.seconds
            collecting |= one.collecting
            for line, tests in one.lines.items():
                lines[line] += tests
        return cls(seconds, collecting, lines)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(attrs.asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TestMap:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


class _Recorder:
    """A plugin of pytest that notes the lines of some files that each test runs."""

    def __init__(self, root: Path, rooms: Sequence[str]) -> None:
        self._root = f"{root}{os.sep}"
        self._rooms = tuple(f"{self._root}{room}" for room in rooms)
        self._now: set[tuple[str, int]] = set()
        self.seconds: dict[str, float] = {}
        self.collecting: dict[str, float] = {}
        self.lines: dict[str, list[str]] = defaultdict(list)
        self._failed = False

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, object, object]:
        began = time.perf_counter()
        report = yield
        file = collector.nodeid.partition("::")[0]
        if file.endswith(".py"):
            self.collecting[file] = self.collecting.get(file, 0.0) + time.perf_counter() - began
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._now, self._failed = set(), False
        began = time.perf_counter()
        sys.settrace(self._call)
        threading.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(_untraced)
            if not self._failed:
                self.seconds[item.nodeid] = time.perf_counter() - began
                for file, line in self._now:
                    self.lines[f"{file.removeprefix(self._root)}:{line}"].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or not report.passed

    def _call(self, frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        return self._line if frame.f_code.co_filename.startswith(self._rooms) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> TraceFunction:
        self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def _untraced(frame: FrameType, event: str, argument: object) -> None:
    """Traces nothing in threads that tests start later."""


def measure(root: Path, rooms: Sequence[str], tests: Sequence[str]) -> TestMap:
    """Run tests once, and note which lines of which rooms each of those that pass runs."""
    recorder = _Recorder(root, rooms)
    pytest.main([*tests, *_OPTIONS], plugins=[recorder])
    return TestMap(recorder.seconds, recorder.collecting, recorder.lines)


@attrs.frozen
class Outcome:
    """What became of a mutant.

    Attributes:
        state: "killed", "survived", or "unreached" by any test.
        by: the test that failed, "time" or "import".
        seconds: that it took.
        tests: how many tests were to be run.
    """

    state: str
    by: str
    seconds: float
    tests: int


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
    began = time.perf_counter()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(root, mutant, tests, writing)
    os.close(writing)
    limit = 8.0 + 4.0 * cost
    with os.fdopen(reading, "rb") as pipe:
        late = threading.Timer(limit, _end, [child])
        late.start()
        told = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        late.cancel()
    seconds = time.perf_counter() - began
    if os.WIFSIGNALED(status):
        return Outcome("killed", "time" if seconds >= limit else f"signal {os.WTERMSIG(status)}", seconds, len(tests))
    code = os.WEXITSTATUS(status)
    return Outcome("survived" if code == 0 else "killed", told or ("" if code == 0 else "import"), seconds, len(tests))


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


class _FirstFailure:
    """A plugin of pytest that tells which test failed."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._pipe, report.nodeid.encode()[:500])


def _in_child(root: Path, mutant: Mutant, tests: Sequence[str], pipe: int) -> None:
    """Run the tests on the mutant and leave the process."""
    code = 3
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        sys.meta_path.insert(0, _Finder(root, mutant))
        code = int(pytest.main([*tests, *_OPTIONS, "-x"], plugins=[_FirstFailure(pipe)]))
    finally:
        os._exit(code)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutant where its module is imported."""

    def __init__(self, root: Path, mutant: Mutant) -> None:
        self._file = str(root / mutant.path)
        self._name = mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
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
