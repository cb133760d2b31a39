"""What a function moves besides its results, so that it can be run again from there.

Running statistics, counters and other Tensors that it assigns to, and the random generators that layers and
`minigrad.ops.network.random` draw from. A second run leaves no trace in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from weakref import ref

import numpy as np

from minigrad.core.graph import Node
from minigrad.core.tensor import Tensor
from minigrad.runtime.blocks import ContextStack

__all__ = ["Repetition", "note_assignment", "note_draw", "unmoved"]


class Repetition:
    """The state that a function begins with, as far as it moves it.

    >>> repetition = Repetition()
    >>> with repetition.first():
    ...     loss = f()
    >>> with repetition.again():  # from the same state, which is afterwards what it was before this block
    ...     same = f()
    """

    def __init__(self) -> None:
        self._tensors: dict[int, tuple[ref[Tensor], Node]] = {}
        self._generators: dict[int, tuple[np.random.Generator, object]] = {}

    @property
    def has_moved(self) -> bool:
        """Whether anything that it notes has been moved."""
        return bool(self._tensors or self._generators)

    def note(self, t: Tensor) -> None:
        """A Tensor is about to be assigned to."""
        key = id(t)
        if key not in self._tensors:
            forget = partial(_forget, self._tensors, key)  # what the run made itself is gone after it
            self._tensors[key] = ref(t, forget), t._node

    def note_draw(self, rng: np.random.Generator) -> None:
        """Numbers are about to be drawn."""
        if id(rng) not in self._generators:
            self._generators[id(rng)] = rng, rng.bit_generator.state

    @contextmanager
    def first(self) -> Iterator[None]:
        """The first run, which moves what it moves."""
        with _NOTING.pushed(self):
            yield

    @contextmanager
    def again(self) -> Iterator[None]:
        """A further run, from the state of the first one."""
        now = Repetition()
        for t in self._alive():
            now.note(t)
        for rng, _ in self._generators.values():
            now.note_draw(rng)
        self.put_back()
        try:
            with now.first():
                yield
        finally:
            now.put_back()

    def _alive(self) -> list[Tensor]:
        return [t for t in (reference() for reference, _ in list(self._tensors.values())) if t is not None]

    def put_back(self) -> None:
        """Everything is as it was before the first run."""
        for t in self._alive():
            t._node = self._tensors[id(t)][1]
        for rng, state in self._generators.values():
            rng.bit_generator.state = state  # type: ignore[assignment]


def _forget(tensors: dict[int, tuple[ref[Tensor], Node]], key: int, _: object) -> None:
    tensors.pop(key, None)


_NOTING: ContextStack[Repetition] = ContextStack("repetition")
_entries = _NOTING.entries.get


def note_assignment(t: Tensor) -> None:
    """Note the value of a Tensor before it is assigned to, but not that of a tracer."""
    if (entries := _entries()) and type(t._node.value) is np.ndarray:
        for entry in entries:
            entry.value.note(t)


def note_draw(rng: np.random.Generator) -> None:
    """Note the state of a generator before it is drawn from."""
    for entry in _entries():
        entry.value.note_draw(rng)


@contextmanager
def unmoved() -> Iterator[None]:
    """A block after which all that was moved inside is as it was."""
    repetition = Repetition()
    try:
        with repetition.first():
            yield
    finally:
        repetition.put_back()
