"""Contractions: products summed over an axis."""

from __future__ import annotations

from math import prod

import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.ops.family import OpFamily
from minigrad.ops.shape import matrix_transpose, reshape
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily()


@op(
    a=real(),
    b=real(),
    numpy=np.matmul,
    shapes=[
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 2)),
        ((2, 3, 4), (2, 4, 2)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 2)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((3, 3), (3, 3)),
        ((0, 4), (4, 2)),
    ],
)
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of the last two axes, with NumPy's rules for other numbers of axes."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim >= 2 == b.ndim:
        # One product, not one for each matrix of a stack; and dot is matmul with less ceremony.
        product: Array = a.dot(b) if a.ndim == 2 else _rows(a).dot(b)
        return product.reshape(*a.shape[:-1], b.shape[1])
    return np.asarray(np.matmul(a, b))


def _rows(x: V) -> V:
    """All rows of a stack of matrices in one matrix."""
    return reshape(x, shape=(prod(x.shape[:-1]), x.shape[-1]))


def _column(x: V) -> V:
    return reshape(x, shape=(*x.shape, 1))


def _row(x: V) -> V:
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


@matmul.vjp("a")
def _(g: V, y: V, a: V, b: V) -> V:
    if b.ndim == 1:
        return (g if a.ndim == 1 else _column(g)) * b
    if a.ndim == 1:
        product: V = matmul(b, _column(g))
        return reshape(product, shape=product.shape[:-1])
    return matmul(g, matrix_transpose(b))


@matmul.vjp("b")
def _(g: V, y: V, a: V, b: V) -> V:
    if a.ndim == 1:
        return a * g if b.ndim == 1 else _column(a) * _row(g)
    if b.ndim == 1:
        product: V = matmul(matrix_transpose(a), _column(g))
        return reshape(product, shape=product.shape[:-1])
    if a.ndim > 2 == b.ndim:
        return matmul(matrix_transpose(_rows(a)), _rows(g))
    return matmul(matrix_transpose(a), g)


@matmul.batch
def _(batched: tuple[bool, bool], a: V, b: V) -> V:
    ndims = a.ndim - batched[0], b.ndim - batched[1]
    if 1 in ndims:
        return _with_vectors(batched, ndims, a, b)
    if ndims == (2, 2) and batched == (False, True):
        # a (m, k) with a stack (count, k, n): the transposed product (count * n, k) @ (k, m).
        product: V = matmul(_rows(matrix_transpose(b)), matrix_transpose(a))
        return matrix_transpose(reshape(product, shape=(b.shape[0], b.shape[2], a.shape[0])))
    return matmul(_aligned(a, max(ndims)) if batched[0] else a, _aligned(b, max(ndims)) if batched[1] else b)


def _with_vectors(batched: tuple[bool, bool], ndims: tuple[int, int], a: V, b: V) -> V:
    """Products of which an operand is a vector, or a stack of them."""
    if batched == (True, False) and ndims == (1, 2):
        return matmul(a, b)
    if batched == (False, True) and ndims == (2, 1):
        return matmul(b, matrix_transpose(a))
    rows: V = reshape(a, shape=(*a.shape[:-1], 1, a.shape[-1])) if ndims[0] == 1 else a
    columns: V = reshape(b, shape=(*b.shape, 1)) if ndims[1] == 1 else b
    ndim = max(2, *ndims)
    y: V = matmul(_aligned(rows, ndim) if batched[0] else rows, _aligned(columns, ndim) if batched[1] else columns)
    dropped = [y.ndim - 2] * (ndims[0] == 1) + [y.ndim - 1] * (ndims[1] == 1)
    return reshape(y, shape=tuple(n for axis, n in enumerate(y.shape) if axis not in dropped))


def _aligned(stack: V, ndim: int) -> V:
    """A stack with axes of length one behind the first, so that its arrays have `ndim` axes."""
    shape: Shape = (stack.shape[0], *(1,) * (ndim + 1 - stack.ndim), *stack.shape[1:])
    return reshape(stack, shape=shape)


family.add(matmul)
family.register()
