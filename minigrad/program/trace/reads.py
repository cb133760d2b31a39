"""What a step reads of what it can reach.

Variables, globals, attributes, entries of containers, arrays.

A step reads an attribute if its own code, or that of a method it may come to, names it. So `model.temperature = 0.5`
between two calls makes another program, while a count of steps that only the training loop knows makes none.
"""

from __future__ import annotations

import builtins
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from contextvars import ContextVar
from enum import Enum
from functools import cached_property, partial, partialmethod
from inspect import getattr_static
from io import BytesIO, StringIO
from types import (
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    NoneType,
)

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.program.errors import TraceError
from minigrad.program.trace.code_names import (
    CodeNames,
    facts_of,
    functions_held,
    functions_in,
    is_layer,
    is_library,
    is_users,
    module_of,
)
from minigrad.program.trace.guards import ArrayGuard, ValueGuards, contents, has_memory
from minigrad.program.trace.identity_checks import MISSING

__all__ = ["find_reads"]

_LIVE_VIEWS = (MappingProxyType, KeysView, ValuesView, ItemsView)
_CONTAINERS = (list, dict, set, deque, partial, ContextVar, weakref.ref, *_LIVE_VIEWS)
_MEMBERS = (property, staticmethod, classmethod, partialmethod, cached_property)
_WORDS = frozenset(("__name__", "__qualname__", "__doc__"))
_PLAIN = (str, bytes, int, float, complex, tuple, frozenset, range, slice, NoneType)


def find_reads(
    roots: Sequence[object],
    step: object,
    names: CodeNames,
    sized: Sequence[Collection[object]],
    followed: Collection[int] = (),
) -> ValueGuards:
    """Guards on everything that code with these names reads below `roots`.

    Args:
        roots: the step and its arguments.
        step: the step's function, which is read wherever it comes from.
        names: what its code mentions.
        sized: containers in reach, read or not.
        followed: ids of the Tensors whose numbers are read anew at each run.
    """
    all_names = names.all()
    reader = _Reader(step, all_names, names, followed)
    reader.read(roots)
    while (more := names.all()) != all_names:  # code has come to light that names more
        all_names = more
        reader = _Reader(step, all_names, names, followed)
        reader.read(roots)
    return ValueGuards(
        tuple(reader.attributes),
        tuple(reader.entries),
        tuple(reader.containers),
        tuple(reader.arrays),
        tuple((c, len(c)) for c in sized),
        tuple(reader.empty),
        tuple(reader.absent),
    )


class _Reader:
    """Follows what is read, from place to place."""

    def __init__(self, step: object, names: frozenset[str], code: CodeNames, followed: Collection[int]) -> None:
        self.step = step
        self.names = names
        self.code = code
        self.lookups = frozenset(n for n in code.lookups if not n.startswith("__"))
        self.by_any_name = code.by_any_name
        self.followed = followed
        self.attributes: list[tuple[object, str, object]] = []
        self.entries: list[tuple[Mapping[str, object], str, object]] = []
        self.containers: list[tuple[object, tuple[object, ...]]] = []
        self.arrays: list[ArrayGuard] = []
        self.empty: list[CellType] = []
        self.absent: set[str] = set()
        self._fields: dict[type, tuple[frozenset[str], frozenset[str]]] = {}
        self._hooks = False

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
        if isinstance(item, Tensor):
            if id(item) not in self.followed:
                self.attributes.append((item, "_node", item._node))
            return ()
        if isinstance(item, np.random.Generator | np.generic):
            return ()
        parts = list(self._parts(item))
        if isinstance(item, weakref.ProxyType | weakref.CallableProxyType | Enum):
            return parts
        if is_users(type(item).__module__) or is_layer(item) or isinstance(item, threading.local):
            parts += self._of_object(item)
        return [*parts, *_wrapped(item)]

    def _parts(self, item: object) -> Iterable[object]:
        """What an object of one of Python's or NumPy's own kinds holds.

        Also an object of a class that is built on one of these.
        """
        if isinstance(item, np.ndarray):
            self.arrays.append(ArrayGuard.of(item))
            return item.flat if item.dtype.hasobject else ()
        if isinstance(item, ContextVar) and item.name.startswith("minigrad_"):
            return ()  # a mode, which the key of a program knows
        if isinstance(item, _CONTAINERS):
            parts = contents(item)
            self.containers.append((item, parts))
            return parts
        if isinstance(item, _PLAIN):
            return item if isinstance(item, tuple | frozenset) else ()
        if isinstance(item, MethodType):
            return item.__self__, item.__func__
        if isinstance(item, FunctionType):
            is_read = item is self.step or is_users(module_of(item))
            return list(self._of_function(item)) if is_read else functions_held(item)
        if isinstance(item, _MEMBERS):
            return [*functions_in(item), *(self._parts(f) if isinstance(f := _partial_of(item), partial) else ())]
        if isinstance(item, weakref.ProxyType | weakref.CallableProxyType):
            return (_referent(item),)
        if isinstance(item, np.vectorize):
            return (item.pyfunc,)
        if isinstance(item, np.poly1d) or type(item).__module__.startswith("numpy.polynomial."):
            return (vars(item),)
        if isinstance(item, Enum):
            return type(item), item.value
        if isinstance(item, Iterator) and type(item).__module__ in ("builtins", "itertools"):
            raise TraceError(
                f"the step reads an iterator ({type(item).__name__}), which a program would not advance: take the next "
                "value outside and pass it to the step"
            )
        if isinstance(item, type):
            return self._of_class(item)
        if isinstance(item, ModuleType):
            return self._of_module(item)
        if isinstance(item, threading.Event):
            self.attributes.append((item, "_flag", item.is_set()))
        if has_memory(item) or isinstance(item, StringIO | BytesIO):
            self.containers.append((item, contents(item)))
        return ()

    # -- code ----------------------------------------------------------------------------------------------------------
    def _of_function(self, function: FunctionType) -> Iterator[object]:
        is_foreign = function is not self.step and is_library(module_of(function))
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            self.attributes.append((function, name, getattr(function, name)))
        yield from function.__defaults__ or ()
        if function.__kwdefaults__:
            yield function.__kwdefaults__
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                self.empty.append(cell)
                continue
            self.attributes.append((cell, "cell_contents", value))
            yield value
        if function is os.getenv:
            self.containers.append((os.environ, contents(os.environ)))
        if is_foreign:
            return
        self.code.add_function(function)
        facts, namespace = facts_of(function.__code__), function.__globals__
        for name in facts.global_names:
            if name not in ("__builtins__", "__name__"):
                value = namespace.get(name, MISSING)
                self.entries.append((namespace, name, value))
                if value is MISSING:
                    value = vars(builtins).get(name, MISSING)
                    self.entries.append((vars(builtins), name, value))
                yield value
        for module, level in facts.imports:
            yield from self._imported(module, level, namespace)
        for name in self.names & {*vars(function), *_WORDS}:
            yield self._attribute(function, name)

    def _imported(self, name: str, level: int, namespace: Mapping[str, object]) -> Iterator[object]:
        if level:
            package = str(namespace.get("__package__") or "").rsplit(".", level - 1)[0]
            name = f"{package}.{name}" if name else package
        parts = name.split(".")
        for k in range(1, len(parts) + 1):
            module = sys.modules.get(".".join(parts[:k]))
            if module is None:
                self.absent.add(".".join(parts[:k]))
                return
            self.entries.append((sys.modules, ".".join(parts[:k]), module))
            yield module

    # -- modules and classes -------------------------------------------------------------------------------------------
    def _of_module(self, module: ModuleType) -> Iterable[object]:
        if module is sys:
            present = self.names & vars(sys).keys() - {"modules"}
            self.entries.extend((vars(sys), name, vars(sys)[name]) for name in present)
            return (sys.argv,) if "argv" in present else ()
        if module is os:
            if not self.names.isdisjoint(("environ", "environb", "getenv")):
                self.containers.append((os.environ, contents(os.environ)))
            return ()
        if not _is_users_module(module):
            return ()
        namespace = vars(module)
        present = (self.names | {"__getattr__"}) & namespace.keys()
        self.entries.extend((namespace, name, namespace[name]) for name in present)
        return [namespace[name] for name in present]

    def _of_class(self, cls: type) -> Iterable[object]:
        """Members of a class and its bases that the step names, or comes to without naming them."""
        if not _is_written_by_user(cls):
            return ()
        self.code.add_owner(cls)
        self.attributes += [(cls, name, getattr(cls, name)) for name in ("__mro__", *(self.names & _WORDS))]
        members: list[object] = []
        inherited: set[str] = set()
        for c in reversed(cls.__mro__):
            present = {n for n in vars(c) if self._is_read(n) or self.code.comes_to(c, n)}
            if _is_written_by_user(c):
                namespace = vars(c)
                looked_at = present | inherited | self.code.methods
                self.entries.extend((namespace, name, namespace.get(name, MISSING)) for name in looked_at)
                members += [namespace[name] for name in present]
            if _is_written_by_user(c) or c.__module__.startswith("minigrad.nn."):
                inherited |= present
        if _is_written_by_user(type(cls)):
            members.append(type(cls))
        return members

    def _is_read(self, name: str) -> bool:
        return name in self.names or (self.by_any_name and not name.startswith("_"))

    # -- objects -------------------------------------------------------------------------------------------------------
    def _of_object(self, item: object) -> Iterator[object]:
        cls = type(item)
        if cls not in self._fields:
            members = [(n, v) for c in cls.__mro__ for n, v in vars(c).items() if self._is_read(n)]
            data = frozenset(n for n, v in members if _is_field(v))
            self._fields[cls] = data, frozenset(n for n, _ in members) - data
        if _is_written_by_user(cls):
            yield cls
            self.attributes.append((item, "__class__", cls))
        data, methods = self._fields[cls]
        own: Mapping[str, object] = vars(item) if hasattr(item, "__dict__") else {}
        for name in data | {n for n in own if self._is_read(n)}:
            value = own.get(name, MISSING)
            value = getattr_static(item, name, MISSING) if value is MISSING else value
            if value is not MISSING and not self._looks_itself(item, name):
                yield self._attribute(item, name)
        if hasattr(item, "__dict__"):  # an attribute that would stand before a method
            self.entries.extend((own, name, MISSING) for name in methods if name not in own)
        if self.by_any_name and is_users(cls.__module__) and not hasattr(cls, "training"):
            self.containers.append((own, contents(own)))
        for name in self.lookups if not hasattr(cls, "__getattr__") else ():
            if not hasattr(item, name) and not self._looks_itself(item, name):
                self.attributes.append((item, name, MISSING))
        yield from self._hooks_of(item)

    def _hooks_of(self, item: object) -> Iterable[object]:
        """Forward hooks of a module of `minigrad.nn`, which lie elsewhere."""
        hooks = getattr(sys.modules.get("minigrad.nn.forward_hooks"), "FORWARD_HOOKS", None)
        if hooks is None or not hasattr(type(item), "register_forward_hook"):
            return ()
        if not self._hooks:
            self._hooks = True
            self.containers.append((hooks, contents(hooks)))
        return (hooks[id(item)],) if id(item) in hooks else ()

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
        isinstance(member, FunctionType | GetSetDescriptorType) or hasattr(type(member), "__get__")
    )


def _is_written_by_user(cls: type) -> bool:
    """Whether it is a class of the user's own, and not of the standard library."""
    return is_users(cls.__module__) and not is_library(cls.__module__)


def _is_users_module(module: ModuleType) -> bool:
    return is_users(module.__name__) and module.__name__.partition(".")[0] not in sys.stdlib_module_names


def _partial_of(member: object) -> object:
    """The partial function that a partial method stands for."""
    return partial(member.func, *member.args, **member.keywords) if isinstance(member, partialmethod) else None


def _referent(proxy: object) -> object:
    """What a weak proxy stands for, as long as it is there."""
    try:
        return getattr(proxy.__repr__, "__self__", None)
    except ReferenceError:
        return None


def _wrapped(item: object) -> tuple[object, ...]:
    """The function inside a decorated one, or inside a program."""
    inner: Callable[..., object] | None = getattr_static(item, "__wrapped__", None)
    return () if inner is None else (inner,)
