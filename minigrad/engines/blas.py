"""The matrix library that NumPy has loaded.

NumPy's wheels bring an OpenBLAS of their own, whose functions have names of their own and 64-bit sizes. Calls of the
same functions with the same arguments give the bits that NumPy gives.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from threading import RLock

import numpy as np

__all__ = ["blas_function", "blas_thread_functions", "one_blas_thread"]

_NAMES = {"f4": "s", "f8": "d"}
_FORMS = ("scipy_cblas_{}64_", "cblas_{}64_")
_FOLDERS = ("numpy.libs", ".dylibs")


def blas_function(name: str, kind: str) -> int:
    """Address of a CBLAS function with 64-bit sizes for a C type; 0 where there is none.

    `name`: "gemm", "gemv" or "dot".
    """
    library = _library()
    if library is None:
        return 0
    for form in _FORMS:
        function = getattr(library, form.format(_NAMES[kind] + name), None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


def blas_thread_functions() -> tuple[int, int] | None:
    """Addresses of the functions that give and set how many threads the library uses.

    None where it has none.
    """
    library = _library()
    if library is None:
        return None
    for form in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
        functions = [getattr(library, form.format(verb), None) for verb in ("get", "set")]
        if None not in functions:
            get, put = (ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)  # type: ignore[arg-type]
            return get, put
    return None


class _Threads:
    """How many threads the library uses, and who wants it to use one."""

    def __init__(self) -> None:
        self._lock = RLock()  # a block may be forgotten, and so end, while another begins
        self._users: set[int] = set()
        self._before = 1
        addresses = blas_thread_functions()
        self.is_known = addresses is not None
        get, put = addresses or (0, 0)
        self._get = ctypes.CFUNCTYPE(ctypes.c_int)(get)
        self._set = ctypes.CFUNCTYPE(None, ctypes.c_int)(put)

    def rest(self, user: int, begins: bool) -> None:
        """One thread from now on, or as many as before.

        That at the end of the last block that wants one. May be interrupted anywhere, and then be said once more.
        """
        with self._lock:
            if begins and not self._users:
                self._before = self._get()
            (self._users.add if begins else self._users.discard)(user)
            if self._before > 1:
                self._set(1 if self._users else self._before)

    def go_on_in_child(self) -> None:
        """Begin anew: the threads that held the lock or wanted one are not in a child."""
        self._lock = RLock()
        self._users.clear()
        if self._before > 1:
            self._set(self._before)


@cache
def _threads() -> _Threads:
    threads = _Threads()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=threads.go_on_in_child)
    return threads


class one_blas_thread:
    """Inside the block the library works on one thread, for all that call it.

    The block's value is whether it does: False for a library that is not known. A block that Ctrl-C ends in the middle
    of its own beginning or end gives the threads back when it is forgotten.
    """

    _is_inside = False

    def __enter__(self) -> bool:
        threads = _threads()
        if threads.is_known:
            self._is_inside = True
            threads.rest(id(self), True)
        return threads.is_known

    def __exit__(self, *raised: object) -> None:
        if self._is_inside:
            _threads().rest(id(self), False)
            self._is_inside = False

    def __del__(self) -> None:
        self.__exit__()


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenBLAS beside NumPy, if NumPy has brought one.

    The file is loaded already, and is not loaded again.
    """
    home = os.path.dirname(np.__file__)
    for folder in (os.path.join(os.path.dirname(home), _FOLDERS[0]), os.path.join(home, _FOLDERS[1])):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else ()
        for name in names:
            if not name.startswith("lib") or "openblas" not in name:
                continue
            try:
                return ctypes.CDLL(os.path.join(folder, name))
            except OSError:
                continue
    return None
