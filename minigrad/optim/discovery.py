"""Finding optimizers: the entry points of all installed distributions, read once, without importing any of them."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

import attrs

from minigrad.core.errors import nearest
from minigrad.optim.errors import UnknownOptimizer

__all__ = ["GROUP", "Entry", "Scan", "available", "find", "rescan", "scan"]

GROUP = "minigrad.optimizers"
_ALLOW = "MINIGRAD_PLUGINS"
_OWN = "minigrad"


@attrs.frozen(order=True)
class Entry:
    """An optimizer that some distribution offers.

    Attributes:
        name: what users call it. distribution, version: who offers it. value: `module:Class`.
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


def scan() -> Scan:
    """All optimizers on `sys.path`, allowed or not. The answer is kept for as long as `sys.path` stays the same."""
    here = os.getcwd() if "" in sys.path else ""
    return _scan(tuple(sys.path), here)


def rescan() -> None:
    """Forget what was found, after installing something into a running interpreter."""
    _scan.cache_clear()


def available() -> dict[str, Entry]:
    """Name -> entry for every optimizer that may be loaded, without importing any plugin.

    A name that two distributions offer appears as `distribution:name` for each of them instead.
    """
    allowed = [e for e in scan().entries if _is_allowed(e)]
    names = [e.name for e in allowed]
    return {e.name if names.count(e.name) == 1 else e.qualified: e for e in allowed}


def find(name: str) -> Entry:
    """The entry for `name` or `distribution:name`.

    Raises UnknownOptimizer, with the nearest name and what is installed, if there is none, if MINIGRAD_PLUGINS keeps
    it out, or if several distributions offer it.
    """
    distribution, _, short = name.rpartition(":")
    matches = [
        e for e in scan().entries if e.name == short and _canonical(distribution) in ("", _canonical(e.distribution))
    ]
    allowed = [e for e in matches if _is_allowed(e)]
    if len(allowed) == 1:
        return allowed[0]
    if allowed:
        owners = " and ".join(f"{e.distribution} {e.version}" for e in allowed)
        choices = " or ".join(repr(e.qualified) for e in allowed)
        raise UnknownOptimizer(f"optimizer {name!r} is offered by {owners}: say which, {choices}")
    if matches:
        raise UnknownOptimizer(
            f"optimizer {matches[0]} is installed, but {_ALLOW}={os.environ.get(_ALLOW, '')!r} keeps it out"
        )
    raise UnknownOptimizer(_unknown(name))


def _unknown(name: str) -> str:
    entries = available()
    listing = ", ".join(f"{key} ({e.distribution} {e.version})" for key, e in sorted(entries.items())) or "none"
    notes = "".join(f". {problem}" for problem in (*scan().problems, *_idle_allowances()))
    return f"there is no optimizer {name!r}.{nearest(name, entries)} Installed: {listing}{notes}"


def _is_allowed(entry: Entry) -> bool:
    """minigrad's own rules always; others unless MINIGRAD_PLUGINS is set and does not name them."""
    wanted = _allow_list()
    if wanted is None or entry.distribution == _OWN:
        return True
    return bool(wanted & {entry.name, _canonical(entry.distribution), f"{_canonical(entry.distribution)}:{entry.name}"})


def _allow_list() -> frozenset[str] | None:
    """Optimizer names, distributions and `distribution:name`s; None for no restriction."""
    text = os.environ.get(_ALLOW)
    if text is None or not text.strip():
        return None
    words = {w.strip() for w in text.split(",")} - {"", "none"}
    return frozenset(words | {_canonical(w) for w in words})


def _idle_allowances() -> list[str]:
    text = os.environ.get(_ALLOW, "")
    words = {w.strip() for w in text.split(",")} - {"", "none"}
    known = {k for e in scan().entries for k in (e.name, _canonical(e.distribution), e.qualified)}
    return [f"{_ALLOW} names {w!r}, which nobody offers" for w in sorted(words) if not {w, _canonical(w)} & known]


def _canonical(distribution: str) -> str:
    head, colon, tail = distribution.rpartition(":")
    return (re.sub(r"[-_.]+", "-", head).lower() + colon + tail) if colon else re.sub(r"[-_.]+", "-", tail).lower()


@lru_cache(maxsize=4)
def _scan(path: tuple[str, ...], here: str) -> Scan:
    from importlib.metadata import distributions  # costs 15 ms, which only those who look for plugins should pay

    found: dict[tuple[str, str], Entry] = {}
    owners: dict[str, str] = {}
    problems = []
    for place, dist in enumerate(distributions(path=list(path))):
        try:
            text = dist.read_text("entry_points.txt") or ""
            if GROUP not in text:
                continue
            name, version = dist.metadata["Name"] or "?", dist.version or "?"
            # The first copy of a distribution on the path is the one that Python imports.
            if owners.setdefault(_canonical(name), str(place)) != str(place):
                continue
            for key, value in _section(text):
                if ":" not in value:
                    problems.append(f"{name} {version} has an entry point without ':': {key} = {value}")
                found.setdefault((_canonical(name), key), Entry(key, name, version, value))
        except Exception as error:  # a damaged distribution must not hide the sound ones
            problems.append(f"{_title(dist)} cannot be read: {type(error).__name__}: {error}")
    return Scan(tuple(sorted(found.values())), tuple(problems))


def _section(text: str) -> list[tuple[str, str]]:
    """The `name = value` lines of the group in an entry_points.txt."""
    pairs = []
    inside = False
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            inside = line.strip("[] ") == GROUP
        elif inside and line:
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"entry point {line!r} has no '='")
            pairs.append((key.strip(), value.strip()))
    return pairs


def _title(dist: object) -> str:
    return f"the distribution at {getattr(dist, '_path', dist)}"
