"""Public names of a package that load their module on first use, and old names that warn.

Needs no NumPy.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

TYPE_CHECKING = False  # as `typing.TYPE_CHECKING`, whose module would take longer to import than this package
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    C = TypeVar("C", bound=type)

__all__ = ["load", "names", "parse", "renamed", "renamed_fields", "warn_renamed"]


def parse(package: str, homes: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Map public names to (module, attribute).

    From {"module of `package`": "name name public=attribute"}.

    The names beside "" are submodules of the package; their attribute is "".
    """
    table: dict[str, tuple[str, str]] = {}
    for home, entries in homes.items():
        for entry in entries.split():
            name, _, attribute = entry.partition("=")
            table[name] = (f"{package}.{home}", attribute or name) if home else (f"{package}.{name}", "")
    return table


def load(module: str, attribute: str) -> Any:
    """Import a module and get its attribute; the module itself where that is empty."""
    imported = import_module(module)
    return getattr(imported, attribute) if attribute else imported


def refuse_other_word(owner: str, name: str, other_words: Mapping[str, str] | None) -> None:
    """Say what stands in the place of a name that people know from elsewhere, if it is one.

    Raises:
        AttributeError: it is one; names what to use.
    """
    if other_words is not None and name in other_words:
        raise AttributeError(f"{owner} has no {name!r}: {other_words[name]}")


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn the caller's caller that `old` is going to vanish, and that `new` is its name now."""
    warnings.warn(f"{old} is now {new}; the old name goes with the next minor version", DeprecationWarning, stacklevel)


def names(
    package: str,
    homes: Mapping[str, str],
    *,
    renamed: Mapping[str, str] | None = None,
    requires: str = "",
    other_words: Mapping[str, str] | None = None,
    wrapper: str = "",
    otherwise: Callable[[str], object] | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: its `__name__`.
        homes: which module holds which public names; see `parse`.
        renamed: old name -> new name, or "package.module:name" where it left the package. Using one warns.
        requires: a module to import before the first name that is not a submodule.
        other_words: name that people know from elsewhere -> what stands in its place.
        wrapper: "module:function" that makes of (package, public name, function) of a module below `requires` what is
            public; loaded when the first of them is.
        otherwise: answers for names that are neither public nor submodules, or raises AttributeError itself.

    Returns:
        The three values, in this order. An unknown name raises AttributeError with the nearest public one.
    """
    table, old_names = parse(package, homes), renamed or {}

    def __getattr__(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name in old_names:
            module, _, attribute = old_names[name].rpartition(":")
            warn_renamed(f"{package}.{name}", f"{module or package}.{attribute}".rstrip("."))
            return load(module or package, attribute)
        if name in table:
            module, attribute = table[name]
            if requires and attribute:
                import_module(requires)
            value: object = load(module, attribute)
            if wrapper and module.startswith(f"{requires}."):
                value = load(*wrapper.split(":"))(package, name, value)
            vars(sys.modules[package])[name] = value
            return value
        from importlib.util import find_spec

        if find_spec(f"{package}.{name}") is not None:  # `from package import module` asks here first
            return import_module(f"{package}.{name}")
        refuse_other_word(f"module {package!r}", name, other_words)
        if otherwise is not None:
            return otherwise(name)
        from minigrad.text import nearest

        raise AttributeError(f"module {package!r} has no {name!r}.{nearest(name, table)}")

    def __dir__() -> list[str]:
        return sorted({*table, *(name for name in vars(sys.modules[package]) if name.startswith("__"))})

    return __getattr__, __dir__, sorted(table)


def renamed(
    module: str, table: Mapping[str, str], other_words: Mapping[str, str] | None = None
) -> Callable[[str], object]:
    """Make the `__getattr__` of a module that holds its public names itself.

    It answers for the old names among them.

    Args:
        module: its `__name__`.
        table: old name -> new name, or "package.module:name" where it left the module.
        other_words: name that people know from elsewhere -> what stands in its place.

    Returns:
        A function of a name. An old one warns and gives the new one; another one raises AttributeError.
    """

    def __getattr__(name: str) -> object:
        refuse_other_word(f"module {module!r}", name, other_words)
        if name not in table:
            from minigrad.text import nearest

            known = vars(sys.modules[module]).get("__all__", ())
            raise AttributeError(f"module {module!r} has no attribute {name!r}.{nearest(name, known)}")
        home, _, attribute = table[name].rpartition(":")
        warn_renamed(f"{module}.{name}", f"{home or module}.{attribute}")
        return load(home or module, attribute)

    return __getattr__


class _RenamedField:
    """An attribute under its old name: reading it warns."""

    def __init__(self, owner: str, old: str, new: str) -> None:
        self._owner, self._old, self._new = owner, old, new

    def __get__(self, instance: object, cls: type | None = None) -> object:
        if instance is None:
            return self
        warn_renamed(f"{self._owner}.{self._old}", f"{self._owner}.{self._new}")
        return getattr(instance, self._new)


def renamed_fields(**new_names: str) -> Callable[[C], C]:
    """Let old keyword arguments and attributes of a class work, and warn.

    The class must have an `__init__` of its own.

    >>> @renamed_fields(inputs="in_features")
    ... @attrs.frozen
    ... class Linear:
    ...     in_features: int
    """

    from functools import wraps

    def decorate(cls: C) -> C:
        construct = vars(cls)["__init__"]

        @wraps(construct)
        def __init__(self: object, *args: object, **kwargs: object) -> None:
            for old in new_names.keys() & kwargs.keys():
                new = new_names[old]
                if new in kwargs:
                    raise TypeError(f"{cls.__name__}: {old} is the old name of {new}; give {new} only")
                warn_renamed(f"{cls.__name__}({old}=...)", f"{cls.__name__}({new}=...)")
                kwargs[new] = kwargs.pop(old)
            construct(self, *args, **kwargs)

        old_fields = {old: _RenamedField(cls.__name__, old, new) for old, new in new_names.items()}
        for name, member in {"__init__": __init__, **old_fields}.items():
            setattr(cls, name, member)
        return cls

    return decorate
