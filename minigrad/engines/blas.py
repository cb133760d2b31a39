"""The matrix library that NumPy has loaded.

NumPy's wheels bring an OpenBLAS of their own, whose functions have names of their own and 64-bit sizes. Calls of the
same functions with the same arguments give the bits that NumPy gives.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock

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
        self._lock = Lock()
        self._users = 0
        self._before = 1
        addresses = blas_thread_functions()
        self.is_known = addresses is not None
        get, put = addresses or (0, 0)
        self._get = ctypes.CFUNCTYPE(ctypes.c_int)(get)
        self._set = ctypes.CFUNCTYPE(None, ctypes.c_int)(put)

    def rest(self, begins: bool) -> None:
        """One thread from now on, or as many as before.

        That at the end of the last block that wants one.
        """
        with self._lock:
            if begins and not self._users:
                self._before = self._get()
            self._users += 1 if begins else -1
            if self._before > 1 and self._users == int(begins):
                self._set(1 if begins else self._before)


@cache
def _threads(process: int) -> _Threads:
    """Those of this process: a fork may have left the lock held."""
    return _Threads()


@contextmanager
def one_blas_thread() -> Iterator[bool]:
    """Inside the block the library works on one thread, for all threads that call it.

    Yields whether it does: False for a library that is not known.
    """
    threads = _threads(os.getpid())
    if not threads.is_known:
        yield False
        return
    threads.rest(True)
    try:
        yield True
    finally:
        threads.rest(False)


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenBLAS beside NumPy, if NumPy has brought one.

    The file is loaded already, and is not loaded again.
    """
    home = Path(np.__file__).parent
    for folder in (home.parent / _FOLDERS[0], home / _FOLDERS[1]):
        for path in sorted(folder.glob("lib*openblas*")):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                continue
    return None
