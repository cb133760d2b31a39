"""The prefetching thread: order, errors, and that it never outlives its consumer."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import minigrad.data as data

NAME = "minigrad-test-prefetch"


def alive() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def prefetched(source: Iterator[int], ahead: int) -> Iterator[int]:
    return data.prefetched(lambda: source, ahead, NAME)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert alive() == 0
    yield
    assert alive() == 0


@pytest.mark.parametrize("ahead", [1, 2, 1000])
def test_order_is_kept(ahead: int) -> None:
    assert list(prefetched(iter(range(500)), ahead)) == list(range(500))
    assert alive() == 0


def test_an_exception_arrives_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield from (1, 2, 3)
        raise RuntimeError("the fourth item")

    it = prefetched(source(), 10)
    assert [next(it), next(it), next(it)] == [1, 2, 3]
    with pytest.raises(RuntimeError, match="the fourth item") as caught:
        next(it)
    assert "source" in [entry.name for entry in caught.traceback]
    assert next(it, None) is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_exceptions_that_are_no_errors_arrive_too(kind: type[BaseException]) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise kind

    it = prefetched(source(), 2)
    assert next(it) == 1
    with pytest.raises(kind):
        next(it)


def test_falsy_items_do_not_end_it() -> None:
    assert list(prefetched(iter([0, 0, 0]), 1)) == [0, 0, 0]


def test_an_augmentation_that_fails_reaches_the_training_loop() -> None:
    it = data.Loader(np.zeros((6, 4)), np.zeros(6), 2, augment=data.Flip(), prefetch=2)
    with pytest.raises(data.DataError, match="Flip: expected images"):
        list(it)


def endless(made: list[int]) -> Iterator[int]:
    while True:
        made.append(len(made))
        yield made[-1]


def test_breaking_out_of_the_loop_ends_the_thread() -> None:
    made: list[int] = []
    for item in prefetched(endless(made), 3):
        if item == 5:
            break
    gc.collect()
    assert alive() == 0
    count = len(made)
    time.sleep(0.02)
    assert len(made) == count


def test_dropping_and_closing_end_the_thread() -> None:
    it = prefetched(endless([]), 3)
    next(it)
    assert alive() == 1
    del it
    assert alive() == 0
    many = [prefetched(endless([]), 1) for _ in range(20)]
    assert [next(one) for one in many] == [0] * 20
    many.clear()
    assert alive() == 0


def test_an_iterator_never_started_has_no_thread() -> None:
    it = prefetched(endless([]), 3)
    assert alive() == 0
    del it


def test_an_error_in_the_consumer_ends_the_thread() -> None:
    def train() -> None:
        for item in prefetched(endless([]), 2):
            if item == 3:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    gc.collect()
    assert alive() == 0


def test_the_producer_stays_the_given_number_ahead() -> None:
    made: list[int] = []
    it = prefetched(endless(made), 4)
    next(it)
    deadline = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(made) == 6  # one taken, four waiting, one made and waiting for room


def test_error_state_of_numpy_holds_in_the_thread() -> None:
    def source() -> Iterator[np.float64]:
        yield np.float64(1.0) / np.float64(0.0)

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(data.prefetched(source, 1, NAME))
    with np.errstate(divide="ignore"):
        assert list(data.prefetched(source, 1, NAME)) == [np.inf]
