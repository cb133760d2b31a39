"""What a step reads of what it can reach.

Variables, globals, attributes, entries of containers, arrays.

A step reads an attribute if its own code, or that of a method it may come to, names it. So `model.temperature = 0.5`
between two calls makes another program, while a count of steps that only the training loop knows makes none.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import getattr_static
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType

import numpy as np

from minigrad.core.memory import is_immutable
from minigrad.core.tensor import Tensor
from minigrad.program.errors import TraceError
from minigrad.program.trace.guards import MISSING, ArrayGuard, ValueGuards, contents

__all__ = ["CodeNames", "find_reads", "is_layer", "is_users"]

_LIBRARIES = frozenset(("numpy", "builtins", "attr", "attrs", "abc", "typing", "re", "threading", "_thread"))
_LOOKUPS = frozenset(("getattr", "hasattr"))
_IMPLICIT = frozenset(
    {
        *("__call__", "__getattr__", "__getattribute__", "__getitem__", "__contains__", "__iter__", "__next__"),
        *("__len__", "__bool__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__add__"),
        *("__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__matmul__"),
        *("__rmatmul__", "__pow__", "__neg__", "__enter__", "__exit__", "__float__", "__int__", "__index__"),
        *("__array__", "__array_ufunc__", "__array_function__"),
    }
)
"""Methods that code calls without naming them."""


def is_users(module: str | None) -> bool:
    """Whether a module is the user's own: its code may read settings and change them."""
    top, _, rest = (module or "").partition(".")
    if top == "minigrad":
        return rest.startswith("examples.")
    return top not in _LIBRARIES


def is_layer(item: object) -> bool:
    """Tell whether an object is one of minigrad's layers or losses.

    A user may change their settings.
    """
    return type(item).__module__.startswith("minigrad.nn.")


class CodeNames:
    """The names that a step's code mentions, that of the methods it may come to, and so on."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()
        self._classes: set[type] = set()
        self.lookups: set[str] = set()  # attributes that are looked up by name, and may be missing

    def add_function(self, function: FunctionType) -> None:
        """Enter a function that the step can reach."""
        self._codes.add(function.__code__)

    def add_owner(self, owner: object) -> None:
        """Enter a class, or a module, whose methods the step may call."""
        if isinstance(owner, type):
            self._classes.update(c for c in owner.__mro__ if is_users(c.__module__) or _is_layer_class(c))

    def all(self) -> frozenset[str]:
        """All names, without double underscores."""
        methods = [(name, f) for cls in self._classes for name, f in _methods(cls)]
        left = self._codes | {f.__code__ for name, f in methods if name == "forward" or name in _IMPLICIT}
        names: set[str] = set()
        seen: set[CodeType] = set()
        while left:
            seen |= left
            for code in left:
                names |= self.of_code(code)
                self.lookups |= _strings(code)
            left = {f.__code__ for name, f in methods if name in names} - seen
        return frozenset(n for n in names if not n.startswith("__"))

    @staticmethod
    def of_code(code: CodeType) -> set[str]:
        """Collect the names in a piece of code and those inside it.

        Also strings, where it looks attributes up by name.
        """
        return {name for part in _parts(code) for name in part.co_names} | _strings(code)


def _parts(code: CodeType) -> Iterator[CodeType]:
    """A piece of code and those inside it."""
    stack = [code]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(c for c in top.co_consts if isinstance(c, CodeType))


def _strings(code: CodeType) -> set[str]:
    """Strings that may name attributes, in code that looks attributes up by name."""
    parts = [p for p in _parts(code) if not _LOOKUPS.isdisjoint(p.co_names)]
    return {c for p in parts for c in p.co_consts if isinstance(c, str) and c.isidentifier()}


def _is_layer_class(cls: type) -> bool:
    return cls.__module__.startswith("minigrad.nn.")


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, member in vars(cls).items():
        f = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(f, FunctionType):
            yield name, f


def find_reads(
    roots: Sequence[object], step: object, names: CodeNames, sized: Sequence[Collection[object]]
) -> ValueGuards:
    """Guards on everything that code with these names reads below `roots`.

    Args:
        roots: the step and its arguments.
        step: the step's function, which is read wherever it comes from.
        names: what its code mentions.
        sized: containers in reach, read or not.
    """
    all_names = names.all()
    reader = _Reader(step, all_names, frozenset(names.lookups))
    reader.read(roots)
    return ValueGuards(
        tuple(reader.attributes),
        tuple(reader.entries),
        tuple(reader.containers),
        tuple(reader.arrays),
        tuple((c, len(c)) for c in sized),
    )


class _Reader:
    """Follows what is read, from place to place."""

    def __init__(self, step: object, names: frozenset[str], lookups: frozenset[str]) -> None:
        self.step = step
        self.names = names
        self.lookups = lookups
        self.attributes: list[tuple[object, str, object]] = []
        self.entries: list[tuple[Mapping[str, object], str, object]] = []
        self.containers: list[tuple[Collection[object], tuple[object, ...]]] = []
        self.arrays: list[ArrayGuard] = []
        self._fields: dict[type, frozenset[str]] = {}

    def read(self, roots: Iterable[object]) -> None:
        """Go through everything below `roots`, without recursion."""
        stack = list(roots)
        seen: dict[int, object] = {}
        while stack:
            item = stack.pop()
            if id(item) not in seen:
                seen[id(item)] = item
                stack.extend(self._below(item))

    def _below(self, item: object) -> Iterable[object]:
        """Write down what is read of an object, and return what lies there."""
        if isinstance(item, Tensor | np.random.Generator | np.generic | str | bytes | int | float | None):
            return ()
        if isinstance(item, np.ndarray):
            if not is_immutable(item):
                self.arrays.append(ArrayGuard.of(item))
            return ()
        if isinstance(item, list | dict | set | deque):
            parts = contents(item)
            self.containers.append((item, parts))
            return parts
        if isinstance(item, tuple | frozenset):
            return item
        if isinstance(item, MethodType):
            return item.__self__, item.__func__
        if isinstance(item, partial):
            return item.func, *item.args, *item.keywords.values()
        if isinstance(item, FunctionType):
            return list(self._of_function(item)) if item is self.step or is_users(item.__module__) else ()
        if isinstance(item, Iterator) and type(item).__module__ in ("builtins", "itertools"):
            raise TraceError(
                f"the step reads an iterator ({type(item).__name__}), which a program would not advance: take the next "
                "value outside and pass it to the step"
            )
        if item is os:
            if not self.names.isdisjoint(("environ", "getenv")):
                self.containers.append((os.environ, contents(os.environ)))
            return ()
        if isinstance(item, ModuleType):
            return self._of_namespace(vars(item)) if _is_users_module(item) else ()
        if isinstance(item, type):
            classes = [c for c in item.__mro__ if is_users(c.__module__)]
            return [value for cls in classes for value in self._of_namespace(vars(cls))]
        if is_users(type(item).__module__) or is_layer(item):
            return [*self._of_object(item), *_wrapped(item)]
        return _wrapped(item)

    def _of_function(self, function: FunctionType) -> Iterator[object]:
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            self.attributes.append((cell, "cell_contents", value))
            yield value
        namespace = function.__globals__
        for name in CodeNames.of_code(function.__code__):
            value = namespace.get(name, MISSING)
            if value is not MISSING and not name.startswith("__"):
                if not isinstance(value, ModuleType) and not _is_foreign(value):
                    self.entries.append((namespace, name, value))
                yield value
        yield from _wrapped(function)
        for name in self.names & vars(function).keys():
            yield self._attribute(function, name)

    def _of_namespace(self, namespace: Mapping[str, object]) -> list[object]:
        """Data of a module or class."""
        found = []
        for name in self.names & namespace.keys():
            value = namespace[name]
            if not isinstance(value, FunctionType | ModuleType) and not _is_descriptor(value):
                self.entries.append((namespace, name, value))
            if not _is_descriptor(value):
                found.append(value)
        return found

    def _of_object(self, item: object) -> Iterator[object]:
        cls = type(item)
        if cls not in self._fields:
            data = {n for c in cls.__mro__ for n, v in vars(c).items() if _is_field(v)}
            self._fields[cls] = frozenset(self.names & data)
        own = vars(item).keys() & self.names if hasattr(item, "__dict__") else set()
        for name in self._fields[cls] | own:
            value = getattr_static(item, name, MISSING)
            if value is not MISSING and not self._looks_itself(item, name):
                yield self._attribute(item, name)
        for name in self.lookups:
            if not hasattr(item, name) and not self._looks_itself(item, name):
                self.attributes.append((item, name, MISSING))

    @staticmethod
    def _looks_itself(item: object, name: str) -> bool:
        """Tell whether minigrad's layers look an attribute up anew at each run.

        Switches and generators are such attributes.
        """
        if is_layer(item) and (name.startswith("_") or isinstance(getattr(item, name, None), np.random.Generator)):
            return True
        bases = (c for c in type(item).__mro__ if c.__module__.startswith("minigrad."))
        return name.startswith("_") and any(name in vars(c) for c in bases)

    def _attribute(self, owner: object, name: str) -> object:
        value = getattr(owner, name, MISSING)
        self.attributes.append((owner, name, value))
        return value


def _is_field(member: object) -> bool:
    """Whether a member of a class is data: a slot, or a value that all objects share."""
    return isinstance(member, MemberDescriptorType) or not (
        isinstance(member, FunctionType | GetSetDescriptorType) or _is_descriptor(member)
    )


def _is_descriptor(member: object) -> bool:
    return hasattr(type(member), "__get__") and not isinstance(member, FunctionType)


def _is_foreign(value: object) -> bool:
    """Whether it is a function or class of a library, which stays what it is."""
    return isinstance(value, type | FunctionType) and not is_users(value.__module__)


def _is_users_module(module: ModuleType) -> bool:
    top = module.__name__.partition(".")[0]
    return top not in sys.stdlib_module_names and is_users(module.__name__)


def _wrapped(item: object) -> tuple[object, ...]:
    """The function inside a decorated one, or inside a program."""
    inner: Callable[..., object] | None = getattr_static(item, "__wrapped__", None)
    return () if inner is None else (inner,)
