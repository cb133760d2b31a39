"""Splitting arrays into parts and joining parts, as NumPy names it.

Registered on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.errors import ArgumentError
from minigrad.ops.arrangement.manipulation import along
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import concatenate, reshape
from minigrad.ops.index import getitem
from minigrad.typing import Array, V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)


@op(
    name="stack",
    xs=real(),
    linear=True,
    shapes=[((2, 3), (2, 3)), ((4,),), ((), (), ())],
    params=[{"axis": 0}, {"axis": -1}],
)
def _stack(*xs: Array, axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis."""
    if any(x.shape != xs[0].shape for x in xs):
        raise ValueError(f"stack needs arrays of one shape, not {', '.join(str(x.shape) for x in xs)}")
    place = axis + xs[0].ndim + 1 if axis < 0 else axis
    if not 0 <= place <= xs[0].ndim:
        raise ValueError(f"stack: axis {axis} is out of range for arrays with {xs[0].ndim} axes")
    y = np.empty((*xs[0].shape[:place], len(xs), *xs[0].shape[place:]), dtype=np.result_type(*xs))
    rows = np.moveaxis(y, place, 0)
    for k, x in enumerate(xs):
        rows[k] = x
    return y


@_stack.vjp("xs")
def _(g: V, y: V, *xs: V, axis: int) -> tuple[V, ...]:
    before: tuple[slice, ...] = (slice(None),) * normalize_axis_index(axis, y.ndim)
    return tuple(getitem(g, key=(*before, k)) for k in range(len(xs)))


family.add(_stack)
family.register()


def stack(arrays: Sequence[V], axis: int = 0) -> V:
    """Arrays of one shape joined along a new axis."""
    if not isinstance(arrays, Iterable):
        raise ArgumentError(f"stack takes several Tensors or arrays, got a {type(arrays).__name__}")
    return _stack(*arrays, axis=axis)


def _cuts(length: int, where_to: int | Sequence[int]) -> list[int]:
    if isinstance(where_to, int | np.integer):
        long, extra = divmod(length, int(where_to))
        return [long * k + min(k, extra) for k in range(1, int(where_to))]
    return [int(c) for c in where_to]


def array_split(x: V, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[V]:
    """x cut along `axis` into so many parts of nearly equal length, or at the given places."""
    cuts: list[int] = _cuts(x.shape[axis], indices_or_sections)
    bounds = zip([None, *cuts], [*cuts, None], strict=True)
    return [getitem(x, key=along(axis, x.ndim, slice(a, b))) for a, b in bounds]


def split(x: V, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[V]:
    """x cut along `axis` into so many parts of one length, or at the given places."""
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError(f"split: {x.shape[axis]} entries do not divide into {indices_or_sections} parts")
    return array_split(x, indices_or_sections, axis)


def hsplit(x: V, indices_or_sections: int | Sequence[int]) -> list[V]:
    """x split along axis 1 (axis 0 if it has one axis)."""
    return split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


def vsplit(x: V, indices_or_sections: int | Sequence[int]) -> list[V]:
    """x split along axis 0."""
    return split(x, indices_or_sections, 0)


def dsplit(x: V, indices_or_sections: int | Sequence[int]) -> list[V]:
    """x split along axis 2."""
    return split(x, indices_or_sections, 2)


def unstack(x: V, axis: int = 0) -> tuple[V, ...]:
    """The slices of x along `axis`."""
    return tuple(getitem(x, key=along(axis, x.ndim, i)) for i in range(x.shape[axis]))


def _one_axis(x: V) -> V:
    return reshape(x, (1,)) if x.ndim == 0 else x


def _two_axes(x: V) -> V:
    return x if x.ndim >= 2 else reshape(x, (1, x.size))


def _three_axes(x: V) -> V:
    if x.ndim >= 3:
        return x
    return reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))


def atleast_1d(*arrays: V) -> V | tuple[V, ...]:
    """Give each array at least one axis; several come back as a tuple."""
    return _one_axis(arrays[0]) if len(arrays) == 1 else tuple(_one_axis(x) for x in arrays)


def atleast_2d(*arrays: V) -> V | tuple[V, ...]:
    """Give each array at least two axes: a vector becomes a row; several come back as a tuple."""
    return _two_axes(arrays[0]) if len(arrays) == 1 else tuple(_two_axes(x) for x in arrays)


def atleast_3d(*arrays: V) -> V | tuple[V, ...]:
    """Give each array at least three axes; several come back as a tuple.

    (n,) becomes (1, n, 1), and (m, n) becomes (m, n, 1).
    """
    return _three_axes(arrays[0]) if len(arrays) == 1 else tuple(_three_axes(x) for x in arrays)


def hstack(arrays: Sequence[V]) -> V:
    """Arrays joined along axis 1 (axis 0 if they have one axis)."""
    whole = [_one_axis(a) for a in arrays]
    return concatenate(whole, axis=0 if whole[0].ndim == 1 else 1)


def vstack(arrays: Sequence[V]) -> V:
    """Arrays joined along axis 0, vectors as rows."""
    return concatenate([_two_axes(a) for a in arrays], axis=0)


def dstack(arrays: Sequence[V]) -> V:
    """Arrays joined along axis 2."""
    return concatenate([_three_axes(a) for a in arrays], axis=2)


def column_stack(arrays: Sequence[V]) -> V:
    """Arrays joined along axis 1, vectors as columns."""
    return concatenate([a if a.ndim > 1 else reshape(a, (a.size, 1)) for a in arrays], axis=1)


def append(x: V, values: V, axis: int | None = None) -> V:
    """`values` joined to the end of x along `axis` (both flattened by default)."""
    return concatenate([x, values], axis=axis)
