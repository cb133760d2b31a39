"""Ctrl-C in one of two that train together: each ends before a step or after it, and no watchdog stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.parallel import DataParallel, distribute
from support.interrupts import first_and_last, interrupted
from support.parallel_threads import Ended, Threads, bits, in_threads

X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.arange(6) % 2


@pytest.fixture(autouse=True)
def numpy_error_handling() -> Iterator[None]:
    with np.errstate():
        yield


class Training:
    """One of two, with a state after each step."""

    def __init__(self, link: Threads) -> None:
        self.link = link
        self.model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Dropout(0.2, rng=1), nn.Linear(4, 2, rng=2))
        self.optimizer = mg.optimizer("momentum", self.model.named_parameters(), lr=0.1)
        self.group: DataParallel | None = None
        self.states = [self.state()]

    def state(self) -> tuple[int, bytes]:
        values = [v for v in self.optimizer.state_dict().values() if isinstance(v, np.ndarray)]
        return self.optimizer.t, bits([*self.model.state_dict().values(), *values])

    def run(self) -> None:
        self.group = distribute(self.model, self.optimizer, self.link)
        with self.group as group:
            for _ in range(2):
                x, y = group.local_slice(X, Y)
                self.optimizer.zero_grad()
                loss = nn.cross_entropy(self.model(mg.tensor(x)), y)
                group.note_loss(loss.item())
                loss.backward()
                self.optimizer.step()
                self.states.append(self.state())
            group.broadcast_stop("")


WAYS_OUT = (" __enter__", " __exit__", " complete")
"""Functions whose first line is interrupted before anything in them can be on its guard."""


def watchdogs() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "minigrad watchdog"}


def no_more(than: set[threading.Thread]) -> bool:
    """Whether no other watchdog is left, which one that was told to stop may take a moment to see."""
    until = time.monotonic() + 5.0
    while watchdogs() - than:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def in_two(number: int) -> tuple[str, list[Training]]:
    """Train in two threads, one of which is interrupted; the place, and what became of both."""
    places: list[str] = []

    def one(link: Threads) -> Training:
        training = Training(link)
        if link.rank == 0:
            places.append(interrupted(training.run, number))
            link.hub.barrier.abort()  # as when a process ends
        else:
            with suppress(Ended):
                training.run()
        return training

    ended = in_threads(2, one)
    return places[0], ended


def check_both(every: int) -> int:
    """Interrupt one at the first and the last time that each line comes, one in `every`; returns how many were."""
    numbers: list[int] = []

    def one(link: Threads) -> list[tuple[int, bytes]]:
        training = Training(link)
        if link.rank == 0:
            numbers.extend(first_and_last(training.run, ("/parallel", "/runtime")))
        else:
            training.run()
        return training.states

    in_two(10**9)  # what is done once in a process is done by now
    states = in_threads(2, one)
    hits = 0
    for number in numbers[every // 2 :: every]:
        before = watchdogs()
        place, both = in_two(number)
        hits += bool(place)
        for training, known in zip(both, states, strict=True):
            assert training.state() in known, place
        if not place.endswith(WAYS_OUT):
            assert both[0].optimizer.grad_hook is None, place
            assert no_more(before), place
        for training in both:  # what is left all the same must not watch over the tests that follow
            if training.group is not None:
                training.group.leave()
        assert no_more(before), place
    return hits


def test_at_some_lines() -> None:
    assert check_both(31) > 6


@pytest.mark.soak
def test_at_every_line() -> None:
    assert check_both(1) > 200
