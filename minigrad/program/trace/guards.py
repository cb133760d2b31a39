"""Plain Python values that a step reads (numbers, flags, names): a program holds for those it was traced with.

A step reads an attribute if its own code, or that of a method it may come to, names it. So `model.temperature = 0.5`
between two calls makes another program, while a count of steps that only the training loop knows makes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from inspect import getattr_static
from types import CodeType, FunctionType, MemberDescriptorType, NoneType

import attrs

from minigrad.program.errors import StepChanged

__all__ = ["Settings", "is_users", "settings_of"]

_PLAIN = (bool, int, float, str, NoneType)
_CALLED = ("forward", "__call__")


@attrs.frozen(eq=False)
class Settings:
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


def _changed(what: str, how: str) -> StepChanged:
    return StepChanged(
        f"the step changes {what} ({how}), which a program would not repeat: count outside the step, and pass what "
        "changes as an argument"
    )


def settings_of(functions: Sequence[FunctionType], objects: Sequence[object], sized: Sequence[Sized]) -> Settings:
    """What `functions`, and the methods they may come to, read of `objects`, of globals and of their closures."""
    names = _names(functions, {cls for o in objects for cls in type(o).__mro__ if is_users(cls.__module__)})
    attributes = [(o, name, value) for o in objects for name, value in _plain_of(o, names)]
    entries: list[tuple[Mapping[str, object], str, object]] = []
    for f in functions:
        for cell in f.__closure__ or ():
            value = getattr(cell, "cell_contents", object)
            if type(value) in _PLAIN:
                attributes.append((cell, "cell_contents", value))
        found = f.__globals__
        read = {n for code in _all_codes([f.__code__]) for n in code.co_names if n in found}
        entries += [(found, n, found[n]) for n in read if type(found[n]) in _PLAIN and not n.startswith("__")]
    return Settings(tuple(attributes), tuple(entries), tuple((s, len(s)) for s in sized))


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
