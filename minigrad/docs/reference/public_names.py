"""Every public name of minigrad and of its public rooms: signature, text, errors, source."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from types import ModuleType

import minigrad
from minigrad import api, lazy
from minigrad.core import Op
from minigrad.docs.markdown import anchor, docstring, escape, fence, readable, signature, table
from minigrad.docs.reference.page import Page
from minigrad.nn import Module

__all__ = ["ROOMS", "name_pages", "public_names"]

ROOMS = ("checkpoint", "data", "fft", "linalg", "nn", "optim", "program", "train", "transforms", "verify", "charts",
    "diagnosis", "parallel", "report", "tune", "typing")  # fmt: skip
"""Packages whose public names have a page besides those of `minigrad` itself."""


def public_names() -> dict[str, list[str]]:
    """Module -> its public names, that of minigrad itself first."""
    rooms = {f"minigrad.{room}": sorted(_names_of(import_module(f"minigrad.{room}"))) for room in ROOMS}
    return {"minigrad": sorted(lazy.parse("minigrad", api.PUBLIC)), **rooms}


def _names_of(module: ModuleType) -> list[str]:
    names: list[str] = list(getattr(module, "__all__", ()))
    return names


def name_pages() -> Iterator[Page]:
    """A page for each module behind `mg.`, one for each public room, and the list of them."""
    pages: list[tuple[str, str, int]] = []
    homes: dict[str, list[str]] = defaultdict(list)
    for home, entries in api.PUBLIC.items():
        homes[home] += [entry.partition("=")[0] for entry in entries.split()]
    for home, names in homes.items():
        if home:
            path = f"reference/mg/{home.replace('.', '-')}"
            title = f"mg: {home.rpartition('.')[2].replace('_', ' ')}"
            pages.append((path, title, len(names)))
            yield Page(path, _page(title, minigrad, f"minigrad.{home}", names, "mg"))
    for room in ROOMS:
        module = import_module(f"minigrad.{room}")
        path = f"reference/rooms/{room}"
        pages.append((path, f"minigrad.{room}", len(_names_of(module))))
        yield Page(path, _page(f"minigrad.{room}", module, f"minigrad.{room}", _names_of(module), room))
    functions = sorted((name for home, names in homes.items() if home for name in names), key=str.lower)
    yield Page("reference/names", _index(pages, homes[""], functions))


def _index(pages: list[tuple[str, str, int]], modules: list[str], functions: list[str]) -> str:
    def listed(prefix: str) -> str:
        entries = [p for p in pages if p[0].startswith(prefix)]
        body = "\n".join(path.removeprefix("reference/") for path, _, _ in entries)
        return "```{toctree}\n:maxdepth: 1\n\n" + body + "\n```\n"

    count = sum(number for path, _, number in pages if "/mg/" in path)
    rooms = ", ".join(f"`mg.{name}`" for name in sorted(modules))
    return (
        f"# Public names\n\n`import minigrad as mg` gives {count} names and the modules {rooms}. Each is loaded on its "
        "first use. Functions take arrays and Tensors alike: arrays in give arrays out, one Tensor among the arguments "
        "gives Tensors.\n\n## Behind `mg.`, A to Z\n\n" + _letters(functions)
        + "\n## Behind `mg.`, by subject\n\n" + listed("reference/mg/")
        + "\n## Modules\n\n" + listed("reference/rooms/")
    )  # fmt: skip


def _letters(names: list[str]) -> str:
    """Links to names, a paragraph for each first letter."""
    letters = groupby(names, key=lambda name: name[0].lower())
    return "\n\n".join(
        ", ".join(f"[{escape(name)}]({anchor('name', f'mg.{name}')})" for name in group) for _, group in letters
    ) + "\n"  # fmt: skip


def _page(title: str, module: ModuleType, home: str, names: list[str], prefix: str) -> str:
    lead = docstring(inspect.getdoc(import_module(home)))
    sections = [_section(prefix, name, getattr(module, name)) for name in sorted(names)]
    return f"# {title}\n\n{lead}\n" + "\n".join(sections)


def _section(prefix: str, name: str, target: object) -> str:
    full = f"{prefix}.{name}"
    head = f"({anchor('name', full)})=\n## {escape(full)}\n\n"
    if isinstance(target, Op):
        text = f"An op: [its page]({anchor('op', target.name)}) has formula, rule, domain and picture.\n\n"
        return head + fence(signature(full, target.forward), "py") + "\n" + docstring(target.__doc__) + "\n" + text
    if isinstance(target, ModuleType):
        return f"{head}A module: [its page](/reference/rooms/{name}).\n" if name in ROOMS else (
            f"{head}{docstring(inspect.getdoc(target))}")  # fmt: skip
    if not callable(target):
        kind = escape(f"{type(target).__module__}.{type(target).__qualname__}")
        return f"{head}{fence(f'{full} = {_value(target)}')}\nA value of the type {kind}.\n"
    text = fence(signature(full, target), "py") + "\n" + docstring(target.__doc__)
    if inspect.isclass(target):
        text += "\n" + _methods(target)
    return f"{head}{text}\n{_place(target)}\n"


def _value(target: object) -> str:
    shown = readable(repr(target))
    return shown if len(shown) <= 300 else f"{shown[:300]} ..."


def _methods(target: type) -> str:
    """Methods and properties of a class that the house defines, with their first lines.

    Those of `nn.Module` stand with it alone.
    """
    rows = []
    shared = set() if target is Module else set(Module.__mro__)
    for base in reversed([c for c in target.__mro__ if c.__module__.startswith("minigrad") and c not in shared]):
        for name, member in vars(base).items():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if name.startswith("_") or not callable(function) or not function.__doc__:
                continue
            called = name if isinstance(member, property) else signature(name, function).replace("\n", " ")
            rows.append((f"`{called}`".replace("|", "\\|"), escape(inspect.cleandoc(function.__doc__).split("\n")[0])))
    unique = {row[0]: row for row in rows}
    own = table(("member", "what it is"), list(unique.values())) if rows else ""
    inherits = issubclass(target, Module) and target is not Module
    return own + (f"\nAnd those of every [module]({anchor('name', 'nn.Module')}).\n" if inherits else "")


def _place(target: object) -> str:
    """File and line below the package that define a name, not its wrapper."""
    target = inspect.unwrap(target) if callable(target) else target
    try:
        file, line = inspect.getsourcefile(target), inspect.getsourcelines(target)[1]  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
    inside = (file or "").replace("\\", "/").rpartition("/minigrad/")[2]
    return f"Source: `minigrad/{inside}`, line {line}.\n"
