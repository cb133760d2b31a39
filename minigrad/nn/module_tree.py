"""Modules as trees: what their fields hold, the walk over it, and copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Self, TypeAlias, TypeVar

import numpy as np

from minigrad.core.tensor import Tensor, tensor
from minigrad.runtime.parameters import is_parameter, set_requires_grad

__all__ = [
    "Member",
    "ModuleBase",
    "children_of",
    "copy_tree",
    "fields_of",
    "rebuild",
    "set_training",
    "walk",
    "walk_children",
]

M = TypeVar("M", bound="ModuleBase")
Member: TypeAlias = "ModuleBase | Tensor"

_BOOKKEEPING = ("__weakref__", "__dict__", "_evaluating")


class ModuleBase:
    """What a tree of modules is made of; `Module` says what it can do."""

    __slots__ = ("__weakref__", "_evaluating")

    def __new__(cls, *_: object, **__: object) -> Self:
        module = object.__new__(cls)
        object.__setattr__(module, "_evaluating", False)  # an unset slot would be searched for at every look
        return module

    def _named_members(self) -> Iterator[tuple[str, object]]:
        """Name and value of what the module holds.

        A container of modules names them as PyTorch does.
        """
        return fields_of(self)

    def __reduce__(self) -> tuple[object, ...]:
        return rebuild, (type(self), dict(fields_of(self)), self.training)

    def __copy__(self) -> Self:
        return rebuild(type(self), dict(fields_of(self)), self.training)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        fields = {name: deepcopy(value, memo) for name, value in fields_of(self)}
        return rebuild(type(self), fields, self.training)

    @property
    def training(self) -> bool:
        """Whether layers that act differently in training, such as dropout, do so now.

        True for a new module.
        """
        return not getattr(self, "_evaluating", False)


def set_training(module: ModuleBase, training: bool) -> None:
    """Switch one module, without its parts, to training or evaluation; frozen classes too."""
    object.__setattr__(module, "_evaluating", not training)


def fields_of(module: ModuleBase) -> Iterator[tuple[str, object]]:
    """Name and value of every field of a module, in the order of their definition."""
    for cls in reversed(type(module).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            mangled = slot.startswith("__") and not slot.endswith("__")
            name = f"_{cls.__name__.lstrip('_')}{slot}" if mangled else slot
            if name not in _BOOKKEEPING and hasattr(module, name):
                yield name, getattr(module, name)
    yield from getattr(module, "__dict__", {}).items()


def rebuild(cls: type[M], fields: dict[str, object], training: bool) -> M:
    """Make a module of that class with these fields: how one is copied and unpickled."""
    module = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(module, name, value)
    set_training(module, training)
    return module


def children_of(item: object) -> Iterator[tuple[str, object]]:
    """List what a module, list, tuple or dict holds, by field, position or key."""
    if isinstance(item, ModuleBase):
        yield from item._named_members()
    elif isinstance(item, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(item))
    elif isinstance(item, dict):
        yield from ((str(key), part) for key, part in item.items())


def walk(root: ModuleBase) -> Iterator[tuple[str, Member]]:
    """Visit every Module and Tensor below and including `root`, each once, depth first.

    Yields:
        Path of fields, and the Module or Tensor.
    """
    visited: set[int] = set()
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        name, item = stack.pop()
        if not isinstance(item, ModuleBase | Tensor | list | tuple | dict) or id(item) in visited:
            continue
        visited.add(id(item))
        if isinstance(item, ModuleBase | Tensor):
            yield name, item
        below = [(f"{name}.{key}" if name else key, part) for key, part in children_of(item)]
        stack.extend(reversed(below))


def walk_children(root: ModuleBase) -> Iterator[tuple[str, ModuleBase]]:
    """Visit the modules that `root` holds, but not those inside other modules.

    Yields:
        Path of fields, and the module; each once.
    """
    visited: set[int] = {id(root)}
    stack = list(reversed(list(children_of(root))))
    while stack:
        name, item = stack.pop()
        if not isinstance(item, ModuleBase | list | tuple | dict) or id(item) in visited:
            continue
        visited.add(id(item))
        if isinstance(item, ModuleBase):
            yield name, item
        else:
            stack.extend(reversed([(f"{name}.{key}", part) for key, part in children_of(item)]))


def copy_tree(module: M, dtype: np.dtype[np.generic] | None, copies: dict[int, Member]) -> M:
    """A copy of a module and all it holds.

    Args:
        module: what is copied; settings that are no containers are shared.
        dtype: of the copy's floating Tensors; None keeps theirs.
        copies: id of an original -> its copy, for what is shared or has been copied already; grows.
    """
    existing = copies.get(id(module))
    if isinstance(existing, type(module)):
        return existing
    new = object.__new__(type(module))
    copies[id(module)] = new
    for name, value in fields_of(module):
        object.__setattr__(new, name, _copy_value(value, dtype, copies))
    set_training(new, module.training)
    return new


def _copy_value(value: object, dtype: np.dtype[np.generic] | None, copies: dict[int, Member]) -> object:
    if isinstance(value, ModuleBase):
        return copy_tree(value, dtype, copies)
    if isinstance(value, Tensor):
        if id(value) not in copies:
            target = value.dtype if dtype is None or value.dtype.kind != "f" else dtype
            parameter = is_parameter(value)
            copy = copies[id(value)] = tensor(value, requires_grad=parameter, dtype=target)
            if parameter and not value.requires_grad:
                set_requires_grad(copy, False)
        return copies[id(value)]
    if isinstance(value, list | tuple):
        parts = [_copy_value(v, dtype, copies) for v in value]
        return parts if type(value) is list else tuple(parts)
    if isinstance(value, dict):
        return {key: _copy_value(v, dtype, copies) for key, v in value.items()}
    if isinstance(value, np.random.Generator):
        generator = np.random.Generator(type(value.bit_generator)())
        generator.bit_generator.state = value.bit_generator.state
        return generator
    return value
