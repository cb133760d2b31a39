"""A process that is stuck says where, and the job ends within its limit."""

from __future__ import annotations

import threading
import time
from typing import ClassVar, NoReturn

import attrs
import pytest

from minigrad.parallel import SingleProcess
from minigrad.parallel.watchdog import HUNG, Watchdog

# The thread of the watchdog ends with SystemExit here, where in earnest the process does.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@attrs.define
class Ending(SingleProcess):
    """Notes when it is told to end."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    code: int | None = None
    ended: threading.Event = attrs.field(factory=threading.Event)

    def abort(self, code: int) -> NoReturn:
        self.code = code
        self.ended.set()
        raise SystemExit(code)


def watched(limit: float) -> tuple[Ending, Watchdog]:
    link = Ending()
    return link, Watchdog(link, limit)


def test_a_process_that_computes_too_long_ends_the_job(capfd: pytest.CaptureFixture[str]) -> None:
    link, dog = watched(0.3)
    dog.start()
    dog.mark("at work on step 7", waiting=False)
    began = time.monotonic()
    assert link.ended.wait(10.0)
    assert 0.25 < time.monotonic() - began < 2.0
    dog.stop()
    said = capfd.readouterr().err
    assert link.code == HUNG
    assert "rank 0 of 1 has been at work on step 7 for 0 s, more than the limit of 0.3 s" in said
    assert "test_a_process_that_computes_too_long" in said, "where the main thread is"


def test_one_that_waits_is_given_more_time(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.parallel.watchdog._GRACE", 1.5)
    link, dog = watched(0.2)
    dog.start()
    dog.mark("waiting for the others", waiting=True)
    assert not link.ended.wait(1.2)
    assert link.ended.wait(10.0)
    dog.stop()
    assert "waiting for the others" in capfd.readouterr().err


def test_one_that_gets_on_is_left_alone_and_stopping_is_final() -> None:
    link, dog = watched(0.4)
    dog.start()
    for step in range(12):
        dog.mark(f"step {step}", waiting=False)
        time.sleep(0.05)
    assert not link.ended.is_set()
    dog.stop()
    time.sleep(0.6)
    assert not link.ended.is_set()
    assert not any(t.name == "minigrad watchdog" for t in threading.enumerate())
    dog.start()
    assert link.ended.wait(10.0), "it can be started again"
    dog.stop()
