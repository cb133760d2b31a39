"""Guards: what must still be so for a recorded program to hold.

Or what must not happen while a step is recorded.

What a step reads without being given it is compared before each run: the same objects must stand in the same places
(variables of closures, globals, attributes, entries of lists and dicts), plain values must be equal to the last bit,
and arrays must hold the same bytes. Where something differs, the step is recorded anew. Random numbers that a step
draws past minigrad would be the same at each run, and are refused.
"""

from __future__ import annotations

import random
import sys
import weakref
from abc import get_cache_token
from collections import deque
from collections.abc import Callable, Collection, Hashable, ItemsView, KeysView, Mapping, Sequence, ValuesView
from contextvars import ContextVar
from functools import partial
from io import BytesIO, IOBase, StringIO
from math import copysign
from types import CellType, NoneType
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array, Shape
from minigrad.program.errors import StepChanged, TraceError
from minigrad.program.trace.identity_checks import MISSING, identity_check

__all__ = ["ArrayGuard", "RandomStateGuard", "Source", "ValueGuards", "contents", "has_memory", "is_same"]

_SMALL = 1 << 12
"""Bytes up to which numbers are compared as a string."""
_BARE = (list, dict, set)
_PLAIN = (bool, int, float, complex, str, bytes, NoneType)


@attrs.frozen(eq=False)
class ArrayGuard:
    """An array that the program does not own, and its bytes at the time of tracing.

    An array that owns its memory is followed weakly: once it is held nowhere else, it cannot change.

    Attributes:
        find: gives the array, or None.
        shape: of it, which can be set in place.
        dtype: of it.
        strides: of it.
        content: its bytes; of a large array a copy, which is compared without another.
    """

    find: Callable[[], Array | None]
    shape: Shape
    dtype: np.dtype[np.generic]
    strides: tuple[int, ...]
    content: bytes | NDArray[np.uint8]

    @classmethod
    def of(cls, array: Array) -> ArrayGuard:
        """Follow `array`."""
        find: Callable[[], Array | None] = weakref.ref(array) if array.base is None else lambda: array
        return cls(find, array.shape, array.dtype, array.strides, _content(array))

    def holds(self) -> bool:
        """Whether the array is gone, or as it was."""
        array = self.find()
        if array is None:
            return True
        if array.shape != self.shape or (array.dtype is not self.dtype and array.dtype != self.dtype):
            return False
        if array.strides != self.strides:
            return False
        if isinstance(self.content, bytes):
            return array.tobytes() == self.content
        return np.array_equal(array.reshape(-1).view(np.uint8), self.content)


def _content(array: Array) -> bytes | NDArray[np.uint8]:
    if array.nbytes <= _SMALL or not array.flags.c_contiguous or array.dtype.hasobject:
        return array.tobytes()
    return array.reshape(-1).view(np.uint8).copy()


@attrs.frozen(eq=False)
class ValueGuards:
    """What a step reads, and where.

    Attributes:
        attributes: (owner, name, value).
        entries: (namespace, name, value), of modules and classes.
        containers: (list, dict, weak reference or whatever else has contents, these).
        arrays: that the step may look into.
        sizes: (container, length) of everything in reach, which the step must not change.
        empty: variables of closures that have no value yet.
        absent: modules that the step imports, and that are not there yet.
        registered: how often a class has been registered with an abstract one, on which answers of `isinstance` depend.
    """

    attributes: tuple[tuple[object, str, object], ...]
    entries: tuple[tuple[Mapping[str, object], str, object], ...]
    containers: tuple[tuple[object, tuple[object, ...]], ...]
    arrays: tuple[ArrayGuard, ...]
    sizes: tuple[tuple[Collection[object], int], ...]
    empty: tuple[CellType, ...] = ()
    absent: tuple[str, ...] = ()
    registered: object = attrs.field(factory=get_cache_token)
    _holds_same: Callable[[], bool] = attrs.field(init=False)  # attributes and entries, the very objects
    _bare: tuple[object, ...] = attrs.field(init=False)  # containers without contents: cheaper to look at
    _filled: tuple[tuple[object, tuple[object, ...]], ...] = attrs.field(init=False)

    @_holds_same.default
    def _identity_check(self) -> Callable[[], bool]:
        return identity_check(self.attributes, self.entries)

    @_bare.default
    def _containers_without_contents(self) -> tuple[object, ...]:
        return tuple(c for c, parts in self.containers if type(c) in _BARE and not parts)

    @_filled.default
    def _containers_with_contents(self) -> tuple[tuple[object, tuple[object, ...]], ...]:
        return tuple((c, parts) for c, parts in self.containers if type(c) not in _BARE or parts)

    def hold(self) -> bool:
        """Whether all are as they were."""
        try:
            return self._all_hold()
        except ValueError:  # a variable of a closure has lost its value
            return False

    def _all_hold(self) -> bool:
        try:
            same = self._holds_same()
        except AttributeError:
            return False
        if not same and not (self._attributes_hold() and self._entries_hold()):
            return False
        if any(self._bare):
            return False
        for container, parts in self._filled:
            if not _are_same(contents(container), parts):
                return False
        if self.empty and any(map(_has_value, self.empty)):
            return False
        if self.registered != get_cache_token():
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
        for item, parts in self.containers:
            if not _are_same(contents(item), parts):
                raise _changed(f"a {type(item).__name__}", f"of {len(parts)} entries")
        if not all(guard.holds() for guard in self.arrays):
            raise _changed("an array", "entry by entry")
        for name in self.absent:
            if name in sys.modules:  # what it holds is looked at in the next trace
                raise _changed("the loaded modules", f"imports {name}")


Source: TypeAlias = np.random.Generator | np.random.RandomState | random.Random | IOBase
"""What gives something else each time it is asked."""


class RandomStateGuard:
    """Watches NumPy's and Python's global generators, and sources that the step can reach."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._generators = self._states()
        self._positions = [_state(s) for s in sources]

    def check(self) -> None:
        """Raise TraceError if a generator or file that is watched has moved on."""
        for source, before in zip(self._sources, self._positions, strict=True):
            if isinstance(source, IOBase) and _state(source) != before:
                raise TraceError(
                    "the step reads or writes a file, which a program would do once: do it outside the step, and pass "
                    "in what it reads"
                )
        if self._states() != self._generators or self._positions != [_state(s) for s in self._sources]:
            raise TraceError(
                "the step draws random numbers with NumPy or Python, which a program would repeat unchanged. Draw them "
                "outside and pass them in, or use mg.random_uniform, mg.random_normal or mg.dropout with your "
                "generator: these draw anew at each run"
            )

    @staticmethod
    def _states() -> list[Hashable]:
        legacy = np.random.get_state(legacy=True)
        assert isinstance(legacy, tuple)
        return [hash(random.getstate()), (legacy[1].tobytes(), *legacy[2:])]


def _state(source: Source) -> Hashable:
    """How far a source has come; None where that cannot be known."""
    if isinstance(source, np.random.Generator):
        return repr(source.bit_generator.state)
    if isinstance(source, np.random.RandomState):
        return repr([(x.tobytes() if isinstance(x, np.ndarray) else x) for x in source.get_state(legacy=True)])
    try:
        return hash(source.getstate()) if isinstance(source, random.Random) else source.tell()
    except (OSError, ValueError, NotImplementedError):  # a pipe, a closed file, the system's random numbers
        return None


def contents(container: object) -> tuple[object, ...]:
    """What a container holds, in order.

    Of a dict keys and values, of memory its bytes, of a weak reference what it refers to, of a partial function what
    it is made of.
    """
    if type(container) is list:
        return tuple(container)
    if isinstance(container, Mapping):
        return (*container, *container.values())
    if isinstance(container, partial):
        return (container.func, *container.args, *contents(container.keywords))
    if isinstance(container, ContextVar):
        return (container.get(MISSING),)
    if isinstance(container, weakref.ref):
        return (container(),)
    if isinstance(container, list | set | frozenset | tuple | deque | KeysView | ValuesView | ItemsView):
        return tuple(container)
    if isinstance(container, StringIO | BytesIO):
        return container.getvalue(), container.tell()
    return (memoryview(container).tobytes(),)  # type: ignore[arg-type]


def has_memory(item: object) -> bool:
    """Whether an object is memory that others may write to.

    A bytearray, an array of `array` or ctypes.
    """
    try:
        memoryview(item)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


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
    if isinstance(a, complex):
        return repr(a) == repr(b)
    return type(a) in _PLAIN and bool(a == b)


def _are_same(a: Sequence[object], b: Sequence[object]) -> bool:
    return len(a) == len(b) and all(x is y or is_same(x, y) for x, y in zip(a, b, strict=True))


def _has_value(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (whether it can be read is the question)
    except ValueError:
        return False
    return True


def _changed(what: str, how: str) -> StepChanged:
    return StepChanged(
        f"the step changes {what} ({how}), which a program would not repeat: count outside the step, and pass what "
        "changes as an argument"
    )


def _shown(value: object) -> str:
    return "nothing" if value is MISSING else repr(value)[:80]
