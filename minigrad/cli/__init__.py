"""The command line: `minigrad --help` lists the commands.

NumPy is loaded by the commands that need it, not by `--help` and `--version`.
"""

from minigrad.cli.main import main

__all__ = ["main"]
