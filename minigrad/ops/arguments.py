"""What functions of arrays make of lists and numbers.

And what they refuse before they ask for a shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import lazy
from minigrad.core.errors import ArgumentError
from minigrad.core.types import TensorBase

__all__ = ["as_input", "as_operand", "as_real", "described", "require_array", "require_numbers"]


def as_operand(value: object) -> object:
    """A Tensor as it is, a list with Tensors in it as one Tensor, and all else as an array."""
    if isinstance(value, TensorBase):
        return value
    if isinstance(value, list | tuple) and _holds_tensor(value):
        stack: Callable[..., object] = lazy.load("minigrad.ops.arrangement.split_join", "stack")
        return stack([as_operand(v) for v in value])
    return np.asarray(value)


def _holds_tensor(value: object) -> bool:
    return isinstance(value, TensorBase) or (isinstance(value, list | tuple) and any(map(_holds_tensor, value)))


def as_real(function: str, argument: str, value: object, complex_too: bool = False) -> object:
    """`as_operand` of real numbers.

    Args:
        function: for messages.
        argument: its name, for messages.
        value: what was given.
        complex_too: whether complex numbers will do.

    Raises:
        ArgumentError: `value` is no real numbers, or lists of several lengths; names function and argument.
    """
    try:
        array = as_operand(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError(f"{function}: {argument} is no array: {error}"[:299]) from None
    kinds = "fiubc" if complex_too else "fiub"
    if not isinstance(array, TensorBase) and isinstance(array, np.ndarray) and array.dtype.kind not in kinds:
        raise ArgumentError(
            f"{function}: {argument} must be a Tensor, an array or a list of real numbers; got {described(value)}"
        )
    return array


def as_input(function: str, argument: str, value: object) -> Any:
    """A Tensor or array as it is, and all else by `as_real`."""
    return value if isinstance(value, TensorBase | np.ndarray) else as_real(function, argument, value)


def described(value: object) -> str:
    """The kind of a value, for messages."""
    kind = "None" if value is None else type(value).__name__
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        return f"{kind} of dtype {dtype}"
    return f"{kind} of {type(value[0]).__name__}" if isinstance(value, list | tuple) and value else kind


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
