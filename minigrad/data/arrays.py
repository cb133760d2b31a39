"""Array types and the few array helpers that the whole room shares."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import cast

import numpy as np
from numpy.typing import NDArray

from minigrad.data.errors import DataError

AnyDtypeArray = NDArray[np.generic]
"""An array of any dtype, taken as an argument.

Images are uint8, tables float64, labels int64.
"""
Array = NDArray[np.float64]
"""An array that is handed out, statically of float64.

As in `minigrad.typing`, float64 stands for every real dtype.
"""
Labels = NDArray[np.int64]


def read_only(array: AnyDtypeArray) -> Array:
    """Return `array` itself when its memory is read-only, else a read-only copy."""
    part: object = array
    while isinstance(part, np.ndarray):
        if part.flags.writeable:
            array = array.copy()
            array.setflags(write=False)
            break
        part = part.base
    return any_real(array)


def any_real(array: AnyDtypeArray) -> Array:
    """`array` itself, of any real dtype, under its static stand-in."""
    return cast(Array, array)


def make_readonly(array: AnyDtypeArray) -> Array:
    """Make `array` and the arrays it is a view of read-only.

    For arrays the caller alone holds: no copy is made.
    """
    part: object = array
    while isinstance(part, np.ndarray):
        part.setflags(write=False)
        part = part.base
    return any_real(array)


def flat_rows(x: AnyDtypeArray) -> Array:
    """`x` as `(N, D)`, one row after the other; N may be 0."""
    return any_real(x).reshape(len(x), math.prod(x.shape[1:]))


def row_keys(x: AnyDtypeArray) -> list[bytes]:
    """Compute a 16-byte digest for each row of `x`, equal for rows of equal values.

    0.0 and -0.0 are equal values.
    """
    flat = flat_rows(np.ascontiguousarray(x))
    if flat.dtype.kind == "f":
        flat = np.add(flat, 0.0)
    return [blake2b(row.tobytes(), digest_size=16).digest() for row in flat]


def check_pair(x: AnyDtypeArray, y: AnyDtypeArray, x_name: str = "x", y_name: str = "y") -> None:
    """Raise DataError unless `x` and `y` have the same number (at least one axis) of rows."""
    for name, array in ((x_name, x), (y_name, y)):
        if array.ndim == 0:
            raise DataError(f"{name} is a scalar. Expected an array whose first axis runs over the rows.")
    if len(x) != len(y):
        raise DataError(
            f"{x_name} has {len(x)} rows (shape {x.shape}) but {y_name} has {len(y)} (shape {y.shape}). "
            "Give one target for each row."
        )


def whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """`value` when it is an integer in [low, high], else DataError.

    Booleans are not integers here.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise DataError(f"{name}={value!r}: expected an integer of at least {low}.")
    if high is not None and value > high:
        raise DataError(f"{name}={value!r}: expected an integer between {low} and {high}.")
    return int(value)


def real(name: str, value: float, low: float, high: float, *, open_ends: bool = False) -> float:
    """Check that `value` is a finite number in [low, high], and return it.

    With `open_ends` it must lie in (low, high).

    Raises:
        DataError: it is not.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    inside = number and (low < value < high if open_ends else low <= value <= high)
    if not inside:
        ends = f"({low:g}, {high:g})" if open_ends else f"[{low:g}, {high:g}]"
        raise DataError(f"{name}={value!r}: expected a number in {ends}.")
    return float(value)
