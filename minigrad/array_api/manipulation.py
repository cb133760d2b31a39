"""Functions that move, join and repeat entries."""

from __future__ import annotations

import numpy as np

from minigrad.array_api.calls import apply, plain
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Axis, Shape
from minigrad.ops.numpy.errors import NotProvided

Tensors = list[Tensor] | tuple[Tensor, ...]


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """The Tensors in the shape that all of them broadcast to."""
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return [broadcast_to(a, shape) for a in arrays]


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that all of these broadcast to.

    Raises:
        ShapeError: they do not fit.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"shapes {', '.join(map(str, shapes))} do not broadcast to one") from None


def broadcast_to(x: Tensor, /, shape: Shape) -> Tensor:
    """x repeated along axes of length one, or new ones, to a shape."""
    return apply(np.broadcast_to, x, tuple(shape))


def concat(arrays: Tensors, /, *, axis: int | None = 0) -> Tensor:
    """Tensors behind one another along an axis; flattened if it is None."""
    parts = list(arrays)
    dtype = np.result_type(*(a.dtype for a in parts))
    parts = [a if a.dtype == dtype else a.astype(dtype) for a in parts]
    if axis is None:
        return apply(np.concatenate, [reshape(a, (-1,)) for a in parts])
    return apply(np.concatenate, parts, axis=axis)


def expand_dims(x: Tensor, /, axis: int | Shape = 0) -> Tensor:
    """x with new axes of length one.

    Raises:
        IndexError: a position is out of range.
    """
    added = axis if isinstance(axis, tuple) else (axis,)
    ndim = x.ndim + len(added)
    if any(not -ndim <= a < ndim for a in added):
        raise IndexError(f"expand_dims: axis {axis} is out of range for a result of {ndim} axes")
    return apply(np.expand_dims, x, axis)


def flip(x: Tensor, /, *, axis: Axis = None) -> Tensor:
    """Entries in reversed order along axes (all by default)."""
    return apply(np.flip, x, axis=axis)


def moveaxis(x: Tensor, source: int | Shape, destination: int | Shape, /) -> Tensor:
    """Axes moved to other places; the rest keeps its order."""
    return apply(np.moveaxis, x, source, destination)


def permute_dims(x: Tensor, /, axes: Shape) -> Tensor:
    """Axes in another order."""
    return apply(np.transpose, x, tuple(axes))


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each entry several times, along `axis` or of the flattened Tensor."""
    return apply(np.repeat, x, plain(repeats), axis=axis)


def reshape(x: Tensor, /, shape: Shape, *, copy: bool | None = None) -> Tensor:
    """The entries in another shape, of which one length may be -1.

    Raises:
        NotProvided: `copy=False` with entries that would have to move.
    """
    y = apply(np.reshape, x, tuple(shape))
    if copy is False and x.size and not np.shares_memory(y.detach().numpy(), x.detach().numpy()):
        raise NotProvided(f"reshape: {x.shape} to {shape} moves these entries in memory; leave out copy=False")
    return y


def roll(x: Tensor, /, shift: int | Shape, *, axis: Axis = None) -> Tensor:
    """Entries moved on along axes; those that leave come back at the start."""
    return apply(np.roll, x, shift, axis=axis)


def squeeze(x: Tensor, /, axis: int | Shape) -> Tensor:
    """Without these axes, which have length one."""
    return apply(np.squeeze, x, axis=axis)


def stack(arrays: Tensors, /, *, axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    return apply(np.stack, list(arrays), axis=axis)


def tile(x: Tensor, repetitions: Shape, /) -> Tensor:
    """x several times along each axis."""
    return apply(np.tile, x, tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    front = moveaxis(x, axis, 0)
    return tuple(front[i] for i in range(front.shape[0]))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Slices at `indices` along `axis`, which may be left out for one axis."""
    return apply(np.take, x, plain(indices), axis=0 if axis is None else axis)


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The entries at `indices` along `axis`, for each place of the others."""
    return apply(np.take_along_axis, x, plain(indices), axis=axis)
