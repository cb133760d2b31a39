"""The matrix library that NumPy has loaded.

NumPy's wheels bring an OpenBLAS of their own, whose functions have names of their own and 64-bit sizes. Calls of the
same functions with the same arguments give the bits that NumPy gives.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["blas_function", "blas_thread_functions"]

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
