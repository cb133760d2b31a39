"""Arguments and results of a step.

What a program depends on, and where traced values stand in them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array

__all__ = ["is_parameter", "replace_arrays", "signature"]


def is_parameter(t: Tensor) -> bool:
    """Whether an optimizer trains a Tensor: as an argument it is itself, and not only numbers."""
    return isinstance(t._node, Leaf) and t._node.sink.buffer is not None


def signature(args: tuple[object, ...], arrays: list[Array], tracked: list[Tensor]) -> tuple[Hashable, ...]:
    """What of the arguments a program depends on.

    Args:
        args: arguments, or what a container among them holds.
        arrays: takes their numbers.
        tracked: takes the Tensors that require a gradient, which are inputs only where none is recorded.
    """
    key: list[Hashable] = []
    for a in args:
        if type(a) is np.ndarray:
            arrays.append(a)
            key.append((a.shape, a.dtype))
        elif isinstance(a, Tensor) and not is_parameter(a):
            if a._node.requires_grad:
                tracked.append(a)
            arrays.append(a._node.value)
            key.append((a.shape, a.dtype, "Tensor"))
        elif isinstance(a, list | tuple):
            key.append((type(a), *signature(tuple(a), arrays, tracked)))
        elif isinstance(a, dict):
            key.append((dict, tuple(a), *signature(tuple(a.values()), arrays, tracked)))
        elif isinstance(a, float):  # 0.0 and -0.0 are equal, and NaN is not
            key.append((type(a), a if a and a == a else repr(a)))
        elif isinstance(a, np.generic):
            key.append((type(a), a.dtype, a.tobytes()))
        elif isinstance(a, bool | int | str | bytes | None):
            key.append((type(a), a))
        elif isinstance(a, slice):
            key.append((slice, *signature((a.start, a.stop, a.step), arrays, tracked)))
        else:
            key.append((type(a), id(a)))
    return tuple(key)


def replace_arrays(item: object, enter: Callable[[Array], Tensor], tensors: bool = True) -> object:
    """Replace the arrays in arguments by what `enter` makes, in `signature`'s order.

    With `tensors` also Tensors.
    """
    if type(item) is np.ndarray:
        return enter(item)
    if tensors and isinstance(item, Tensor) and not is_parameter(item):
        return enter(item._node.value)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        kind: Callable[..., object] = type(item)
        return kind(*(replace_arrays(x, enter, tensors) for x in item))
    if isinstance(item, list | tuple):
        parts = [replace_arrays(x, enter, tensors) for x in item]
        return parts if isinstance(item, list) else tuple(parts)
    if isinstance(item, dict):
        return {k: replace_arrays(v, enter, tensors) for k, v in item.items()}
    return item
