"""A communicator between threads of one process: what MPI does, without MPI, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar, NoReturn, TypeVar

import attrs
import numpy as np

from minigrad.parallel import ordered_sum
from minigrad.typing import Array

R = TypeVar("R")


class Ended(Exception):
    """The other threads have gone."""


@attrs.define(eq=False)
class _Hub:
    """What the threads share: a place for everybody's contribution, and a barrier."""

    size: int
    places: list[object] = attrs.field(init=False)
    barrier: threading.Barrier = attrs.field(init=False)
    code: int | None = None

    def __attrs_post_init__(self) -> None:
        self.places = [None] * self.size
        self.barrier = threading.Barrier(self.size)

    def swap(self, rank: int, mine: R) -> list[R]:
        """Everybody's contribution. The second wait keeps it there until all have read it."""
        try:
            self.places[rank] = mine
            self.barrier.wait(30.0)
            found = list(self.places)
            self.barrier.wait(30.0)
        except threading.BrokenBarrierError:
            raise Ended(f"rank {rank}: another thread has ended") from None
        return found  # type: ignore[return-value]


@attrs.define(eq=False)
class Threads:
    """One of `size` threads."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    hub: _Hub
    rank: int

    @property
    def size(self) -> int:
        """Number of threads."""
        return self.hub.size

    def allreduce(self, buffer: Array) -> None:
        """The sum in order of rank."""
        buffer[...] = ordered_sum(self.hub.swap(self.rank, buffer.copy()))

    def broadcast(self, buffer: Array, root: int = 0) -> None:
        """The numbers of `root`."""
        buffer[...] = self.hub.swap(self.rank, buffer.copy())[root]

    def gather(self, message: bytes) -> list[bytes]:
        """All messages."""
        return self.hub.swap(self.rank, message)

    def barrier(self) -> None:
        """Wait for all."""
        self.hub.swap(self.rank, None)

    def abort(self, code: int) -> NoReturn:
        """End all threads at their next exchange."""
        self.hub.code = code
        self.hub.barrier.abort()
        raise SystemExit(code)


def in_threads(size: int, work: Callable[[Threads], R], make: type[Threads] = Threads) -> list[R]:
    """What `work` returns in each of `size` threads. The error of the lowest rank that has one of its own is raised."""
    hub = _Hub(size)
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def one(rank: int) -> None:
        try:
            results[rank] = work(make(hub, rank))
        except BaseException as error:  # handed to the test
            errors[rank] = error
            hub.barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive(), "deadlock"
    for rank in sorted(errors, key=lambda r: (isinstance(errors[r], Ended), r)):
        raise errors[rank]
    return [results[rank] for rank in range(size)]


def bits(arrays: list[Array]) -> bytes:
    """All bits of all arrays."""
    return b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
