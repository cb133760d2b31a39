"""Guards: what must still be so for a recorded program to hold, or must not happen while a step is recorded.

Plain Python values that a step reads (numbers, flags, names) are compared before each run. A step reads an attribute if
its own code, or that of a method it may come to, names it: `model.temperature = 0.5` between two calls makes another
program, while a count of steps that only the training loop knows makes none. Arrays that it uses without being given
them must not change, and random numbers that it draws past minigrad are refused.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Sized
from inspect import getattr_static
from types import CodeType, FunctionType, MemberDescriptorType, NoneType

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.program.errors import StepChanged, TraceError

__all__ = ["ConstantGuard", "RandomStateGuard", "ValueGuards", "is_users", "value_guards"]

_PLAIN = (bool, int, float, str, NoneType)
_CALLED = ("forward", "__call__")


@attrs.frozen(eq=False)
class ValueGuards:
    """Values and where they were found, as (owner, name, value): attributes, and entries of module globals.

    `sizes` are the lengths of lists, dicts and sets that the step can reach.
    """

    attributes: tuple[tuple[object, str, object], ...]
    entries: tuple[tuple[Mapping[str, object], str, object], ...]
    sizes: tuple[tuple[Sized, int], ...]

    def hold(self) -> bool:
        """Whether all are as they were."""
        for owner, name, value in self.attributes:
            if getattr(owner, name, None) != value:
                return False
        return all(entries.get(name) == value for entries, name, value in self.entries)

    def refuse_changes(self) -> None:
        """Raise StepChanged if recording the step has changed one."""
        for owner, name, value in self.attributes:
            now = getattr(owner, name, None)
            if now != value:
                raise _changed(f"{type(owner).__name__}.{name}", f"from {value!r} to {now!r}")
        for entries, name, value in self.entries:
            if entries.get(name) != value:
                raise _changed(f"the global {name}", f"from {value!r} to {entries.get(name)!r}")
        for container, size in self.sizes:
            if len(container) != size:
                raise _changed(f"a {type(container).__name__}", f"from length {size} to {len(container)}")


@attrs.frozen(eq=False)
class ConstantGuard:
    """An array that the program does not own, and the bytes it held when the program was traced.

    An array that owns its memory is followed weakly: once it is held nowhere else, it cannot change.
    """

    find: Callable[[], Array | None]
    content: bytes

    @classmethod
    def of(cls, array: Array) -> ConstantGuard:
        """Follow `array`."""
        find: Callable[[], Array | None] = weakref.ref(array) if array.base is None else lambda: array
        return cls(find, array.tobytes())

    def check(self) -> None:
        """Raise TraceError if the array has changed."""
        array = self.find()
        if array is not None and array.tobytes() != self.content:
            raise TraceError(
                f"an array of shape {array.shape} that the step uses has been changed since the program was traced, "
                "which a program would not notice: pass it to the step as an argument"
            )


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


def _changed(what: str, how: str) -> StepChanged:
    return StepChanged(
        f"the step changes {what} ({how}), which a program would not repeat: count outside the step, and pass what "
        "changes as an argument"
    )


def value_guards(functions: Sequence[FunctionType], objects: Sequence[object], sized: Sequence[Sized]) -> ValueGuards:
    """What `functions`, and the methods they may come to, read of `objects`, of globals and of their closures."""
    names = _names(functions, {cls for o in objects for cls in type(o).__mro__ if is_users(cls.__module__)})
    attributes = [(o, name, value) for o in objects for name, value in _plain_of(o, names)]
    entries: list[tuple[Mapping[str, object], str, object]] = []
    for f in functions:
        for cell in f.__closure__ or ():
            value = getattr(cell, "cell_contents", object)
            if type(value) in _PLAIN:
                attributes.append((cell, "cell_contents", value))
        namespace = f.__globals__
        read = {n for code in _all_codes([f.__code__]) for n in code.co_names if n in namespace}
        entries += [
            (namespace, n, namespace[n]) for n in read if type(namespace[n]) in _PLAIN and not n.startswith("__")
        ]
    return ValueGuards(tuple(attributes), tuple(entries), tuple((s, len(s)) for s in sized))


def is_users(module: str | None) -> bool:
    """Whether a module is the user's own: its code may read settings and change them."""
    top, _, rest = (module or "").partition(".")
    if top == "minigrad":
        return rest.startswith("examples.")
    return top not in ("numpy", "builtins", "attr", "abc", "typing", "re", "threading", "_thread")


def _names(functions: Sequence[FunctionType], classes: set[type]) -> set[str]:
    """Names that the functions' code mentions, that of the methods they mention, and so on."""
    names: set[str] = set()
    left = {f.__code__ for f in functions}
    methods = [(name, f) for cls in classes for name, f in _methods(cls)]
    left.update(f.__code__ for name, f in methods if name in _CALLED)
    seen: set[CodeType] = set()
    while left:
        seen |= left
        names.update(n for code in _all_codes(left) for n in code.co_names)
        left = {f.__code__ for name, f in methods if name in names} - seen
    return names


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, member in vars(cls).items():
        f = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(f, FunctionType):
            yield name, f


def _all_codes(codes: Iterable[CodeType]) -> Iterator[CodeType]:
    stack = list(codes)
    while stack:
        code = stack.pop()
        yield code
        stack.extend(c for c in code.co_consts if isinstance(c, CodeType))


def _plain_of(owner: object, names: set[str]) -> Iterator[tuple[str, object]]:
    for name in names:
        value = getattr_static(owner, name, object)
        if isinstance(value, MemberDescriptorType):
            value = getattr(owner, name, object)
        if type(value) in _PLAIN:
            yield name, value
