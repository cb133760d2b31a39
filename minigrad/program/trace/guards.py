"""Guards: what must still be so for a recorded program to hold.

Or what must not happen while a step is recorded.

What a step reads without being given it is compared before each run: the same objects must stand in the same places
(variables of closures, globals, attributes, entries of lists and dicts), plain values must be equal to the last bit,
and arrays must hold the same bytes. Where something differs, the step is recorded anew. Random numbers that a step
draws past minigrad would be the same at each run, and are refused.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from itertools import repeat
from math import copysign
from operator import call, is_
from types import CellType, NoneType
from typing import Any, TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.program.errors import StepChanged, TraceError

__all__ = ["MISSING", "ArrayGuard", "RandomStateGuard", "ValueGuards", "contents", "is_same"]

MISSING = object()
"""Stands for an attribute or entry that is not there."""
_ALWAYS_MISSING = repeat(MISSING)
Columns: TypeAlias = tuple[tuple[Any, ...], tuple[str, ...], tuple[object, ...]]
_PLAIN = (bool, int, float, complex, str, bytes, NoneType)


@attrs.frozen(eq=False)
class ArrayGuard:
    """An array that the program does not own, and its bytes at the time of tracing.

    An array that owns its memory is followed weakly: once it is held nowhere else, it cannot change.
    """

    find: Callable[[], Array | None]
    content: bytes

    @classmethod
    def of(cls, array: Array) -> ArrayGuard:
        """Follow `array`."""
        find: Callable[[], Array | None] = weakref.ref(array) if array.base is None else lambda: array
        return cls(find, array.tobytes())

    def holds(self) -> bool:
        """Whether the array is gone, or as it was."""
        array = self.find()
        return array is None or array.tobytes() == self.content


@attrs.frozen(eq=False)
class ValueGuards:
    """What a step reads, and where.

    Attributes:
        attributes: (owner, name, value).
        entries: (namespace, name, value), of modules and classes.
        containers: (list, dict, set or deque, its contents).
        arrays: that the step may look into.
        sizes: (container, length) of everything in reach, which the step must not change.
    """

    attributes: tuple[tuple[object, str, object], ...]
    entries: tuple[tuple[Mapping[str, object], str, object], ...]
    containers: tuple[tuple[Collection[object], tuple[object, ...]], ...]
    arrays: tuple[ArrayGuard, ...]
    sizes: tuple[tuple[Collection[object], int], ...]
    _owners: Columns = attrs.field(init=False)
    _namespaces: Columns = attrs.field(init=False)

    @_owners.default
    def _attribute_columns(self) -> Columns:
        return _columns(self.attributes)

    @_namespaces.default
    def _entry_columns(self) -> Columns:
        gets, names, values = _columns(self.entries)
        return tuple(namespace.get for namespace in gets), names, values

    def hold(self) -> bool:
        """Whether all are as they were."""
        owners, names, values = self._owners
        if not all(map(is_, map(getattr, owners, names, _ALWAYS_MISSING), values)) and not self._attributes_hold():
            return False
        gets, names, values = self._namespaces
        if not all(map(is_, map(call, gets, names, _ALWAYS_MISSING), values)) and not self._entries_hold():
            return False
        for container, parts in self.containers:
            if not _are_same(contents(container), parts):
                return False
        return not self.arrays or all(guard.holds() for guard in self.arrays)

    def _attributes_hold(self) -> bool:
        return all(is_same(getattr(owner, name, MISSING), value) for owner, name, value in self.attributes)

    def _entries_hold(self) -> bool:
        return all(is_same(namespace.get(name, MISSING), value) for namespace, name, value in self.entries)

    def refuse_changes(self) -> None:
        """Raise StepChanged if recording the step has changed one."""
        for owner, name, value in self.attributes:
            now = getattr(owner, name, MISSING)
            if not is_same(now, value):
                place = "a variable of its closure" if isinstance(owner, CellType) else f"{type(owner).__name__}.{name}"
                raise _changed(place, f"from {_shown(value)} to {_shown(now)}")
        for namespace, name, value in self.entries:
            now = namespace.get(name, MISSING)
            if not is_same(now, value):
                raise _changed(f"the global {name}", f"from {_shown(value)} to {_shown(now)}")
        for container, size in self.sizes:
            if len(container) != size:
                raise _changed(f"a {type(container).__name__}", f"from length {size} to {len(container)}")
        for container, parts in self.containers:
            if not _are_same(contents(container), parts):
                raise _changed(f"a {type(container).__name__}", f"of {len(parts)} entries")
        if not all(guard.holds() for guard in self.arrays):
            raise _changed("an array", "entry by entry")


class RandomStateGuard:
    """Watches NumPy's and Python's global generators and those that the step can reach."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._generators = tuple(generators)
        self._seen = self._states()

    def check(self) -> None:
        """Raise TraceError if numbers have been drawn from a generator that is watched."""
        if self._states() != self._seen:
            raise TraceError(
                "the step draws random numbers with NumPy or Python, which a program would repeat unchanged. Draw them "
                "outside and pass them in, or use mg.random_uniform, mg.random_normal or mg.dropout with your "
                "generator: these draw anew at each run"
            )

    def _states(self) -> list[Hashable]:
        legacy = np.random.get_state(legacy=True)
        assert isinstance(legacy, tuple)
        states: list[Hashable] = [hash(random.getstate()), (legacy[1].tobytes(), *legacy[2:])]
        states.extend(repr(g.bit_generator.state) for g in self._generators)
        return states


def _columns(guards: Sequence[tuple[object, str, object]]) -> Columns:
    owners, names, values = zip(*guards, strict=True) if guards else ((), (), ())
    return owners, names, values


def contents(container: Collection[object]) -> tuple[object, ...]:
    """What a container holds, in order; of a dict keys and values."""
    return (*container, *container.values()) if isinstance(container, Mapping) else tuple(container)


def is_same(a: object, b: object) -> bool:
    """Tell whether a step cannot tell two values apart.

    They are one object, or equal plain values, the sign of zero included.
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return (a == b and copysign(1.0, a) == copysign(1.0, b)) or (a != a and b != b)
    if isinstance(a, np.generic) and isinstance(b, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, tuple) and isinstance(b, tuple):
        return _are_same(a, b)
    return type(a) in _PLAIN and bool(a == b)


def _are_same(a: Sequence[object], b: Sequence[object]) -> bool:
    return len(a) == len(b) and all(x is y or is_same(x, y) for x, y in zip(a, b, strict=True))


def _changed(what: str, how: str) -> StepChanged:
    return StepChanged(
        f"the step changes {what} ({how}), which a program would not repeat: count outside the step, and pass what "
        "changes as an argument"
    )


def _shown(value: object) -> str:
    return "nothing" if value is MISSING else repr(value)[:80]
