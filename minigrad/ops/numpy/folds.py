"""Methods of binary ufuncs that have no function of their own.

One call an entry of the axis.
"""

from __future__ import annotations

from collections.abc import Callable

from minigrad.core.tensor import Tensor
from minigrad.ops.arrangement.split_join import stack, unstack
from minigrad.ops.functions import expand_dims, ravel

__all__ = ["accumulate", "reduce"]


def reduce(f: Callable[..., Tensor], x: Tensor, axis: int | None = 0, keepdims: bool = False) -> Tensor:
    """f(f(x[0], x[1]), x[2]) and so on along `axis`, or over all entries where it is None.

    Raises:
        ValueError: there are no entries along the axis.
    """
    if axis is None:
        y = reduce(f, ravel(x))
        return expand_dims(y, tuple(range(x.ndim))) if keepdims else y
    y = _folded(f, x, axis)[-1]
    return expand_dims(y, axis) if keepdims else y


def accumulate(f: Callable[..., Tensor], x: Tensor, axis: int = 0) -> Tensor:
    """x[0], f(x[0], x[1]), f of that and x[2], and so on along `axis`.

    Raises:
        ValueError: there are no entries along the axis.
    """
    return stack(_folded(f, x, axis), axis=axis)


def _folded(f: Callable[..., Tensor], x: Tensor, axis: int) -> list[Tensor]:
    parts = unstack(x, axis)
    if not parts:
        raise ValueError(f"a fold along axis {axis} of {x.shape} has no entries")
    results = [parts[0]]
    for part in parts[1:]:
        results.append(f(results[-1], part))
    return results
