"""Finding optimizers: the entry points of all installed distributions, read once, without importing any of them."""

from __future__ import annotations

import minigrad.plugins.entry_points as plugins  # not "from minigrad import": that would ask for an op of this name
from minigrad.optim.errors import UnknownOptimizer
from minigrad.plugins.contract import chosen
from minigrad.plugins.entry_points import Entry, Scan, rescan

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
    return chosen(GROUP, name, "optimizer", UnknownOptimizer)
