"""What a step can reach, and what of it the step reads.

It reaches things from its arguments, closure and globals.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from operator import attrgetter, methodcaller
from types import FunctionType, MappingProxyType, MethodType, ModuleType

import attrs
import numpy as np

from minigrad.core.graph import Leaf, Node
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.program.trace.clock_calls import is_clock, mentions_clock
from minigrad.program.trace.code_names import (
    CodeNames,
    facts_of,
    functions_held,
    is_layer,
    is_library,
    is_users,
    module_of,
)
from minigrad.program.trace.guards import Source, ValueGuards
from minigrad.program.trace.identity_checks import identity_check
from minigrad.program.trace.reads import find_reads
from minigrad.program.trace.signature import is_optimized

__all__ = ["Captures", "find_captures"]

_LIMIT = 100_000
_CONTAINERS = (list, dict, set, deque)


@attrs.frozen(eq=False)
class Captures:
    """What was found.

    Attributes:
        parameters: leaves that require a gradient.
        state: other Tensors.
        sources: of random numbers, and open files.
        modes: objects with a `training` switch, and how it stood.
        values: what the step reads.
        mentions_clock: whether it may ask for the time.
        forms: shape and dtype of the Tensors in `state`, and the node of those that require a gradient.
    """

    parameters: tuple[Tensor, ...]
    state: tuple[Tensor, ...]
    sources: tuple[Source, ...]
    modes: tuple[tuple[object, bool], ...]
    values: ValueGuards
    mentions_clock: bool
    forms: tuple[tuple[Shape, np.dtype[np.generic], Node | None], ...]
    _modes_hold: Callable[[], bool] = attrs.field(init=False)

    @_modes_hold.default
    def _mode_check(self) -> Callable[[], bool]:
        return identity_check([(item, *_switch(item, mode)) for item, mode in self.modes])

    def hold(self) -> bool:
        """Whether modes, values and the forms of Tensors are as they were found."""
        return self._modes_hold() and (not self.state or self._forms_hold()) and self.values.hold()

    def _forms_hold(self) -> bool:
        for t, (shape, dtype, node) in zip(self.state, self.forms, strict=True):
            now = t._node
            if now.value.shape != shape or now.value.dtype != dtype:
                return False
            if now.requires_grad and now is not node:
                return False
        return True


def find_captures(step: Callable[..., object], args: Sequence[object]) -> Captures:
    """Everything below the step's arguments, closure, defaults and the globals its code names.

    Without recursion.
    """
    parameters: list[Tensor] = []
    state: list[Tensor] = []
    sources: list[Source] = []
    modes: list[tuple[object, bool]] = []
    sized: list[Collection[object]] = []
    names = CodeNames()
    roots = [step, *_objects(args)]
    stack: list[object] = list(roots)
    seen: set[int] = set()
    clock = False
    kept: list[object] = []  # temporaries must live as long as their ids are in use
    root = step.__func__ if isinstance(step, MethodType) else step  # read wherever it comes from
    while stack and len(seen) < _LIMIT:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        kept.append(item)
        clock = clock or is_clock(item)
        if isinstance(item, Tensor):
            (parameters if isinstance(item._node, Leaf) else state).append(item)
            continue
        if isinstance(item, attrgetter | methodcaller):
            names.add_getter(item)
        if isinstance(item, type):
            names.add_owner(item)
            continue
        if isinstance(item, ModuleType):
            continue
        if isinstance(item, Source):
            sources.append(item)
        training = getattr(type(item), "training", None)
        if isinstance(training, property):
            modes.append((item, bool(item.training)))  # type: ignore[attr-defined]
        if isinstance(item, FunctionType):
            if item is root or is_users(module_of(item)):
                if item is root or not is_library(module_of(item)):
                    names.add_function(item)
                below = list(_of_function(item))
                for cls in filter(lambda part: isinstance(part, type), below):
                    names.add_class(cls)  # type: ignore[arg-type]
                stack.extend(below)
            else:
                stack.extend(functions_held(item))
        elif isinstance(item, _CONTAINERS):
            sized.append(item)
        elif is_users(type(item).__module__) or is_layer(item):
            names.add_owner(type(item))
        stack.extend(_below(item))
    followed = {id(t) for t in (*parameters, *state)}
    values = find_reads(roots, root, names, sized, followed)
    forms = tuple(_form(t._node) for t in state)
    clock = clock or mentions_clock(names.all())
    return Captures(tuple(parameters), tuple(state), tuple(sources), tuple(modes), values, clock, forms)


def _switch(item: object, mode: bool) -> tuple[str, bool]:
    """The attribute that tells the mode, and what it should be.

    Of our own modules one that is read without a call.
    """
    training = type(item).training  # type: ignore[attr-defined]
    if getattr(training.fget, "__module__", "") == "minigrad.nn.module_tree" and hasattr(item, "_evaluating"):
        return "_evaluating", not mode
    return "training", mode


def _form(node: Node) -> tuple[Shape, np.dtype[np.generic], Node | None]:
    return node.value.shape, node.value.dtype, node if node.requires_grad else None


def _objects(args: Sequence[object]) -> Iterator[object]:
    """Arguments, also those in containers, that are no arrays: these are inputs."""
    stack = list(reversed(args))
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            stack.extend(reversed(item.values()))
        elif type(item) is not np.ndarray and not (isinstance(item, Tensor) and not is_optimized(item)):
            yield item


def _below(item: object) -> Iterator[object]:
    if isinstance(item, list | tuple | set | frozenset | deque):
        yield from item
    elif isinstance(item, dict | MappingProxyType):
        yield from item.values()
    elif isinstance(item, MethodType):
        yield item.__self__
        yield item.__func__
    elif isinstance(item, partial):
        yield from (item.func, *item.args, *item.keywords.values())
    elif isinstance(item, weakref.ref):
        yield item()
    elif isinstance(item, np.ndarray) and item.dtype.hasobject:
        yield from item.flat
    if _has_fields(item):
        yield from vars(item).values() if hasattr(item, "__dict__") else ()
        for cls in type(item).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if hasattr(item, slot):
                    yield getattr(item, slot)
    elif hasattr(item, "__wrapped__"):
        yield item.__wrapped__


def _has_fields(item: object) -> bool:
    """Tell whether to look into an object.

    One of a class that is not the interpreter's own or NumPy's.
    """
    module = type(item).__module__.partition(".")[0]
    return module not in ("numpy", "builtins", "re", "threading", "_thread") or isinstance(item, threading.local)


def _of_function(function: FunctionType) -> Iterator[object]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in () if is_library(module_of(function)) else facts_of(function.__code__).global_names:
        if name in function.__globals__:
            yield function.__globals__[name]
