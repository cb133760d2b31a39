"""The routines of `plan.c`, compiled once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import attrs

from minigrad_cc.compiler import Compiler, default_directory
from minigrad_cc.errors import CompilerError

__all__ = ["PlanLibrary", "plan_library"]

_PREFIX = "minigrad_"


@attrs.frozen(eq=False)
class PlanLibrary:
    """The compiled routines.

    Attributes:
        run: `run(address of a plan, first row, number of rows)` gives the number of the row that refused, or how many
            rows there are.
        addresses: of the routines, as far as they have been asked for.
    """

    library: ctypes.CDLL
    run: Callable[[int, int, int], int]
    addresses: dict[str, int] = attrs.field(factory=dict)

    def address(self, routine: str) -> int:
        """Where a routine of `plan.c` is.

        Raises:
            CompilerError: there is none of that name.
        """
        if routine not in self.addresses:
            try:
                function = getattr(self.library, _PREFIX + routine)
            except AttributeError as missing:
                raise CompilerError(f"plan.c has no routine {routine!r}") from missing
            self.addresses[routine] = ctypes.cast(function, ctypes.c_void_p).value or 0
        return self.addresses[routine]


@cache
def plan_library(compiler: Compiler) -> PlanLibrary:
    """The routines, compiled now or earlier.

    Raises:
        CompilerError: they do not compile, or cannot be loaded.
    """
    text = files("minigrad_cc").joinpath("plan.c").read_text()
    path = compiler.library(text, default_directory())
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"{path} could not be loaded: {error}") from error
    run = library.minigrad_plan
    run.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    run.restype = ctypes.c_int64
    return PlanLibrary(library, run)
