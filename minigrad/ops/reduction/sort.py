"""Sorting and order statistics. The order itself is an op without a derivative.

Registered on first use.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array, IndexArray
from minigrad.ops.arrangement.gather import pick
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import flip, ravel
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import distinct

family = OpFamily(lazy=True)


def _as_value(positions: IndexArray) -> Array:
    return positions  # type: ignore[return-value]  # the value of an op is an Array to mypy, of any dtype


@op(x=distinct(), piecewise_constant=True, params=[{"axis": 1}], shapes=[((2, 3, 4),)], name="argsort")
def order_of(x: Array, *, axis: int = -1) -> Array:
    """The positions that sort x along `axis`; equal entries stay in order."""
    return _as_value(np.argsort(x, axis=axis, kind="stable"))


@op(x=distinct(), piecewise_constant=True, params=[{"axis": 1, "kth": 1}], shapes=[((2, 3, 4),)], name="argpartition")
def partition_of(x: Array, *, kth: int, axis: int = -1) -> Array:
    """Find positions along `axis` such that place `kth` is right.

    Smaller entries lie before it and larger ones behind.
    """
    return _as_value(np.argpartition(x, kth, axis=axis))


@op(x=distinct(), piecewise_constant=True, params=[{"axis": 1, "k": 2}], shapes=[((2, 3, 4),)], name="argtopk")
def largest_of(x: Array, *, k: int, axis: int = -1) -> Array:
    """Positions of the k largest entries along `axis`, largest first."""
    n = x.shape[axis]
    if not 0 < k <= n:
        raise ValueError(f"topk: k = {k} entries of an axis of length {n}")
    part = np.argpartition(x, n - k, axis=axis).take(range(n - k, n), axis=axis)
    negative = -np.take_along_axis(x, part, axis=axis)
    order = np.argsort(np.where(np.isnan(negative), -np.inf, negative), axis=axis, kind="stable")  # NaN is largest
    return _as_value(np.take_along_axis(part, order, axis=axis))


for _op in (order_of, partition_of, largest_of):
    family.add(_op)
family.register()


def argsort(x: V, axis: int | None = -1, descending: bool = False) -> IndexArray:
    """The positions that sort x along `axis`, as a plain array."""
    order = np.argsort(x if isinstance(x, np.ndarray) else x.data, axis=axis, kind="stable")
    return np.flip(order, -1 if axis is None else axis) if descending else order


def sort(x: V, axis: int | None = -1, descending: bool = False) -> V:
    """Entries in increasing order along `axis` (of the flattened x when it is None)."""
    if axis is None:
        return sort(ravel(x), 0, descending)
    ordered: V = pick(x, order_of(x, axis=axis), axis=axis)
    return flip(ordered, axis) if descending else ordered


def partition(x: V, kth: int, axis: int | None = -1) -> V:
    """Arrange entries along `axis` such that place `kth` is the one sorting would put there.

    Smaller ones stand before it.
    """
    if axis is None:
        return partition(ravel(x), kth, 0)
    return pick(x, partition_of(x, kth=kth % x.shape[axis], axis=axis), axis=axis)


def topk(x: V, k: int, axis: int = -1) -> tuple[V, V]:
    """The k largest entries along `axis`, largest first, and their positions."""
    positions: V = largest_of(x, k=k, axis=axis)
    return pick(x, positions, axis=axis), positions
