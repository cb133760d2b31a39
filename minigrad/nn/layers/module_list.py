"""Modules that hold others and leave it to the model how they are called."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import overload

import attrs

from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.module_tree import children_of

__all__ = ["Identity", "ModuleDict", "ModuleList"]


def _check(owner: str, where: object, module: object) -> None:
    if not isinstance(module, Module):
        raise ModuleError(f"{owner}: the entry {where!r} is a {type(module).__name__}, not a Module")


@attrs.define(eq=False)
class Identity(Module):
    """The input itself: a place for a layer that is not there."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same Tensor comes out."""
        return x


@attrs.define(eq=False, repr=False, init=False)
class ModuleList(Module):
    """A list of modules. A plain list in a field does as well; this one has PyTorch's name.

    Its parameters are named by position: `0.weight`.

    Attributes:
        modules_held: the modules, in order.
    """

    modules_held: list[Module]

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.modules_held = []
        self.extend(modules)

    def _named_members(self) -> Iterator[tuple[str, object]]:
        return children_of(self.modules_held)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end.

        Raises:
            ModuleError: it is no Module.
        """
        _check("ModuleList", len(self.modules_held), module)
        self.modules_held.append(module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end, in order."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before that position."""
        _check("ModuleList", index, module)
        self.modules_held.insert(index, module)

    def pop(self, index: int = -1) -> Module:
        """Take a module out."""
        return self.modules_held.pop(index)

    def forward(self, *inputs: Tensor) -> Tensor:
        """A list cannot be called: loop over it, or use Sequential.

        Raises:
            ModuleError: always.
        """
        raise ModuleError("a ModuleList cannot be called: loop over its modules in forward, or use Sequential")

    def __len__(self) -> int:
        return len(self.modules_held)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules_held)

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...

    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        return ModuleList(self.modules_held[index]) if isinstance(index, slice) else self.modules_held[index]

    def __setitem__(self, index: int, module: Module) -> None:
        _check("ModuleList", index, module)
        self.modules_held[index] = module

    def __repr__(self) -> str:
        return f"ModuleList([{', '.join(map(repr, self.modules_held))}])"


@attrs.define(eq=False, repr=False, init=False)
class ModuleDict(Module):
    """Modules by name. A plain dict in a field does as well; this one has PyTorch's name.

    Its parameters are named by key: `encoder.weight`.

    Attributes:
        modules_held: the modules, by name.
    """

    modules_held: dict[str, Module]

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.modules_held = {}
        for name, module in (modules or {}).items():
            self[name] = module

    def _named_members(self) -> Iterator[tuple[str, object]]:
        return children_of(self.modules_held)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self.modules_held.keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self.modules_held.values()

    def items(self) -> ItemsView[str, Module]:
        """Names and modules."""
        return self.modules_held.items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add modules, or put them in place of those with their names."""
        for name, module in modules.items():
            self[name] = module

    def pop(self, name: str) -> Module:
        """Take a module out."""
        return self.modules_held.pop(name)

    def __delitem__(self, name: str) -> None:
        del self.modules_held[name]

    def forward(self, *inputs: Tensor) -> Tensor:
        """A dict cannot be called: pick a module by its name.

        Raises:
            ModuleError: always.
        """
        raise ModuleError("a ModuleDict cannot be called: pick one of its modules by name in forward")

    def __len__(self) -> int:
        return len(self.modules_held)

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules_held)

    def __contains__(self, name: object) -> bool:
        return name in self.modules_held

    def __getitem__(self, name: str) -> Module:
        return self.modules_held[name]

    def __setitem__(self, name: str, module: Module) -> None:
        _check("ModuleDict", name, module)
        self.modules_held[name] = module

    def __repr__(self) -> str:
        return f"ModuleDict({self.modules_held!r})"
