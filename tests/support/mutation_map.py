"""Which tests reach which lines of a source, measured once by running them all."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

import attrs
import pytest

from support.mutation_order import Reach
from support.mutation_sources import Mutant

if TYPE_CHECKING:
    from _typeshed import TraceFunction

__all__ = ["OPTIONS", "TestMap", "measure"]

OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--assert=plain")
"""Of pytest. It rewrites the modules of distributions with plugins by a hook of its own, which would hide a mutant."""


@attrs.frozen
class TestMap:
    """Which tests reach which lines, and what they cost.

    Attributes:
        seconds: of processor time of each test that passes, by pytest's id.
        collecting: seconds of processor time to import each test file and list its tests.
        lines: tests by line, under `path:line`.
    """

    __test__ = False  # no class of tests, whatever pytest thinks of its name

    seconds: Mapping[str, float]
    collecting: Mapping[str, float]
    lines: Mapping[str, Sequence[str]]
    _reach: dict[str, Reach] = attrs.field(factory=dict, init=False, repr=False)

    def reaching(self, mutant: Mutant, budget: float) -> list[str]:
        """Tests that run a line of the mutant, for about `budget` seconds of processor time, the most telling first."""
        wanted = {mutant.statement, *range(mutant.line, mutant.last + 1)}
        ids = {test for line in wanted for test in self.lines.get(f"{mutant.path}:{line}", ())}
        if mutant.on_import:
            own = f"{mutant.path}:"
            ids |= {test for line, tests in self.lines.items() if line.startswith(own) for test in tests}
            ids = ids or set(self.seconds)  # it has no functions, but may end every import
        room = "/".join(mutant.path.split("/")[:2])
        if room not in self._reach:
            self._reach[room] = Reach.of(self.lines, room)
        return self._reach[room].ordered(ids, mutant.path, self.seconds, budget)

    def only(self, tests: Container[str]) -> TestMap:
        """Without the tests that are no longer there."""
        seconds = {test: cost for test, cost in self.seconds.items() if test in tests}
        lines = {line: [t for t in reaching if t in seconds] for line, reaching in self.lines.items()}
        return TestMap(seconds, self.collecting, lines)

    def cost(self, tests: Iterable[str]) -> float:
        """Seconds that these tests take together."""
        chosen = list(tests)
        files = {test.partition("::")[0] for test in chosen}
        return sum(self.seconds[t] for t in chosen) + sum(self.collecting.get(f, 0.0) for f in files)

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
        path.write_text(json.dumps(attrs.asdict(self, filter=lambda field, _: field.init)), encoding="utf-8")

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
        self._begin, self._end = _watcher(self._rooms, self._note)

    def _note(self, file: str, line: int) -> None:
        self._now.add((file, line))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, object, object]:
        began = _processor_time()
        report = yield
        file = collector.nodeid.partition("::")[0]
        if file.endswith(".py"):
            self.collecting[file] = self.collecting.get(file, 0.0) + _processor_time() - began
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._now, self._failed = set(), False
        began = _processor_time()
        self._begin()
        try:
            return (yield)
        finally:
            self._end()
            if not self._failed:
                self.seconds[item.nodeid] = _processor_time() - began
                for file, line in self._now:
                    self.lines[f"{file.removeprefix(self._root)}:{line}"].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or not report.passed


def _processor_time() -> float:
    """Seconds of this process and of those that it has waited for, whatever else the machine does."""
    return sum(os.times()[:4])


def _watcher(rooms: tuple[str, ...], note: Callable[[str, int], None]) -> tuple[Callable[[], None], Callable[[], None]]:
    """What begins and ends the watching of lines: by `sys.monitoring` (Python 3.12), which tells each line once."""
    if sys.version_info >= (3, 12):
        monitoring, tool = sys.monitoring, sys.monitoring.COVERAGE_ID

        def line(code: CodeType, number: int) -> object:
            if code.co_filename.startswith(rooms):
                note(code.co_filename, number)
            return monitoring.DISABLE

        monitoring.use_tool_id(tool, "tests by line")
        monitoring.register_callback(tool, monitoring.events.LINE, line)

        def begin() -> None:
            monitoring.restart_events()
            monitoring.set_events(tool, monitoring.events.LINE)

        return begin, lambda: monitoring.set_events(tool, 0)
    return _tracer(rooms, note)


def _tracer(rooms: tuple[str, ...], note: Callable[[str, int], None]) -> tuple[Callable[[], None], Callable[[], None]]:
    def call(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        return line if frame.f_code.co_filename.startswith(rooms) else None

    def line(frame: FrameType, event: str, argument: object) -> TraceFunction:
        note(frame.f_code.co_filename, frame.f_lineno)
        return line

    def begin() -> None:
        sys.settrace(call)
        threading.settrace(call)

    def end() -> None:
        sys.settrace(None)
        threading.settrace(_untraced)

    return begin, end


def _untraced(frame: FrameType, event: str, argument: object) -> None:
    """Traces nothing in threads that tests start later."""


def measure(root: Path, rooms: Sequence[str], tests: Sequence[str]) -> TestMap:
    """Run tests once, and note which lines of which rooms each of those that pass runs."""
    recorder = _Recorder(root, rooms)
    pytest.main([*tests, *OPTIONS], plugins=[recorder])
    return TestMap(recorder.seconds, recorder.collecting, recorder.lines)
