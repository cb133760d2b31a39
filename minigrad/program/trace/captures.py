"""What a step can reach: Tensors, modes and generators, from its arguments, closure and globals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType

import attrs
import numpy as np

from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor
from minigrad.program.trace.guards import ValueGuards, is_users, value_guards

__all__ = ["Captures", "find_captures"]

_LIMIT = 100_000


@attrs.frozen(eq=False)
class Captures:
    """What was found.

    Attributes:
        parameters: leaves that require a gradient.
        state: other Tensors.
        generators: sources of random numbers.
        modes: objects with a `training` switch, and how it stood.
        values: plain values that the step reads.
    """

    parameters: tuple[Tensor, ...]
    state: tuple[Tensor, ...]
    generators: tuple[np.random.Generator, ...]
    modes: tuple[tuple[object, bool], ...]
    values: ValueGuards

    def hold(self) -> bool:
        """Whether modes and settings are as they were found."""
        for item, mode in self.modes:
            if item.training is not mode:  # type: ignore[attr-defined]
                return False
        return self.values.hold()


def find_captures(step: Callable[..., object], args: Sequence[object]) -> Captures:
    """Everything below the step's arguments, closure, defaults and the globals its code names.

    Without recursion.
    """
    parameters: list[Tensor] = []
    state: list[Tensor] = []
    generators: list[np.random.Generator] = []
    modes: list[tuple[object, bool]] = []
    functions: list[FunctionType] = []
    objects: list[object] = []
    sized: list[Sized] = []
    stack: list[object] = [step, *args]
    seen: set[int] = set()
    kept: list[object] = []  # temporaries must live as long as their ids are in use
    root = step.__func__ if isinstance(step, MethodType) else step  # read wherever it comes from
    while stack and len(seen) < _LIMIT:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        kept.append(item)
        if isinstance(item, Tensor):
            (parameters if isinstance(item._node, Leaf) else state).append(item)
            continue
        if isinstance(item, type | ModuleType):
            continue
        if isinstance(item, np.random.Generator):
            generators.append(item)
        training = getattr(type(item), "training", None)
        if isinstance(training, property):
            modes.append((item, bool(item.training)))  # type: ignore[attr-defined]
        if isinstance(item, FunctionType):
            if item is root or is_users(item.__module__):
                functions.append(item)
                stack.extend(_of_function(item))
        elif isinstance(item, list | dict | set):
            sized.append(item)
        elif is_users(type(item).__module__):
            objects.append(item)
        stack.extend(_below(item))
    values = value_guards(functions, objects, sized)
    return Captures(tuple(parameters), tuple(state), tuple(generators), tuple(modes), values)


def _below(item: object) -> Iterator[object]:
    if isinstance(item, list | tuple | set | frozenset):
        yield from item
    elif isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, MethodType):
        yield item.__self__
        yield item.__func__
    elif isinstance(item, partial):
        yield from (item.func, *item.args, *item.keywords.values())
    elif _has_fields(item):
        yield from vars(item).values() if hasattr(item, "__dict__") else ()
        for cls in type(item).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if hasattr(item, slot):
                    yield getattr(item, slot)


def _has_fields(item: object) -> bool:
    """Whether to look into an object: one of a class that is not the interpreter's own or NumPy's."""
    return type(item).__module__.partition(".")[0] not in ("numpy", "builtins", "re", "threading", "_thread")


def _of_function(function: FunctionType) -> Iterator[object]:
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    codes: list[CodeType] = [function.__code__]
    while codes:
        code = codes.pop()
        codes.extend(c for c in code.co_consts if isinstance(c, CodeType))
        for name in code.co_names:
            if name in function.__globals__:
                yield function.__globals__[name]
