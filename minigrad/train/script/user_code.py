"""Running Python files of the user's.

Whatever happens in one is an error with its file and line.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from minigrad.text import describe_error
from minigrad.train.script.script_ast import ScriptError

__all__ = ["errors_in", "import_file", "line_in"]


def import_file(path: Path, prefix: str = "minigrad_script") -> ModuleType:
    """Run a file as a module, called `<prefix>_<name of the file>`; leaves no bytecode behind.

    A file that changes the working folder, as `os.chdir(os.path.dirname(__file__))` does, has it changed while it runs:
    what the command line names, such as where runs go, is meant from where it was typed.

    Raises:
        ScriptError: the file cannot be read, is no Python, raises something, or ends the process.
    """
    name = f"{prefix}_{path.stem}"
    loader = _Fresh(name, str(path))
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # attrs looks up the module of a class by name
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python script.py` has it
    arguments, sys.argv = sys.argv, [str(path)]
    try:
        here = os.getcwd()
    except OSError:  # it is gone
        here = None
    try:
        loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a script must not end minigrad without a word
        sys.modules.pop(name, None)
        line = line_in(path, error) or getattr(error, "lineno", None) or 1
        raise ScriptError(f"{path}:{line}: {describe_error(error)}") from error
    finally:
        sys.argv = arguments
        if here is not None:
            os.chdir(here)
    return module


@contextmanager
def errors_in(path: Path) -> Iterator[None]:
    """Name the line of a file of the user's that an exception of the block passed through.

    Raises:
        ScriptError: in the place of any other exception but KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        line = line_in(path, error)
        if line is None or isinstance(error, ScriptError):
            raise
        failure = ScriptError(f"{path}:{line}: {describe_error(error)}")
        failure.history = getattr(error, "history", None)
        raise failure from error


def line_in(path: Path, error: BaseException) -> int | None:
    """The line of a file that an exception came through last; None if it did not."""
    here = path.resolve()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == here]
    return frames[-1].lineno if frames else None


class _Fresh(SourceFileLoader):
    """Compiles the text as it stands, and leaves no bytecode behind.

    A stale one could be of an older text.
    """

    def path_stats(self, path: str) -> dict[str, object]:
        raise OSError("no bytecode")
