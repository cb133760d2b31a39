"""Arguments and results of a step.

What a program depends on, and where traced values stand in them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from minigrad.core.tensor import Tensor, from_array
from minigrad.core.types import Array
from minigrad.program.trace.fake_array import FakeArray
from minigrad.program.trace.recorder import Recorder
from minigrad.transforms.pytree import flatten

__all__ = ["replace_arrays", "signature", "split_result"]


def signature(args: tuple[object, ...], arrays: list[Array]) -> tuple[Hashable, ...]:
    """What of the arguments a program depends on; their numbers go to `arrays`."""
    key: list[Hashable] = []
    for a in args:
        if type(a) is np.ndarray:
            arrays.append(a)
            key.append((a.shape, a.dtype))
        elif isinstance(a, Tensor) and not a._node.requires_grad:
            arrays.append(a._node.value)
            key.append((a.shape, a.dtype, "Tensor"))
        elif isinstance(a, list | tuple):
            key.append((type(a), *signature(tuple(a), arrays)))
        elif isinstance(a, dict):
            key.append((dict, tuple(a), *signature(tuple(a.values()), arrays)))
        elif isinstance(a, float):  # 0.0 and -0.0 are equal, and NaN is not
            key.append((type(a), a if a and a == a else repr(a)))
        elif isinstance(a, np.generic):
            key.append((type(a), a.dtype, a.tobytes()))
        elif isinstance(a, bool | int | str | bytes | None):
            key.append((type(a), a))
        elif isinstance(a, slice):
            key.append((slice, *signature((a.start, a.stop, a.step), arrays)))
        else:
            key.append((type(a), id(a)))
    return tuple(key)


def replace_arrays(item: object, enter: Callable[[Array], Tensor]) -> object:
    """Replace the arrays in arguments by Tensors that `enter` makes.

    In the order of `_signature`.
    """
    if type(item) is np.ndarray:
        return enter(item)
    if isinstance(item, Tensor) and not item._node.requires_grad:
        return enter(item._node.value)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        kind: Callable[..., object] = type(item)
        return kind(*(replace_arrays(x, enter) for x in item))
    if isinstance(item, list | tuple):
        parts = [replace_arrays(x, enter) for x in item]
        return parts if isinstance(item, list) else tuple(parts)
    if isinstance(item, dict):
        return {k: replace_arrays(v, enter) for k, v in item.items()}
    return item


def split_result(result: object, recorder: Recorder) -> tuple[list[int], Callable[[list[Array]], object]]:
    """Split a step's result into its traced values and the way back.

    The way back is a function that puts numbers in their places.
    """
    if isinstance(result, Tensor) and isinstance(result._node.value, FakeArray):
        return [recorder.index_of(result._node.value)], lambda numbers: from_array(numbers[0])
    leaves, rebuild = flatten(result)
    places: list[int] = []
    outputs: list[int] = []
    for i, leaf in enumerate(leaves):
        value = leaf._node.value if isinstance(leaf, Tensor) else leaf
        if isinstance(value, FakeArray):
            places.append(i)
            leaves[i] = None  # let go of the trace
            outputs.append(recorder.index_of(value))

    def back(numbers: list[Array]) -> object:
        new = list(leaves)
        for i, number in zip(places, numbers, strict=True):
            new[i] = from_array(number)
        return rebuild(new)

    return outputs, back
