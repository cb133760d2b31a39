"""A worker thread that stays a few items ahead of its consumer, and never outlives it."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class _Channel(Generic[T]):
    """A bounded queue that either end can close."""

    room: int
    items: deque[T] = attrs.field(factory=deque)
    closed: bool = False
    error: BaseException | None = None
    changed: threading.Condition = attrs.field(factory=threading.Condition)

    def put(self, item: T) -> bool:
        """Wait for room; False when the consumer has gone."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or len(self.items) < self.room)
            if not self.closed:
                self.items.append(item)
                self.changed.notify_all()
            return not self.closed

    def close(self, error: BaseException | None = None) -> None:
        with self.changed:
            self.closed, self.error = True, self.error or error
            self.changed.notify_all()

    def take(self) -> list[T]:
        """Wait for an item; an empty list when there will be none.

        Raises what the producer raised, after its items.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.closed or bool(self.items))
            if self.items:
                item = self.items.popleft()
                self.changed.notify_all()
                return [item]
            if self.error is not None:
                raise self.error
            return []


def prefetched(source: Callable[[], Iterable[T]], ahead: int, name: str = "minigrad-prefetch") -> Iterator[T]:
    """The items of `source()`, made in a thread up to `ahead` items before they are asked for.

    The thread starts with the first `next` and runs in a copy of the caller's context (so `np.errstate` holds there
    too). An exception in it is raised here, after the items before it. When the iterator ends, fails, is closed or is
    dropped, the thread has ended before control returns: it is joined, so an item under way is waited for.
    """
    channel: _Channel[T] = _Channel(max(1, ahead))
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(_produce, source, channel), name=name, daemon=True)
    thread.start()
    try:
        while item := channel.take():
            yield item[0]
    finally:
        channel.close()
        thread.join()


def _produce(source: Callable[[], Iterable[T]], channel: _Channel[T]) -> None:
    try:
        for item in source():
            if not channel.put(item):
                return
    except BaseException as error:
        channel.close(error)
    else:
        channel.close()
