"""Functions of one row made functions of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import GradientError, ShapeError
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.transforms.pytree import flatten

Axes: TypeAlias = int | Sequence[int | None] | None


def vmap(f: Callable[..., object], in_axes: Axes = 0, out_axes: int = 0) -> Callable[..., object]:
    """Make a function that calls `f` on each row of its arguments and stacks the results.

    Gradients of any order pass through, so `vmap(grad(loss), (None, 0, 0))` gives the gradients of single examples. `f`
    is called once for each row: functions that take batches as they are remain the quicker way.

    Args:
        f: takes and returns numbers, arrays, Tensors or containers of them, of the same structure for each row.
        in_axes: the axis along which the rows of each argument lie (for a container, of all its leaves), or None for
            an argument that is handed on whole; one for all arguments, or one for each.
        out_axes: the axis along which results are stacked.

    Raises:
        GradientError: when called: `in_axes` are not one for each argument, or all are None.
        ShapeError: when called: arguments have different numbers of rows, or none.
    """

    def mapped(*args: object, **kwargs: object) -> object:
        axes = (in_axes,) * len(args) if in_axes is None or isinstance(in_axes, int) else tuple(in_axes)
        if len(axes) != len(args):
            raise GradientError(f"vmap: in_axes {axes} name {len(axes)} arguments, and {len(args)} are given")
        results = [f(*(_row(a, axis, k) for a, axis in zip(args, axes, strict=True)), **kwargs)
                   for k in range(_count(args, axes))]  # fmt: skip
        parts, rebuild = [flatten(r)[0] for r in results], flatten(results[0])[1]
        return rebuild([_stacked(leaves, out_axes) for leaves in zip(*parts, strict=True)])

    return mapped


def _count(args: Sequence[object], axes: Sequence[int | None]) -> int:
    """Count the rows of the arguments."""
    counts = {
        _shape(leaf)[axis] for a, axis in zip(args, axes, strict=True) if axis is not None for leaf in flatten(a)[0]
    }
    if not counts:
        raise GradientError("vmap: in_axes give no argument an axis of rows")
    if len(counts) > 1 or 0 in counts:
        raise ShapeError(f"vmap: arguments have {sorted(counts)} rows; one number above 0 is needed")
    return int(counts.pop())


def _shape(leaf: object) -> Shape:
    return leaf.shape if isinstance(leaf, Tensor) else np.asarray(leaf).shape


def _row(tree: object, axis: int | None, k: int) -> object:
    if axis is None:
        return tree
    leaves, rebuild = flatten(tree)
    return rebuild([_picked(leaf, axis, k) for leaf in leaves])


def _picked(leaf: object, axis: int, k: int) -> object:
    x = leaf if isinstance(leaf, Tensor) else np.asarray(leaf)
    key: tuple[slice | int, ...] = (*(slice(None),) * (axis % x.ndim), k)
    return x[key]


def _stacked(leaves: Sequence[object], axis: int) -> Array | Tensor:
    if not any(isinstance(leaf, Tensor) for leaf in leaves):
        return np.stack([np.asarray(leaf) for leaf in leaves], axis=axis)
    shape = list(_shape(leaves[0]))
    place = axis % (len(shape) + 1)
    shape.insert(place, 1)
    rows = [REGISTRY["reshape"].apply(leaf, shape=tuple(shape)) for leaf in leaves]
    return REGISTRY["concatenate"].apply(*rows, axis=place)


__all__ = ["vmap"]
