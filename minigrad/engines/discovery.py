"""Finding engines: the built-in one, and the entry points of other distributions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import minigrad.plugins.contract as contract
from minigrad.engines.group import FusionGroup
from minigrad.engines.plan import LinksPlans, PlannedCall
from minigrad.engines.products import linked
from minigrad.engines.protocol import API, CompiledGroup, Engine, EngineError, Thunk, UnknownEngine
from minigrad.engines.tiles import NumpyEngine
from minigrad.plugins import entry_points
from minigrad.plugins.entry_points import Entry

__all__ = ["BUILT_IN", "GROUP", "EngineWithFallback", "SupportsEngine", "available", "create_engine"]

GROUP = "minigrad.engines"
VARIABLE = "MINIGRAD_ENGINE"
BUILT_IN = "numpy"
AUTO = "auto"
COMPILED = "cc"
"""The engine that AUTO takes where it is installed and has what it needs."""
DEFAULT = AUTO


def available() -> dict[str, Entry | None]:
    """List every engine that may be used, without importing any plugin.

    Returns name -> entry (None for the built-in one).
    """
    return {BUILT_IN: None, **entry_points.available(GROUP)}


def create_engine(name: str = "") -> EngineWithFallback:
    """Create an engine called `name` or `distribution:name`.

    By default the one that MINIGRAD_ENGINE names, or "auto": the C engine where minigrad-cc is installed and there is a
    compiler, else NumPy; its `name` says which, and why.

    Raises:
        UnknownEngine: there is none, or several distributions offer it.
        EngineError: it cannot be imported or is no engine; names distribution, version and entry point.
    """
    requested = name or os.environ.get(VARIABLE, "") or DEFAULT
    if requested == AUTO:
        return EngineWithFallback("", None, _choose)
    if requested == BUILT_IN:
        return EngineWithFallback(BUILT_IN, None)
    entry = contract.chosen(
        GROUP, requested, "engine" if name else f"engine (from {VARIABLE})", UnknownEngine, [BUILT_IN]
    )
    return EngineWithFallback(str(entry), _engine(entry))


def _choose() -> tuple[str, Engine | None]:
    """The engine that AUTO stands for, and its name or why it is NumPy."""
    try:
        entry = contract.chosen(GROUP, COMPILED, "engine", UnknownEngine, [BUILT_IN])
    except UnknownEngine:
        return f"{BUILT_IN} (minigrad-cc is not installed)", None
    try:
        engine = _engine(entry)
    except EngineError as broken:
        warnings.warn(f"{broken}. Programs run on NumPy", RuntimeWarning, stacklevel=2)
        return f"{BUILT_IN} ({entry} does not work)", None
    missing = str(getattr(engine, "unavailable", ""))
    return (f"{BUILT_IN} ({missing})", None) if missing else (str(entry), engine)


def _engine(entry: Entry) -> Engine:
    engine = contract.made(entry, "engine", EngineError)
    if not isinstance(engine, Engine):
        raise EngineError(f"engine {entry}: {type(engine).__name__} lacks `api` or the method `bind(group)`")
    gap = contract.version_gap(engine.api, API)
    if gap:
        raise EngineError(f"engine {entry}: {gap}")
    return engine


@runtime_checkable
class SupportsEngine(Protocol):
    """An object that runs fusion groups of its own and can be told by which engine.

    An optimizer is one.
    """

    def use_engine(self, engine: EngineWithFallback) -> None:
        """Run them by this engine from now on."""
        ...


class EngineWithFallback:
    """An engine with the built-in one behind it.

    Attributes:
        declined: how many groups went to the built-in engine.
    """

    def __init__(
        self, name: str, engine: Engine | None, choose: Callable[[], tuple[str, Engine | None]] | None = None
    ) -> None:
        self._chosen = None if choose is not None else (name, engine)
        self._choose = choose
        self.declined = 0
        self._built_in = NumpyEngine()

    @property
    def name(self) -> str:
        """The name of the engine, with its distribution."""
        return self._choice()[0]

    @property
    def engine(self) -> Engine | None:
        """The engine itself; None for NumPy alone."""
        return self._choice()[1]

    @property
    def writes_rows_apart(self) -> bool:
        """Whether outputs of groups may have any strides: since version 1.2 of the contract."""
        return self.engine is None or tuple(self.engine.api) >= (1, 2)

    def _choice(self) -> tuple[str, Engine | None]:
        if self._chosen is None:
            assert self._choose is not None
            self._chosen = self._choose()  # not before it is needed: looking for a compiler takes a while
        return self._chosen

    @classmethod
    def built_in(cls) -> EngineWithFallback:
        """NumPy alone."""
        return cls(BUILT_IN, None)

    def bind(self, group: FusionGroup) -> CompiledGroup:
        """Calls for a group, by the engine or by NumPy.

        Raises:
            EngineError: the engine raises.
        """
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
        if not isinstance(bound, CompiledGroup) or not all(map(callable, bound.calls)):
            raise EngineError(
                f"engine {self.name}: bind() must return minigrad.engines.CompiledGroup or None, not {bound!r}"
            )
        return bound

    def single_threaded(self) -> AbstractContextManager[None]:
        """Runs before a plan is linked, with the bits that they will have then."""
        return self.engine.single_threaded() if isinstance(self.engine, LinksPlans) else nullcontext()

    def link(self, plan: Sequence[PlannedCall]) -> Sequence[Thunk]:
        """What runs planned calls one after another, by the engine where it takes plans.

        Raises:
            EngineError: the engine raises.
        """
        if not isinstance(self.engine, LinksPlans):
            return linked(plan)
        try:
            return self.engine.link(plan)
        except Exception as error:
            raise EngineError(
                f"engine {self.name} failed on a plan of {len(plan)} calls: {type(error).__name__}: {error}. "
                f"{VARIABLE}={BUILT_IN} (or engine={BUILT_IN!r}) does without it"
            ) from error
