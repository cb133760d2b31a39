"""NumPy functions on fake arrays, recorded as calls of ops without gradient.

None flows through them in eager, either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from minigrad.core.op import REQUIRED, Claims, Op
from minigrad.core.types import Array

__all__ = ["METHODS", "function_name", "is_recordable", "numpy_op"]

_WRITES = frozenset(
    {
        *("copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "save", "savez", "savetxt"),
        *("savez_compressed", "array_repr", "array_str", "array2string", "shares_memory", "may_share_memory"),
    }
)
"""Functions that write to their arguments or to files, or look at more than numbers."""

METHODS: tuple[str, ...] = (
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "cumprod", "cumsum"),
    *(
        "diagonal",
        "dot",
        "flatten",
        "max",
        "mean",
        "min",
        "nonzero",
        "prod",
        "ravel",
        "repeat",
        "round",
        "searchsorted",
    ),
    *("squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var"),
)
"""Methods of arrays that only compute."""


def is_recordable(function: Callable[..., object], kwargs: Mapping[str, object]) -> bool:
    """Whether a function of NumPy's only computes, so that a program can repeat it."""
    return function_name(function) not in _WRITES and kwargs.get("out") is None


def function_name(function: Callable[..., object]) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", function))


def numpy_op(function: Callable[..., object]) -> Op:
    """Make an op without a rule that calls `function`.

    Its operands stand in the keyword arguments `args` and `kwargs`.
    """
    kwargs = MappingProxyType({"function": REQUIRED, "args": REQUIRED, "kwargs": REQUIRED})
    return Op(f"numpy.{function_name(function)}", _call, (), kwargs, Claims(piecewise_constant=True))


def _call(
    *, function: Callable[..., object], args: tuple[object, ...], kwargs: tuple[tuple[str, object], ...]
) -> Array | tuple[Array, ...]:
    """`function(*args, **kwargs)`, with lists of arrays as tuples."""
    result = function(*args, **dict(kwargs))
    return tuple(map(np.asarray, result)) if isinstance(result, list | tuple) else np.asarray(result)
