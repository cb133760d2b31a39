"""The routines of `plan.c`, compiled once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import attrs

from minigrad.engines.blas import blas_thread_functions
from minigrad.engines.threads import processors, thread_count
from minigrad_cc.compiler import Compiler, default_directory
from minigrad_cc.errors import CompilerError

__all__ = ["PlanLibrary", "plan_library"]

_PREFIX = "minigrad_"


@attrs.frozen(eq=False)
class PlanLibrary:
    """The compiled routines.

    Attributes:
        run: `run(address of a plan, first row, number of rows, whether work is shared)` gives the number of the row
            that refused, or how many rows there are.
        team_alone: `team_alone(yes)`: whether this thread shares no work with the team.
        blas_alone: `blas_alone(begins)`: from now on the matrix library works on one thread, or again on its own.
        addresses: of the routines, as far as they have been asked for.
    """

    library: ctypes.CDLL
    run: Callable[[int, int, int, int], int]
    team_alone: Callable[[int], None]
    blas_alone: Callable[[int], None]
    addresses: dict[str, int] = attrs.field(factory=dict)

    @contextmanager
    def one_blas_thread(self) -> Iterator[None]:
        """Inside the block the matrix library works on one thread, as it does inside a plan."""
        self.blas_alone(1)
        try:
            yield
        finally:
            self.blas_alone(0)

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
    place = files("minigrad_cc")
    text = place.joinpath("plan.c").read_text().replace("/*team.h*/", place.joinpath("team.h").read_text())
    path = compiler.library(text, default_directory())
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"{path} could not be loaded: {error}") from error
    run, team_alone, team_size = library.minigrad_run, library.minigrad_team_alone, library.minigrad_team_size
    run.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    run.restype = ctypes.c_int64
    blas_alone = library.minigrad_blas_alone
    for function, n in ((team_alone, 1), (team_size, 2), (blas_alone, 1)):
        function.argtypes = (ctypes.c_int64,) * n
        function.restype = None
    team_size(thread_count(), processors())
    blas = blas_thread_functions()
    if blas is not None:
        library.minigrad_blas_threads.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        library.minigrad_blas_threads.restype = None
        library.minigrad_blas_threads(*blas)
    return PlanLibrary(library, run, team_alone, blas_alone)
