"""Arguments and results of a step.

What a program depends on, and where traced values stand in them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs
import numpy as np

from minigrad.core.graph import Constant, Leaf
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape

_PLAIN = (bool, int, str, bytes, type(None))

__all__ = ["InputForms", "is_optimized", "replace_arrays", "signature"]


def is_optimized(t: Tensor) -> bool:
    """Whether an optimizer trains a Tensor: as an argument it is itself, and not only numbers."""
    return isinstance(t._node, Leaf) and t._node.sink.buffer is not None


@attrs.frozen(eq=False)
class InputForms:
    """The kinds of the arguments of a call, where all are arrays or Tensors of plain numbers.

    A call whose arguments are of the same kinds has the same signature.

    Attributes:
        records: whether graphs are recorded.
        kinds: type, shape and dtype of each argument.
    """

    records: bool
    kinds: tuple[tuple[type, Shape, np.dtype[np.generic]], ...]

    @classmethod
    def of(cls, records: bool, args: tuple[object, ...]) -> InputForms | None:
        """The kinds of `args`; None if one is something else."""
        kinds: list[tuple[type, Shape, np.dtype[np.generic]]] = []
        for a in args:
            if type(a) is Tensor and type(a._node) is Constant:
                kinds.append((Tensor, a.shape, a.dtype))
            elif type(a) is np.ndarray:
                kinds.append((np.ndarray, a.shape, a.dtype))
            else:
                return None
        return cls(records, tuple(kinds))

    def match(self, args: tuple[object, ...]) -> tuple[Array, ...] | None:
        """The numbers of arguments of the same kinds; None if they are of others."""
        if len(args) != len(self.kinds):
            return None
        arrays: list[Array] = []
        for a, (kind, shape, dtype) in zip(args, self.kinds, strict=False):
            if type(a) is not kind:
                return None
            if kind is Tensor:
                node = a._node  # type: ignore[attr-defined]
                if type(node) is not Constant:
                    return None
                a = node.value
            if a.shape != shape or a.dtype is not dtype:  # type: ignore[attr-defined]
                return None
            arrays.append(a)  # type: ignore[arg-type]
        return tuple(arrays)


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
        elif isinstance(a, Tensor) and not is_optimized(a):
            if a._node.requires_grad:
                tracked.append(a)
            arrays.append(a._node.value)
            key.append((a.shape, a.dtype, "Tensor"))
        elif isinstance(a, list | tuple):
            key.append((type(a), *signature(tuple(a), arrays, tracked)))
        elif isinstance(a, dict):
            key.append((type(a), *signature((*a, *a.values()), arrays, tracked)))
        elif type(a) is float:  # 0.0 and -0.0 are equal, and NaN is not
            key.append((type(a), a if a and a == a else repr(a)))
        elif isinstance(a, np.generic):
            key.append((type(a), a.dtype, a.tobytes()))
        elif type(a) in _PLAIN:
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
    if tensors and isinstance(item, Tensor) and not is_optimized(item):
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
