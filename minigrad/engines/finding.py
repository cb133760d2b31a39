"""Finding engines: the built-in one, and the entry points of other distributions."""

from __future__ import annotations

import os
from typing import Protocol, runtime_checkable

import minigrad.plugins as plugins
from minigrad.containment import ImportFailure, imported
from minigrad.core.errors import nearest
from minigrad.engines.group import Group
from minigrad.engines.protocol import API, Bound, Engine, EngineError, UnknownEngine
from minigrad.engines.tiles import NumpyEngine
from minigrad.plugins import Entry

__all__ = ["BUILT_IN", "GROUP", "Binder", "TakesEngine", "available", "made"]

GROUP = "minigrad.engines"
VARIABLE = "MINIGRAD_ENGINE"
BUILT_IN = "numpy"


def available() -> dict[str, Entry | None]:
    """Name -> entry (None for the built-in one) of every engine that may be used, without importing any plugin."""
    return {BUILT_IN: None, **plugins.available(GROUP)}


def made(name: str = "") -> Binder:
    """A new engine called `name` or `distribution:name`; by default the one that MINIGRAD_ENGINE names, or NumPy.

    Raises UnknownEngine if there is none, or if several distributions offer it; EngineError, naming distribution,
    version and entry point, if it cannot be imported or is no engine.
    """
    wanted = name or os.environ.get(VARIABLE, "") or BUILT_IN
    if wanted == BUILT_IN:
        return Binder(BUILT_IN, None)
    entry = _entry(wanted, "" if name else f" (from {VARIABLE})")
    return Binder(str(entry), _engine(entry))


def _entry(name: str, source: str) -> Entry:
    matches = plugins.matching(GROUP, name)
    usable = [e for e in matches if plugins.allowed(e)]
    if len(usable) == 1:
        return usable[0]
    if usable:
        choices = " or ".join(repr(e.qualified) for e in usable)
        raise UnknownEngine(f"several distributions offer an engine {name!r}{source}: say which, {choices}")
    if matches:
        kept_out = os.environ.get(plugins.ALLOW, "")
        raise UnknownEngine(f"engine {matches[0]} is installed, but {plugins.ALLOW}={kept_out!r} keeps it out")
    known = available()
    raise UnknownEngine(
        f"there is no engine {name!r}{source}.{nearest(name, known)} Available: {', '.join(sorted(known))}"
    )


def _engine(entry: Entry) -> Engine:
    try:
        factory = imported(entry)
    except ImportFailure as failure:
        raise EngineError(f"engine {entry}: {failure}") from failure
    if not callable(factory):
        raise EngineError(f"engine {entry}: the entry point must be a class or a function, not {factory!r}")
    try:
        engine = factory()
    except Exception as error:
        raise EngineError(f"engine {entry} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(engine, Engine):
        raise EngineError(f"engine {entry}: {type(engine).__name__} lacks `api` or the method `bind(group)`")
    if engine.api[0] != API[0] or engine.api[1] > API[1]:
        theirs, ours = ".".join(map(str, engine.api)), ".".join(map(str, API))
        newer = "minigrad" if tuple(engine.api) > API else "the plugin"
        raise EngineError(
            f"engine {entry} was written for contract {theirs}, this minigrad speaks {ours}: update {newer}"
        )
    return engine


@runtime_checkable
class TakesEngine(Protocol):
    """Somebody else with groups to run: an optimizer."""

    def use_engine(self, binder: Binder) -> None:
        """Run them by this engine from now on."""
        ...


class Binder:
    """An engine with the built-in one behind it.

    Attributes:
        name: of the engine, with its distribution.
        declined: how many groups went to the built-in engine.
    """

    def __init__(self, name: str, engine: Engine | None) -> None:
        self.name = name
        self.engine = engine
        self.declined = 0
        self._built_in = NumpyEngine()

    @classmethod
    def built_in(cls) -> Binder:
        """NumPy alone."""
        return cls(BUILT_IN, None)

    def bind(self, group: Group) -> Bound:
        """Calls for a group, by the engine or by NumPy. Raises EngineError if the engine raises."""
        if self.engine is None:
            return self._built_in.bind(group)
        try:
            bound = self.engine.bind(group)
        except Exception as error:
            raise EngineError(
                f"engine {self.name} failed on {group.name} over {group.space}: {type(error).__name__}: {error}. "
                f"{VARIABLE}={BUILT_IN} (or engine={BUILT_IN!r}) does without it"
            ) from error
        if bound is None:
            self.declined += 1
            return self._built_in.bind(group)
        if not isinstance(bound, Bound) or not all(map(callable, bound.calls)):
            raise EngineError(f"engine {self.name}: bind() must return minigrad.engines.Bound or None, not {bound!r}")
        return bound
