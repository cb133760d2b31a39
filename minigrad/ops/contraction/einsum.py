"""Tensor contractions, lowered to matmul on reshaped views.

No gradient rule is written here.

NumPy's own einsum is 10 to 12 times slower than the matrix product it could be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import cast

import attrs
import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.errors import ArgumentError, ShapeError
from minigrad.core.types import Shape
from minigrad.ops.arguments import require_array
from minigrad.ops.arrangement.manipulation import diagonal
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.functions import expand_dims, moveaxis, ravel, reshape, transpose
from minigrad.ops.index import getitem
from minigrad.ops.reduce import sum as total
from minigrad.typing import Tensor, V

Labels = tuple[str, ...]


@attrs.frozen
class _Plan:
    inputs: tuple[Labels, ...]
    output: Labels


@lru_cache(maxsize=512)
def _parse(subscripts: str, ndims: tuple[int, ...]) -> _Plan:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ShapeError(f"einsum {subscripts!r}: {len(terms)} terms for {len(ndims)} operands")
    inputs = tuple(_labels(t, n, subscripts) for t, n in zip(terms, ndims, strict=True))
    dots = max(([k for k in labels if k.startswith(".")] for labels in inputs), key=len)
    if arrow:
        output = tuple(dots) + tuple(right.replace("...", "")) if "..." in right else tuple(right)
        if "..." in right:
            before, _, after = right.partition("...")
            output = (*before, *dots, *after)
    else:
        letters = [c for labels in inputs for c in labels if not c.startswith(".")]
        output = (*dots, *sorted(c for c in set(letters) if letters.count(c) == 1))
    known = {c for labels in inputs for c in labels}
    if len(set(output)) != len(output) or not known.issuperset(output):
        raise ShapeError(f"einsum {subscripts!r}: the output needs distinct letters of the inputs")
    return _Plan(inputs, output)


def _labels(term: str, ndim: int, subscripts: str) -> Labels:
    before, dots, after = term.partition("...")
    hidden = ndim - len(before) - len(after)
    if hidden < 0 or (hidden and not dots) or (before + after and not (before + after).isalpha()):
        raise ShapeError(f"einsum {subscripts!r}: term {term!r} does not fit an operand with {ndim} axes")
    # Hidden axes align from the right, so that they broadcast.
    return (*before, *(f".{k}" for k in range(hidden - 1, -1, -1)), *after) if dots else tuple(term)


def einsum_by_lists(*arguments: object) -> object:
    """Call einsum with subscripts as a string, or in NumPy's other form.

    That form is `(a, [0, 1], b, [1, 2], [0, 2])`.
    """
    if isinstance(arguments[0], str):
        return einsum(arguments[0], *cast("tuple[Tensor, ...]", arguments[1:]))
    count = len(arguments) // 2
    text = ",".join(_letters(labels) for labels in arguments[1 : 2 * count : 2])
    if len(arguments) % 2:
        text += "->" + _letters(arguments[-1])
    return einsum(text, *cast("tuple[Tensor, ...]", arguments[0 : 2 * count : 2]))


def _letters(labels: object) -> str:
    return "".join(ascii_letters[k] if isinstance(k, int) else "..." for k in cast("Sequence[object]", labels))


def einsum(subscripts: str, *operands: V) -> V:
    """Sum of products by NumPy's subscripts, such as `"bij,bjk->bik"`; `...` broadcasts.

    Operands are contracted from left to right, each pair by one matrix product.

    Raises:
        ShapeError: subscripts and operands do not fit.
    """
    if not isinstance(subscripts, str):
        raise ArgumentError(f"einsum takes subscripts such as 'ij,jk->ik' first, got a {type(subscripts).__name__}")
    for x in operands:
        require_array("einsum", x)
    plan: _Plan = _parse(subscripts, tuple(x.ndim for x in operands))
    terms = [_take_diagonals(x, labels) for x, labels in zip(operands, plan.inputs, strict=True)]
    lengths: dict[str, int] = {}
    for x, labels in terms:
        for c, n in zip(labels, x.shape, strict=True):
            if lengths.setdefault(c, n) != n and n != 1:
                if lengths[c] != 1:
                    raise ShapeError(f"einsum {subscripts!r}: {c!r} has lengths {lengths[c]} and {n}")
                lengths[c] = n
    x, labels = terms[0]
    for k, (z, others) in enumerate(terms[1:], start=1):
        x, labels = _contract(x, labels, z, others, _needed(plan.output, [later for _, later in terms[k + 1 :]]))
    spare = tuple(i for i, c in enumerate(labels) if c not in plan.output)
    if spare:
        x = total(x, axis=spare)
        labels = tuple(c for c in labels if c in plan.output)
    return _ordered(x, labels, plan.output)


def _needed(output: Labels, later: list[Labels]) -> set[str]:
    return {*output, *(c for labels in later for c in labels)}


def _ordered(x: V, labels: Labels, wanted: Labels) -> V:
    if labels == wanted:
        return x
    return transpose(x, tuple(labels.index(c) for c in wanted))


def _take_diagonals(x: V, labels: Labels) -> tuple[V, Labels]:
    while len(set(labels)) < len(labels):
        c = next(c for c in labels if labels.count(c) > 1)
        i: int = labels.index(c)
        j: int = labels.index(c, i + 1)
        if x.shape[i] != x.shape[j]:
            raise ShapeError(f"einsum: axes labelled {c!r} have lengths {x.shape[i]} and {x.shape[j]}")
        x = diagonal(x, 0, i, j)
        labels = (*(d for k, d in enumerate(labels) if k not in (i, j)), c)
    return x, labels


def _contract(x: V, a: Labels, z: V, b: Labels, needed: set[str]) -> tuple[V, Labels]:
    """Contract one pair, as a batched matrix product.

    Letters are batch (kept, in both), rows, columns, or summed.
    """
    x, a = _sum_alone(x, a, {*b, *needed})
    z, b = _sum_alone(z, b, {*a, *needed})
    sizes_x: dict[str, int] = dict(zip(a, x.shape, strict=True))
    sizes_z: dict[str, int] = dict(zip(b, z.shape, strict=True))
    batch: Labels = tuple(c for c in a if c in b and (c in needed or sizes_x[c] != sizes_z[c]))
    summed: Labels = tuple(c for c in a if c in b and c not in batch)
    rows: Labels = tuple(c for c in a if c not in b)
    columns: Labels = tuple(c for c in b if c not in a)
    left: V = _ordered(x, a, (*batch, *rows, *summed))
    right: V = _ordered(z, b, (*batch, *summed, *columns))
    shape_x: Shape = tuple(sizes_x[c] for c in batch)
    shape_z: Shape = tuple(sizes_z[c] for c in batch)
    row_lengths: Shape = tuple(sizes_x[c] for c in rows)
    column_lengths: Shape = tuple(sizes_z[c] for c in columns)
    inner = prod(sizes_x[c] for c in summed)
    y: V = matmul(
        _shaped(left, (*shape_x, prod(row_lengths), inner)), _shaped(right, (*shape_z, inner, prod(column_lengths)))
    )
    product: V = _shaped(y, (*np.broadcast_shapes(shape_x, shape_z), *row_lengths, *column_lengths))
    labels: Labels = (*batch, *rows, *columns)
    spare = tuple(i for i, c in enumerate(labels) if c not in needed)
    if spare:
        product = total(product, axis=spare)
    return product, tuple(c for c in labels if c in needed)


def _sum_alone(x: V, labels: Labels, wanted: set[str]) -> tuple[V, Labels]:
    spare = tuple(i for i, c in enumerate(labels) if c not in wanted)
    return (total(x, axis=spare), tuple(c for c in labels if c in wanted)) if spare else (x, labels)


def _shaped(x: V, shape: Shape) -> V:
    return x if x.shape == shape else reshape(x, shape)


def tensordot(a: V, b: V, axes: int | tuple[int | Shape, int | Shape] | Sequence[Sequence[int]] = 2) -> V:
    """Sum products over the last `axes` axes of a and the first of b.

    Or over the given pairs of axes.
    """
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: axes={axes} of {a.shape} and {b.shape}; 0 to {min(a.ndim, b.ndim)} are there")
        axes = (tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes)))
    over_a: Shape = _axes(axes[0], a.ndim)
    over_b: Shape = _axes(axes[1], b.ndim)
    lengths_a, lengths_b = tuple(a.shape[i] for i in over_a), tuple(b.shape[i] for i in over_b)
    if lengths_a != lengths_b:
        raise ShapeError(f"tensordot: axes {over_a} of {a.shape} and {over_b} of {b.shape} differ in length")
    rest_a: Shape = tuple(i for i in range(a.ndim) if i not in over_a)
    rest_b: Shape = tuple(i for i in range(b.ndim) if i not in over_b)
    rows: Shape = tuple(a.shape[i] for i in rest_a)
    columns: Shape = tuple(b.shape[i] for i in rest_b)
    left: V = reshape(transpose(a, (*rest_a, *over_a)), (prod(rows), prod(lengths_a)))
    right: V = reshape(transpose(b, (*over_b, *rest_b)), (prod(lengths_b), prod(columns)))
    return reshape(matmul(left, right), (*rows, *columns))


def _axes(axes: int | Sequence[int], ndim: int) -> Shape:
    return tuple(normalize_axis_index(i, ndim) for i in ((axes,) if isinstance(axes, int) else axes))


def _as_array(x: V) -> V:
    """x, or the array of one number that NumPy makes of a Python number."""
    return x if hasattr(x, "ndim") else cast("V", np.asarray(x))


def dot(a: V, b: V) -> V:
    """Sum products over a's last axis and b's last but one (its only one), as numpy.dot."""
    if isinstance(a, float | int) or isinstance(b, float | int) or a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (a.ndim - 1, b.ndim - 2)) if b.ndim > 2 else matmul(a, b)


def inner(a: V, b: V) -> V:
    """Sum of products over the last axes."""
    a, b = _as_array(a), _as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (a.ndim - 1, b.ndim - 1))


def outer(a: V, b: V) -> V:
    """All products of an entry of a and an entry of b, both flattened: shape (a.size, b.size)."""
    a, b = _as_array(a), _as_array(b)
    return reshape(a, (a.size, 1)) * reshape(b, (1, b.size))


def vdot(a: V, b: V) -> V:
    """Sum of products of all entries."""
    return matmul(ravel(a), ravel(b))


def vecdot(a: V, b: V, axis: int = -1) -> V:
    """Sum of products along `axis`."""
    return total(a * b, axis=axis)


def vecmat(x: V, a: V) -> V:
    """Vectors (..., n) times matrices (..., n, m), as numpy.vecmat."""
    return einsum("...n,...nm->...m", x, a)


def matvec(a: V, x: V) -> V:
    """Matrices times vectors, batched."""
    product: V = matmul(a, expand_dims(x, -1))
    return reshape(product, product.shape[:-1])


def kron(a: V, b: V) -> V:
    """Kronecker product: each entry of a replaced by that entry times b."""
    a, b = _as_array(a), _as_array(b)
    ndim = max(a.ndim, b.ndim)
    shape_a, shape_b = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    left: V = reshape(a, tuple(k for n in shape_a for k in (n, 1)))
    right: V = reshape(b, tuple(k for n in shape_b for k in (1, n)))
    return reshape(left * right, tuple(m * n for m, n in zip(shape_a, shape_b, strict=True)))


def cross(a: V, b: V, axis: int | None = None, axisa: int = -1, axisb: int = -1, axisc: int = -1) -> V:
    """Compute the vector product of 3-vectors.

    Of 2-vectors its third component, without the axis of the vectors.

    The vectors lie along `axisa` of a, `axisb` of b and `axisc` of the result; `axis`, when given, stands for all.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    first: V = moveaxis(a, axisa, -1)
    second: V = moveaxis(b, axisb, -1)
    x = [getitem(first, key=(Ellipsis, i)) for i in range(first.shape[-1])]
    z = [getitem(second, key=(Ellipsis, i)) for i in range(second.shape[-1])]
    if len(x) == 2 and len(z) == 2:
        return x[0] * z[1] - x[1] * z[0]
    if len(x) != 3 or len(z) != 3:
        raise ShapeError(f"cross: the vectors have lengths {len(x)} and {len(z)}; both 3 or both 2 are needed")
    parts = [x[1] * z[2] - x[2] * z[1], x[2] * z[0] - x[0] * z[2], x[0] * z[1] - x[1] * z[0]]
    return moveaxis(stack(parts, axis=-1), -1, axisc)


def multi_matmul(matrices: Sequence[V]) -> V:
    """Multiply several matrices in the order that needs the fewest multiplications.

    Vectors may stand at the ends.
    """
    chain: list[V] = list(matrices)
    sizes = [chain[0].shape[0] if chain[0].ndim > 1 else 1, *(m.shape[-1] if m.ndim > 1 else 1 for m in chain)]
    if chain[0].ndim == 1:
        sizes[1] = chain[0].shape[0]
    cuts = _best_cuts(tuple(sizes))

    def product(i: int, j: int) -> V:
        if i == j:
            return chain[i]
        k = cuts[i, j]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, len(chain) - 1)


multi_dot = multi_matmul


@lru_cache(maxsize=256)
def _best_cuts(sizes: Shape) -> dict[tuple[int, int], int]:
    """Find where to cut each stretch of a matrix chain.

    By dynamic programming (Cormen et al., section 15.2).
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            price = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            cuts[i, j] = min(price, key=price.__getitem__)
            cost[i, j] = price[cuts[i, j]]
    return cuts


def add_sequence(*arrays: V) -> V:
    """Sum of several arrays, which broadcast."""
    y = arrays[0]
    for x in arrays[1:]:
        y = y + x
    return y


def multiply_sequence(*arrays: V) -> V:
    """Product of several arrays, which broadcast."""
    y = arrays[0]
    for x in arrays[1:]:
        y = y * x
    return y
