"""The slow ways through a call of an op.

Lists among its arguments, what is no numbers, errors of its kernel. The tape knows them as methods of `Op`, which are
set here.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import IndexKeyError, MinigradError, OpError, ShapeError
from minigrad.core.op import Op
from minigrad.core.types import Array, Kwargs

__all__ = ["as_array", "as_arrays", "describe_error", "install"]

_PLAIN = (bool, int, float, np.generic, np.ndarray)


def as_arrays(op: Op, args: tuple[object, ...]) -> tuple[object, ...]:
    """Arguments without a Tensor, lists among them as arrays.

    Python numbers stay what they are.

    Raises:
        TypeError: they are too many: a ufunc would take a surplus array for its output, and write into it.
        OpError: one is no real numbers; names op and argument.
    """
    if len(args) > len(op.arguments) and not op.arguments[-1].variadic:
        names = ", ".join(a.name for a in op.arguments)
        raise TypeError(f"op {op.name!r} takes ({names}), {len(args)} positional arguments given")
    return tuple(a if isinstance(a, _PLAIN) else as_array(op, i, a) for i, a in enumerate(args))


def as_array(op: Op, index: int, a: object) -> Array:
    """A list, or an array of another library, as an array.

    Raises:
        OpError: it is no real numbers; names op and argument.
    """
    try:
        array = np.asarray(a)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise OpError(
            f"op {op.name!r}: argument {_argument(op, index)!r} is {type(a).__name__} of dtype {array.dtype}; "
            "real numbers are needed"
        )
    return array


def _argument(op: Op, index: int) -> str:
    return op.arguments[min(index, len(op.arguments) - 1)].name


def describe_error(op: Op, values: tuple[object, ...], kwargs: Kwargs, error: Exception) -> Exception:
    """Describe an error that the forward function of `op` raised.

    Returns an error that names op, shapes and keyword arguments.
    """
    if isinstance(error, MinigradError):
        return error
    shapes = ", ".join(
        f"{_argument(op, i)} {getattr(v, 'shape', ())} {getattr(v, 'dtype', type(v).__name__)}"
        for i, v in enumerate(values)
    )
    options = "".join(f", {k}={v!r:.60}" for k, v in kwargs.items())
    message = f"op {op.name!r} cannot take ({shapes:.120}{options:.100}): {error}"[:299]
    if isinstance(error, ValueError | IndexError):
        return (IndexKeyError if isinstance(error, IndexError) else ShapeError)(message)
    if isinstance(error, TypeError | ArithmeticError | AttributeError):
        return OpError(message)
    return error


def install() -> None:
    """Give ops these functions as methods."""
    Op.as_array, Op.as_arrays, Op.describe_error = as_array, as_arrays, describe_error  # type: ignore[assignment]
