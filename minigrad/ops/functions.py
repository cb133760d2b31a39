"""Functions with NumPy's signatures, composed of registered ops: arrays in, arrays out; Tensors in, Tensors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.core.types import Axis, Key, Shape
from minigrad.ops import contract, elementwise, index, reduce, shape
from minigrad.typing import V


def sum(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Sum over `axis` (all axes by default)."""
    return reduce.sum(x, axis=axis, keepdims=keepdims)


def mean(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Mean over `axis` (all axes by default)."""
    return reduce.mean(x, axis=axis, keepdims=keepdims)


def max(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Largest entry over `axis`; ties share the gradient equally."""
    return reduce.max(x, axis=axis, keepdims=keepdims)


def min(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """Smallest entry over `axis`; ties share the gradient equally."""
    return reduce.min(x, axis=axis, keepdims=keepdims)


def var(x: V, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> V:
    """Variance over `axis`, divided by the number of entries less `ddof`."""
    centred: V = x - reduce.mean(x, axis=axis, keepdims=True)
    squares: V = elementwise.square(centred)
    return reduce.sum(squares, axis=axis, keepdims=keepdims) / float(reduce.count(x.shape, axis) - ddof)


def std(x: V, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> V:
    """Standard deviation over `axis`: the square root of `var`."""
    return elementwise.sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims))


def logsumexp(x: V, axis: Axis = None, keepdims: bool = False) -> V:
    """log(sum(exp(x))) over `axis`, without overflow."""
    return reduce.logsumexp(x, axis=axis, keepdims=keepdims)


def softmax(x: V, axis: int = -1) -> V:
    """exp(x) / sum(exp(x)) along `axis`, without overflow."""
    return reduce.softmax(x, axis=axis)


def log_softmax(x: V, axis: int = -1) -> V:
    """x - logsumexp(x) along `axis`."""
    return reduce.log_softmax(x, axis=axis)


def reshape(x: V, shape: int | Shape) -> V:
    """The same entries in another shape; one length may be -1."""
    return _shape_op("reshape", x, shape=_lengths(shape))


def ravel(x: V) -> V:
    """All entries in one axis."""
    return _shape_op("reshape", x, shape=(-1,))


def transpose(x: V, axes: Shape | None = None) -> V:
    """x with its axes in the order `axes` (reversed by default)."""
    return _shape_op("transpose", x, axes=None if axes is None else tuple(axes))


def swapaxes(x: V, axis1: int, axis2: int) -> V:
    """Two axes exchanged."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, tuple(order))


def moveaxis(x: V, source: int, destination: int) -> V:
    """One axis moved to another position."""
    order = [i for i in range(x.ndim) if i != source % x.ndim]
    order.insert(destination % x.ndim, source % x.ndim)
    return transpose(x, tuple(order))


def broadcast_to(x: V, shape: int | Shape) -> V:
    """x repeated along new axes and axes of length one, until it has `shape`."""
    return _shape_op("broadcast_to", x, shape=_lengths(shape))


def expand_dims(x: V, axis: int | Shape) -> V:
    """x with new axes of length one at `axis` (positions in the result)."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    count = x.ndim + len(axes)
    at = {a % count for a in axes}
    lengths = iter(x.shape)
    return reshape(x, tuple(1 if i in at else next(lengths) for i in range(count)))


def squeeze(x: V, axis: int | Shape | None = None) -> V:
    """x without its axes of length one (without those at `axis`, which must have length one)."""
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    at = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
    if any(x.shape[a] != 1 for a in at):
        raise ValueError(f"squeeze: axis {axis} of shape {x.shape} has not length one")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in at))


def concatenate(arrays: Sequence[V], axis: int = 0) -> V:
    """Arrays joined along `axis`."""
    return shape.concatenate(*arrays, axis=axis)


def stack(arrays: Sequence[V], axis: int = 0) -> V:
    """Arrays of one shape joined along a new axis."""
    return concatenate([expand_dims(a, axis) for a in arrays], axis=axis)


def dot(a: V, b: V) -> V:
    """Inner product of 1-d arguments, matrix product of 2-d ones, as numpy.dot for up to two axes."""
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim > 2:
        raise ValueError(f"dot: for b with {b.ndim} axes use matmul or einsum, which say what is meant")
    return contract.matmul(a, b)


def clip(x: V, low: float | None = None, high: float | None = None) -> V:
    """x moved into [low, high]."""
    return elementwise.clip(x, low=low, high=high)


def take(x: V, indices: Key, axis: int | None = None) -> V:
    """Entries of x at `indices` along `axis` (of the flattened x by default); indices may repeat."""
    if axis is None:
        return index.getitem(ravel(x), key=(indices,))
    before: tuple[slice, ...] = (slice(None),) * (axis % x.ndim)
    return index.getitem(x, key=(*before, indices))


def _shape_op(name: str, x: V, **meta: object) -> V:
    return REGISTRY[name](x, **meta)


def _lengths(shape: int | Shape) -> Shape:
    return (shape,) if isinstance(shape, int | np.integer) else tuple(shape)


def _max(a: V, axis: Axis = None, out: None = None, keepdims: bool = False) -> V:
    return max(a, axis, keepdims)


def _min(a: V, axis: Axis = None, out: None = None, keepdims: bool = False) -> V:
    return min(a, axis, keepdims)


def _sum(a: V, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False) -> V:
    return sum(a if dtype is None else shape.astype(a, dtype=np.dtype(dtype)), axis, keepdims)


def _mean(a: V, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False) -> V:
    return mean(a if dtype is None else shape.astype(a, dtype=np.dtype(dtype)), axis, keepdims)


def _var(a: V, axis: Axis = None, dtype: None = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> V:
    return var(a, axis, ddof, keepdims)


def _std(a: V, axis: Axis = None, dtype: None = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> V:
    return std(a, axis, ddof, keepdims)


def _clip(a: V, a_min: float | None = None, a_max: float | None = None, out: None = None) -> V:
    scalars = all(b is None or isinstance(b, int | float) for b in (a_min, a_max))
    if scalars:
        return clip(a, a_min, a_max)
    low = a if a_min is None else elementwise.maximum(a, a_min)
    return low if a_max is None else elementwise.minimum(low, a_max)


def _reshape(a: V, shape: int | Shape, order: str = "C") -> V:
    if order != "C":
        raise TypeError(f"reshape on a Tensor knows order='C' only, not {order!r}: transpose first")
    return reshape(a, shape)


_HANDLERS: dict[Callable[..., object], Callable[..., object]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.amax: _max,
    np.min: _min,
    np.amin: _min,
    np.var: _var,
    np.std: _std,
    np.reshape: _reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.broadcast_to: broadcast_to,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.concatenate: concatenate,
    np.stack: stack,
    np.dot: dot,
    np.clip: _clip,
    np.where: elementwise.where,
    np.take: take,
}

for _function, _handler in _HANDLERS.items():
    REGISTRY.implement(_function, _handler)
