"""The routines of `plan.c`, compiled once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import AbstractContextManager
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
        run: given where four numbers are (the address of a plan, its first row, number of rows, whether work is
            shared), it gives the number of the row that refused, or how many rows there are.
        team_alone: `team_alone(yes)`: whether this thread shares no work with the team.
        blas_hold: `blas_hold(address of a number, begins)`: from now on the matrix library works on one thread, or
            again on its own; the number, 0 at first, is of the block that wants it: what is said twice counts once.
        addresses: of the routines, as far as they have been asked for.
    """

    library: ctypes.CDLL
    run: Callable[[int], int]
    team_alone: Callable[[int], None]
    blas_hold: Callable[[object, int], None]
    addresses: dict[str, int] = attrs.field(factory=dict)

    def one_blas_thread(self) -> AbstractContextManager[None]:
        """Inside the block the matrix library works on one thread, as it does inside a plan."""
        return _OneBlasThread(self.blas_hold)

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


class _OneBlasThread:
    """A block on one thread; where Ctrl-C cuts off its end, it ends when forgotten."""

    __slots__ = ("_held", "_hold")

    def __init__(self, hold: Callable[[object, int], None]) -> None:
        self._hold = hold
        self._held = ctypes.c_int64(0)

    def __enter__(self) -> None:
        self._hold(ctypes.byref(self._held), 1)

    def __exit__(self, *raised: object) -> None:
        self._hold(ctypes.byref(self._held), 0)

    def __del__(self) -> None:
        if hasattr(self, "_held"):  # not where its making was interrupted
            self._hold(ctypes.byref(self._held), 0)


@cache
def plan_library(compiler: Compiler) -> PlanLibrary:
    """The routines, compiled now or earlier.

    Raises:
        CompilerError: they do not compile, or cannot be loaded.
    """
    place = files("minigrad_cc")
    text = place.joinpath("plan.c").read_text()
    for name in ("team.h", "windows.h"):
        text = text.replace(f"/*{name}*/", place.joinpath(name).read_text())
    path = compiler.library(text, default_directory())
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"{path} could not be loaded: {error}") from error
    run, team_alone, team_size = library.minigrad_run, library.minigrad_team_alone, library.minigrad_team_size
    run.argtypes = (ctypes.c_void_p,)
    run.restype = ctypes.c_int64
    blas_hold = library.minigrad_blas_hold
    blas_hold.argtypes, blas_hold.restype = (ctypes.c_void_p, ctypes.c_int64), None
    for function, n in ((team_alone, 1), (team_size, 2)):
        function.argtypes = (ctypes.c_int64,) * n
        function.restype = None
    team_size(thread_count(), processors())
    blas = blas_thread_functions()
    if blas is not None:
        library.minigrad_blas_threads.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        library.minigrad_blas_threads.restype = None
        library.minigrad_blas_threads(*blas)
    return PlanLibrary(library, run, team_alone, blas_hold)
