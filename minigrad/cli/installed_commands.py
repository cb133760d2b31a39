"""Commands of other distributions: entry points of the group `minigrad.commands`.

Imports no NumPy.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module

from minigrad.cli.command import Command
from minigrad.plugins import entry_points, own
from minigrad.plugins.entry_points import Entry

__all__ = [
    "GROUP",
    "OWN_DISTRIBUTIONS",
    "CommandUnavailable",
    "command_names",
    "how_to_get",
    "load_command",
    "not_installed",
]

GROUP = "minigrad.commands"

OWN_DISTRIBUTIONS = {name: owner for owner, names in own.OFFERS[GROUP].items() for name in names.split()}
"""Commands of minigrad's repository in distributions of their own, by command name."""


class CommandUnavailable(Exception):
    """A command that is not installed, kept out, ambiguous or broken.

    The message says which, and what to do.
    """


def command_names() -> dict[str, Entry]:
    """Name -> entry point of every command that other distributions offer; none is imported."""
    return entry_points.available(GROUP)


def load_command(name: str) -> Command | None:
    """Load the command that a distribution offers as `name` or `distribution:name`.

    None if there is none.

    Raises:
        CommandUnavailable: several distributions offer it, MINIGRAD_PLUGINS keeps it out, or it cannot be imported.
    """
    matches = entry_points.matching(GROUP, name)
    usable = [entry for entry in matches if entry_points.allowed(entry)]
    if len(usable) > 1:
        owners = " and ".join(f"{e.distribution} {e.version}" for e in usable)
        choices = " or ".join(repr(e.qualified) for e in usable)
        raise CommandUnavailable(f"the command {name!r} is offered by {owners}: say which, {choices}")
    if usable:
        return _imported(usable[0])
    if matches:
        kept_out = os.environ.get(entry_points.ALLOW, "")
        raise CommandUnavailable(
            f"the command {matches[0]} is installed, but {entry_points.ALLOW}={kept_out!r} keeps it out"
        )
    return None


def not_installed() -> dict[str, str]:
    """List the commands in minigrad's repository that no installed distribution offers.

    Returns name -> distribution.
    """
    return {name: owner for name, owner in OWN_DISTRIBUTIONS.items() if not entry_points.matching(GROUP, name)}


def how_to_get(name: str) -> str:
    """Say what to do to have one of `OWN_DISTRIBUTIONS`.

    It is installed from minigrad's own checkout.
    """
    owner = OWN_DISTRIBUTIONS[name]
    return (
        f"the command {name!r} is a distribution of its own, {owner}, which is not installed: {own.how_to_get(owner)}"
    )


def _imported(entry: Entry) -> Command:
    module, _, attribute = entry.value.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # stdout is the command's document, whatever an import prints
            command: object = getattr(import_module(module.strip()), attribute.strip())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a broken plugin must not end `minigrad --help`
        raise CommandUnavailable(f"the command {entry} cannot be used: {type(error).__name__}: {error}") from error
    if not isinstance(command, Command):
        raise CommandUnavailable(
            f"the command {entry} cannot be used: it must be a minigrad.cli.Command, not a {type(command).__name__}"
        )
    return command
