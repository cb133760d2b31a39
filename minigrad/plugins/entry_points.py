"""What other distributions offer.

The entry points of one group, read once, without importing any of them.
Groups: `minigrad.optimizers`, `minigrad.ops`, and those that later rooms add. Imports the standard library and attrs
only, so that a listing never runs plugin code.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

import attrs

from minigrad.plugins.installed import Metadata, installed

__all__ = ["Entry", "Scan", "allowed", "available", "idle_allowances", "matching", "rescan", "scan"]

ALLOW = "MINIGRAD_PLUGINS"
_OWN = "minigrad"


@attrs.frozen(order=True)
class Entry:
    """Something that some distribution offers.

    Attributes:
        name: what users call it.
        distribution: who offers it.
        version: of that distribution.
        value: `module:attribute`.
    """

    name: str
    distribution: str
    version: str
    value: str

    @property
    def qualified(self) -> str:
        """`distribution:name`, which is unambiguous."""
        return f"{self.distribution}:{self.name}"

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version}, {self.value})"


@attrs.frozen
class Scan:
    """What is installed.

    Attributes:
        entries: every entry point of the group, in order of name and distribution.
        problems: distributions whose metadata could not be read, in words.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()


def scan(group: str) -> Scan:
    """All entry points of `group` on `sys.path`, allowed or not.

    Kept for as long as `sys.path` stays the same.
    """
    here = os.getcwd() if "" in sys.path else ""
    return _scan(group, tuple(sys.path), here)


def rescan() -> None:
    """Forget what was found, after installing something into a running interpreter."""
    _scan.cache_clear()


def available(group: str) -> dict[str, Entry]:
    """Name -> entry for all that may be loaded in `group`, without importing any plugin.

    A name that two distributions offer appears as `distribution:name` for each of them instead.
    """
    entries = [e for e in scan(group).entries if allowed(e)]
    names = [e.name for e in entries]
    return {e.name if names.count(e.name) == 1 else e.qualified: e for e in entries}


def matching(group: str, name: str) -> list[Entry]:
    """All entries, allowed or not, called `name` or `distribution:name`."""
    distribution, _, short = name.rpartition(":")
    return [
        e for e in scan(group).entries if e.name == short and canonical(distribution) in ("", canonical(e.distribution))
    ]


def allowed(entry: Entry) -> bool:
    """minigrad's own always; others unless MINIGRAD_PLUGINS is set and does not name them."""
    allow_list = _allow_list()
    if allow_list is None or entry.distribution == _OWN:
        return True
    return bool(
        allow_list & {entry.name, canonical(entry.distribution), f"{canonical(entry.distribution)}:{entry.name}"}
    )


def idle_allowances(group: str) -> list[str]:
    """Words of MINIGRAD_PLUGINS that fit nothing in `group`, in words."""
    text = os.environ.get(ALLOW, "")
    words = {w.strip() for w in text.split(",")} - {"", "none"}
    answering = {k for e in scan(group).entries for k in (e.name, canonical(e.distribution), e.qualified)}
    return [f"{ALLOW} names {w!r}, which nobody offers" for w in sorted(words) if not {w, canonical(w)} & answering]


def _allow_list() -> frozenset[str] | None:
    """Names, distributions and `distribution:name`s; None for no restriction."""
    text = os.environ.get(ALLOW)
    if text is None or not text.strip():
        return None
    words = {w.strip() for w in text.split(",")} - {"", "none"}
    return frozenset(words | {canonical(w) for w in words})


def canonical(distribution: str) -> str:
    """The name of a distribution (or `distribution:name`) as PEP 503 compares it."""
    head, colon, tail = distribution.rpartition(":")
    return (re.sub(r"[-_.]+", "-", head).lower() + colon + tail) if colon else re.sub(r"[-_.]+", "-", tail).lower()


@lru_cache(maxsize=16)
def _scan(group: str, path: tuple[str, ...], here: str) -> Scan:
    """All entries of a group; `here` tells what an empty entry of the path means."""
    entries: dict[tuple[str, str], Entry] = {}
    owners: dict[str, str] = {}
    problems = []
    for place, dist in enumerate(installed(path)):
        try:
            text = dist.read_text("entry_points.txt") or ""
            if group not in text:
                continue
            name, version = _name_and_version(dist)
            # The first copy of a distribution on the path is the one that Python imports.
            if owners.setdefault(canonical(name), str(place)) != str(place):
                continue
            for key, value in _section(text, group):
                if ":" not in value:
                    problems.append(f"{name} {version} has an entry point without ':': {key} = {value}")
                entries.setdefault((canonical(name), key), Entry(key, name, version, value))
        except Exception as error:  # a damaged distribution must not hide the sound ones
            problems.append(f"the distribution at {getattr(dist, '_path', dist)} cannot be read: {error!r}")
    return Scan(tuple(sorted(entries.values())), tuple(problems))


def _name_and_version(dist: Metadata) -> tuple[str, str]:
    """What the head of a distribution's metadata says; "?" where it says nothing."""
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    head: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        key, colon, value = line.partition(":")
        if colon:
            head.setdefault(key.lower(), value.strip())
    return head.get("name") or "?", head.get("version") or "?"


def _section(text: str, group: str) -> list[tuple[str, str]]:
    """The `name = value` lines of the group in an entry_points.txt."""
    pairs = []
    inside = False
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            inside = line.strip("[] ") == group
        elif inside and line:
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"entry point {line!r} has no '='")
            pairs.append((key.strip(), value.strip()))
    return pairs
