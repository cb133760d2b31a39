"""The entry point: parse, run a command, turn errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.exit_codes import FAILED, INTERRUPTED, MISUSED
from minigrad.cli.output import own_output, with_streams, wrapped, write_json
from minigrad.cli.parser import UsageError, build_parser

__all__ = ["main"]

TRACEBACK = "MINIGRAD_TRACEBACK"
"""Variable of the environment: errors are raised as they are."""
MOST = 250
"""Characters of an error's text."""


class EndedByUserCode(Exception):
    """Code that a command ran wanted to end the process."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (the program's own by default).

    Returns 0 when all went well, 1 after an error (one line about it on stderr), 3 when a check that
    was asked for failed, 130 after Ctrl-C. Exits with 2 after misuse, and after `--help` and `--version` with 0.

    Errors of the program itself are one line, too; with MINIGRAD_TRACEBACK set in the environment, every error is
    raised as it is.
    """
    with_streams()
    as_json = "--json" in (sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parsed(argv)
        _one_blas_thread()
        with own_output(as_json):
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except UsageError as wrong:
        if as_json:
            _write_json_error("Misuse", wrong.text)
        print(wrapped(wrong.text, sys.stderr), file=sys.stderr)
        raise SystemExit(MISUSED) from None
    except KeyboardInterrupt:
        print("minigrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone. Python would complain once more when it flushes stdout on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return _failed(error, as_json)


def _parsed(argv: Sequence[str] | None) -> Namespace:
    words = sys.argv[1:] if argv is None else argv
    parser = build_parser(words)
    arguments, rest = parser.parse_known_args(words)
    if rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.command is None:
        parser.error(f"a command is needed: {', '.join(BUILTIN)}")
    return arguments


def _one_blas_thread() -> None:
    """Keep BLAS to one thread unless the user has said otherwise, if NumPy is not loaded yet.

    Batches of a small network are too small to share out: a second thread saves nothing on an idle machine, makes a run
    ten times slower on a busy one (the threads wait for each other), and changes the last bits from machine to machine.
    """
    if "numpy" not in sys.modules:
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


def _run(arguments: Namespace) -> int:
    """Import what does the work of the command, which `build_parser` has noted, and let it."""
    module, _, name = arguments.work.partition(":")
    work: Callable[[Namespace], int] = getattr(import_module(module), name)
    try:
        return work(arguments)
    except SystemExit as end:  # of a script, a plugin or a callback: the command itself returns its exit code
        raise EndedByUserCode(
            f"code of yours or of a plugin called sys.exit({end.code!r:.40}) and ended the run"
        ) from end


def _told(error: Exception) -> tuple[str, str]:
    """Kind and text of an error, on one line.

    An error whose message is not meant for users is a fault of the program: the text says where it came from.
    """
    from minigrad.core.errors import MinigradError
    from minigrad.text import clip_middle, describe_error

    if isinstance(error, MinigradError | OSError | MemoryError | EndedByUserCode):
        return type(error).__name__, clip_middle(" ".join(str(error).split()), MOST)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return "InternalError", (
        f"{describe_error(error, 120)} ({place}): a fault of minigrad or of a plugin. {TRACEBACK}=1 in the environment "
        "shows where it came from"
    )


def _write_json_error(kind: str, message: str) -> None:
    write_json({"error": {"type": kind, "message": message}})


def _failed(error: Exception, as_json: bool) -> int:
    kind, text = _told(error)
    if as_json:
        _write_json_error(kind, text)
    print(wrapped(f"minigrad: {kind}: {text}", sys.stderr), file=sys.stderr)
    return FAILED
