"""Arguments of the commands that tell about minigrad itself. Imports no NumPy."""

from __future__ import annotations

from argparse import ArgumentParser

from minigrad.cli.command import Command

__all__ = ["COMPLETION", "DOCS", "MAN"]

_DOCS = """\
Build the documentation as HTML and open it: tutorials, how-to, a reference made from code and registry, and why things
are as they are. It needs no network, neither for building nor for reading, and is searched in the browser. Building
takes the extra 'docs' (Sphinx, Furo, MyST); with --op and --picture nothing but minigrad. Exits with 3 if a link is
broken or a public name is missing.

  minigrad docs
  minigrad docs --out site --no-open                    into a folder of your own
  minigrad docs --op softmax                            about one op, in the terminal
  minigrad docs --picture paths-valley                  one picture of the gallery, as paths-valley.svg
"""

_COMPLETION = """\
Print a script that lets a shell complete commands, options and their values. It takes the extra 'shell' (shtab).

  minigrad completion bash > ~/.local/share/bash-completion/completions/minigrad
  minigrad completion zsh > ~/.zfunc/_minigrad          where fpath has ~/.zfunc
  minigrad completion fish > ~/.config/fish/completions/minigrad.fish
"""

_MAN = """\
Show the manual page of minigrad and all its commands, made from their own help. Where stdout is no terminal, its
source (troff) is printed.

  minigrad man
  minigrad man > ~/.local/share/man/man1/minigrad.1
"""


def _docs(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", metavar="FOLDER", help="where the pages go; default minigrad/docs in your cache. With --picture, "
        "the file")  # fmt: skip
    add("--no-open", action="store_true", help="build only")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--op", metavar="NAME", help="print what is known of this op, and build nothing")
    only.add_argument("--picture", metavar="NAME", help="draw this picture of the gallery, and build nothing")


def _completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


DOCS = Command("build and open the documentation, offline", "minigrad.cli.manual.docs:docs", _DOCS, _docs)
COMPLETION = Command(
    "print a completion script for bash, zsh or fish",
    "minigrad.cli.manual.completion:completion",
    _COMPLETION,
    _completion,
)
MAN = Command("show the manual page", "minigrad.cli.manual.man:man", _MAN)
