"""Choosing a plugin by its name, and making what its entry point offers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from minigrad.core.errors import MinigradError, nearest
from minigrad.plugins import entry_points, own
from minigrad.plugins.entry_points import Entry
from minigrad.plugins.isolation import ImportFailure, imported, summary
from minigrad.text import list_names

__all__ = ["chosen", "made", "version_gap"]


def chosen(group: str, name: str, kind: str, error: type[MinigradError], built_in: Sequence[str] = ()) -> Entry:
    """The entry for `name` or `distribution:name`.

    Args:
        group: of entry points.
        kind: what messages call such a plugin.
        built_in: names that need none.

    Raises:
        MinigradError: an `error`, with the nearest name and what is installed: there is none, MINIGRAD_PLUGINS keeps it
            out, or several distributions offer it.
    """
    if not isinstance(name, str):
        raise error(f"{kind}s are named by texts, got a {type(name).__name__}")
    matches = entry_points.matching(group, name)
    usable = [e for e in matches if entry_points.allowed(e)]
    if len(usable) == 1:
        return usable[0]
    if usable:
        owners = " and ".join(f"{e.distribution} {e.version}" for e in usable)
        choices = " or ".join(repr(e.qualified) for e in usable)
        raise error(f"{kind} {name!r} is offered by {owners}: say which, {choices}")
    if matches:
        kept_out = os.environ.get(entry_points.ALLOW, "")
        raise error(f"{kind} {matches[0]} is installed, but {entry_points.ALLOW}={kept_out!r} keeps it out")
    entries = entry_points.available(group)
    near = sorted(entries, key=lambda key: (not key.startswith(name[:2]), abs(len(key) - len(name)), key))
    listing = [*built_in, *(f"{key} ({entries[key].distribution} {entries[key].version})" for key in near)]
    notes = "".join(
        f". {problem}" for problem in (*entry_points.scan(group).problems, *entry_points.idle_allowances(group))
    )
    if owner := own.owner_of(group, name):
        raise error(f"{kind} {name!r} is of {owner}, which is not installed: {own.how_to_get(owner)}{notes}")
    raise error(
        f"there is no {kind} {name!r}.{nearest(name, [*built_in, *entries])} Installed: "
        f"{list_names(listing) or 'none'}{notes}"
    )


def made(entry: Entry, kind: str, error: type[MinigradError]) -> object:
    """What the class or function behind an entry point gives, called without arguments.

    Raises:
        MinigradError: an `error` that names distribution and version, if it cannot be imported or called, or raises; an
            `error` of its own goes through.
    """
    try:
        factory = imported(entry)
    except ImportFailure as failure:
        raise error(f"{kind} {entry} cannot be used: {failure}") from failure
    if not callable(factory):
        raise error(f"{kind} {entry} cannot be used: the entry point must be a class or a function, not {factory!r}")
    try:
        return factory()
    except error:
        raise
    except Exception as raised:
        raise error(f"{kind} {entry} cannot be used: {summary(raised)}") from raised


def version_gap(theirs: tuple[int, int], ours: tuple[int, int]) -> str:
    """What to do about a contract version that is not spoken here; "" if it is.

    The first number counts changes that break plugins, the second those that add to the contract.
    """
    if theirs[0] == ours[0] and theirs[1] <= ours[1]:
        return ""
    said, spoken = ".".join(map(str, theirs)), ".".join(map(str, ours))
    newer = "minigrad" if tuple(theirs) > ours else "the plugin"
    return f"it was written for contract {said}, this minigrad speaks {spoken}: update {newer}"
