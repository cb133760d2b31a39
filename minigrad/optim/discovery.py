"""Finding optimizers: the entry points of all installed distributions, read once, without importing any of them."""

from __future__ import annotations

import os

import minigrad.plugins as plugins  # not "from minigrad import": that would ask for an op of this name
from minigrad.core.errors import nearest
from minigrad.optim.errors import UnknownOptimizer
from minigrad.plugins import Entry, Scan, rescan

__all__ = ["GROUP", "Entry", "Scan", "available", "find", "rescan", "scan"]

GROUP = "minigrad.optimizers"


def scan() -> Scan:
    """All optimizers on `sys.path`, allowed or not."""
    return plugins.scan(GROUP)


def available() -> dict[str, Entry]:
    """Name -> entry for every optimizer that may be loaded, without importing any plugin.

    A name that two distributions offer appears as `distribution:name` for each of them instead.
    """
    return plugins.available(GROUP)


def find(name: str) -> Entry:
    """The entry for `name` or `distribution:name`.

    Raises UnknownOptimizer, with the nearest name and what is installed, if there is none, if MINIGRAD_PLUGINS keeps
    it out, or if several distributions offer it.
    """
    matches = plugins.matching(GROUP, name)
    allowed = [e for e in matches if plugins.allowed(e)]
    if len(allowed) == 1:
        return allowed[0]
    if allowed:
        owners = " and ".join(f"{e.distribution} {e.version}" for e in allowed)
        choices = " or ".join(repr(e.qualified) for e in allowed)
        raise UnknownOptimizer(f"optimizer {name!r} is offered by {owners}: say which, {choices}")
    if matches:
        kept_out = os.environ.get(plugins.ALLOW, "")
        raise UnknownOptimizer(f"optimizer {matches[0]} is installed, but {plugins.ALLOW}={kept_out!r} keeps it out")
    raise UnknownOptimizer(_unknown(name))


def _unknown(name: str) -> str:
    entries = available()
    listing = ", ".join(f"{key} ({e.distribution} {e.version})" for key, e in sorted(entries.items())) or "none"
    notes = "".join(f". {problem}" for problem in (*scan().problems, *plugins.idle_allowances(GROUP)))
    return f"there is no optimizer {name!r}.{nearest(name, entries)} Installed: {listing}{notes}"
