"""What functions of arrays refuse before they ask for a shape."""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ArgumentError
from minigrad.core.types import TensorBase

__all__ = ["require_array", "require_numbers"]


def require_array(function: str, x: object) -> None:
    """Refuse what is neither Tensor nor array, before its shape is asked for.

    Raises:
        ArgumentError: names the function and what it got.
    """
    if not isinstance(x, TensorBase | np.ndarray | np.generic):
        raise ArgumentError(f"{function} takes Tensors or arrays, got a {type(x).__name__}")


def require_numbers(function: str, a: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    """Refuse an array of dates, texts or complex numbers, which a cast makes numbers of.

    Raises:
        ArgumentError: names the function and the dtype.
    """
    if a.dtype.kind not in "fiub":
        raise ArgumentError(f"{function} takes real numbers, got an array of dtype {a.dtype}")
