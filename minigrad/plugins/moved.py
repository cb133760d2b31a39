"""Names that moved into a distribution of their own: found through the command it offers, with a warning."""

from __future__ import annotations

import warnings
from importlib import import_module

import minigrad.plugins.entry_points as plugins

__all__ = ["load_moved"]


def load_moved(old: str, name: str, command: str, module: str) -> object:
    """What used to be `old.name`, from the installed distribution that offers `command`.

    Args:
        old: module that held the name.
        name: of a class or function.
        command: entry point of the group `minigrad.commands`, which says where the distribution's package is.
        module: of that package, which holds the name now.

    Returns:
        The class or function, after a DeprecationWarning that says where it is.

    Raises:
        ImportError: no distribution offers the command.
    """
    entries = plugins.matching("minigrad.commands", command)
    if not entries:
        raise ImportError(
            f"{old}.{name} is part of the command {command!r} now, a distribution of its own which is not installed: "
            f"in a checkout of minigrad, pip install ./plugins/minigrad-{command}"
        )
    home = f"{entries[0].value.partition('.')[0]}.{module}"
    warnings.warn(f"{old}.{name} is {home}.{name} now", DeprecationWarning, stacklevel=3)
    value: object = getattr(import_module(home), name)
    return value
