"""The command line: `minigrad --help` lists the commands.

NumPy is loaded by the commands that need it, not by `--help` and `--version`. Other distributions add commands through
the entry-point group `minigrad.commands`; see `Command`.
"""

from minigrad.cli.command import Command
from minigrad.cli.main import main

__all__ = ["Command", "main"]
