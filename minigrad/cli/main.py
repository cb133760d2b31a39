"""The entry point: parse, run a command, turn errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from minigrad.cli.exit_codes import FAILED, INTERRUPTED, MISUSED
from minigrad.cli.output import hand_over, own_output, with_streams
from minigrad.cli.parser import COMMANDS, Misuse, build

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (the program's own by default).

    Returns 0 when all went well, 1 after an error (one line about it on stderr), 3 when a check that
    was asked for failed, 130 after Ctrl-C. Exits with 2 after misuse, and after `--help` and `--version` with 0.
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
    except Misuse as wrong:
        if as_json:
            _hand_over_error("Misuse", wrong.text)
        print(wrong.text, file=sys.stderr)
        raise SystemExit(MISUSED) from None
    except KeyboardInterrupt:
        print("minigrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone. Python would complain once more when it flushes stdout on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if not _is_expected(error):
            raise
        return _failed(error, as_json)


def _parsed(argv: Sequence[str] | None) -> Namespace:
    parser = build()
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.command is None:
        parser.error(f"a command is needed: {', '.join(COMMANDS)}")
    return arguments


def _one_blas_thread() -> None:
    """Keep BLAS to one thread unless the user has said otherwise, if NumPy is not loaded yet.

    Batches of a small network are too small to share out: a second thread saves nothing on an idle machine, makes a run
    ten times slower on a busy one (the threads wait for each other), and changes the last bits from machine to machine.
    """
    if "numpy" not in sys.modules:
        for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")


_WORK: Mapping[str, str] = {
    "train": "train:train",
    "run": "run:run_script",
    "examples": "run:list_examples",
    "optimizers": "listing:list_optimizers",
    "optimizers check": "check_laws:check_optimizer",
    "ops": "listing:list_ops",
    "compare": "compare:compare_optimizers",
    "selftest": "selftest:selftest",
    "check": "check:check_script",
    "new": "new:new",
    "doctor": "doctor:doctor",
    "explain": "doctor:explain",
    "lr-find": "tune:lr_find",
    "sweep": "tune:search",
    "bench-diagnosis": "bench_diagnosis:bench_diagnosis",
}
"""Command, with its action if it has one -> module of this package and function: each loads what it needs alone."""


def _run(arguments: Namespace) -> int:
    words = [arguments.command, getattr(arguments, "action", None)]
    module, _, name = _WORK[" ".join(filter(None, words))].partition(":")
    work: Callable[[Namespace], int] = getattr(import_module(f"minigrad.cli.{module}"), name)
    return work(arguments)


def _is_expected(error: Exception) -> bool:
    """Whether the message is meant for the user; anything else is a bug, and its traceback is of use."""
    from minigrad.core.errors import MinigradError

    return isinstance(error, MinigradError | OSError)


def _hand_over_error(kind: str, message: str) -> None:
    hand_over({"error": {"type": kind, "message": message}})


def _failed(error: Exception, as_json: bool) -> int:
    text = " ".join(str(error).split())
    if as_json:
        _hand_over_error(type(error).__name__, text)
    print(f"minigrad: {type(error).__name__}: {text}", file=sys.stderr)
    return FAILED
