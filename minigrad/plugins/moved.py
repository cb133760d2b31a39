"""Names that moved into a distribution of their own.

Found through the command it offers, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from minigrad import lazy
from minigrad.plugins import entry_points
from minigrad.plugins.own import how_to_get

__all__ = ["moved_names"]


def moved_names(
    module: str, command: str, homes: Mapping[str, str], renamed: Mapping[str, str] | None = None
) -> Callable[[str], object]:
    """Make the `__getattr__` of a module whose names left for another distribution.

    Args:
        module: where the names were.
        command: entry point of the group `minigrad.commands`, which says what the distribution's package is.
        homes: which module of that package holds which names now, with blanks between them.
        renamed: old name -> "module:name" for names that stayed in this distribution.

    Returns:
        A function of a name: its value, after a DeprecationWarning that says where it is. It raises ImportError, with
        how to get the distribution, if it is not installed, and AttributeError for a name that was never there.
    """
    table = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> object:
        home, _, new = (renamed or {}).get(name, "").partition(":")
        if not new:
            if name not in table:
                raise AttributeError(f"module {module!r} has no {name!r}")
            home, new = f"{_package(module, name, command)}.{table[name]}", name
        lazy.warn_renamed(f"{module}.{name}", f"{home}.{new}")
        value: object = lazy.load(home, new)
        return value

    return find


def _package(module: str, name: str, command: str) -> str:
    """The package of the installed distribution that offers the command."""
    entries = entry_points.matching("minigrad.commands", command)
    if not entries:
        raise ImportError(
            f"{module}.{name} belongs to the command {command!r} now, a distribution of its own that is not "
            f"installed: {how_to_get(f'minigrad-{command}')}"
        )
    return entries[0].value.partition(".")[0]
