"""Ops that other distributions offer: entry points of the group `minigrad.ops`.

They are let in through the gate like any other.

An entry point names an op, or an iterable of ops (a family whose rules may use each other): a wrong rule is reported
by distribution, op and verdict, and the other ops stay usable. It may also name a module that registers its ops when it
is imported; then a wrong rule refuses the whole module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import ModuleType

import attrs

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.plugins import entry_points
from minigrad.plugins.entry_points import Entry
from minigrad.plugins.isolation import ImportFailure, imported
from minigrad.verify.refusal import GateFinding
from minigrad.verify.register import register_passing

__all__ = ["GROUP", "LoadedOps", "find", "load", "load_all", "refusal_of"]

GROUP = "minigrad.ops"


@attrs.frozen
class LoadedOps:
    """What became of one entry point.

    Attributes:
        entry: where it came from.
        ops: names of the ops that were let in.
        refusals: why others were not: each names distribution, op and verdict.
        refused: the refusals of ops, by their names.
    """

    entry: Entry
    ops: tuple[str, ...]
    refusals: tuple[str, ...]
    refused: Mapping[str, str] = attrs.field(factory=dict)


@lru_cache(maxsize=256)
def load(entry: Entry) -> LoadedOps:
    """Import one plugin and register its ops.

    Never raises for what the plugin did: `refusals` tells.
    """
    try:
        target = imported(entry)
    except ImportFailure as failure:
        cause = failure.__cause__  # a module that registers its ops itself is refused with the first that is wrong
        if isinstance(cause, RegistrationError) and isinstance(cause.finding, GateFinding):
            why = f"plugin {entry}: {_verdict(cause)}"
            return LoadedOps(entry, (), (why,), {cause.finding.op: why})
        return LoadedOps(entry, (), (f"plugin {entry}: {failure}",))
    if isinstance(target, Op):
        offered: list[object] = [target]
    elif isinstance(target, ModuleType):  # it has registered its ops itself, on import
        offered = [v for v in vars(target).values() if isinstance(v, Op)]
    elif isinstance(target, Iterable) and not isinstance(target, str):
        offered = list(target)
    else:
        why = f"plugin {entry}: the entry point must name an op or an iterable of ops, it is a {type(target).__name__}"
        return LoadedOps(entry, (), (why,))
    ops = [op for op in offered if isinstance(op, Op)]
    refusals = [
        f"plugin {entry}: {op!r} is no op: decorate it with @minigrad.op(...)" for op in offered if op not in ops
    ]
    errors = register_passing(op for op in ops if not op.registered)
    refusals += [f"plugin {entry}: {_verdict(error)}" for error in errors]
    refused = {e.finding.op: f"plugin {entry}: {_verdict(e)}" for e in errors if isinstance(e.finding, GateFinding)}
    return LoadedOps(entry, tuple(op.name for op in ops if op.registered), tuple(refusals), refused)


def _verdict(error: RegistrationError) -> str:
    return f"{type(error).__name__}: {error}"


def load_all() -> tuple[LoadedOps, ...]:
    """Load every allowed plugin of the group."""
    return tuple(load(e) for e in entry_points.available(GROUP).values())


def find(name: str) -> Op | None:
    """The op called `name` from a plugin, or None.

    The entry of that name is tried first, others only if need be.
    """
    entries = entry_points.available(GROUP)
    for entry in sorted(entries.values(), key=lambda e: e.name != name):
        load(entry)
        op = REGISTRY.get(name)
        if op is not None:
            return op
    return None


def refusal_of(name: str) -> str:
    """Why a plugin's op of that name was not let in; empty where none offers it."""
    return next((plugin.refused[name] for plugin in load_all() if name in plugin.refused), "")
