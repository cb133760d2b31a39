"""Inverses, determinants and linear systems."""

from __future__ import annotations

from math import prod

import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.linalg.errors import singular
from minigrad.ops.arrangement.manipulation import tril, triu
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import expand_dims, moveaxis, reshape
from minigrad.ops.index import setitem
from minigrad.ops.reduce import sum as total
from minigrad.ops.shape import matrix_transpose
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real, square_wellconditioned

family = OpFamily(lazy=True)
_SQUARE = square_wellconditioned()


@op(a=_SQUARE, shapes=[((2, 3, 3),), ((1, 1),)])
def inv(a: Array) -> Array:
    """The inverse of matrices (..., n, n)."""
    try:
        return np.asarray(np.linalg.inv(a), dtype=a.dtype)
    except np.linalg.LinAlgError as error:
        raise (singular("inv", a, "slogdet and det's second") if "Singular" in str(error) else error) from None


@inv.vjp("a")
def _(g: V, y: V, a: V) -> V:
    turned: V = matrix_transpose(y)
    return -matmul(turned, matmul(g, turned))


@op(a=_SQUARE, shapes=[((2, 3, 3),), ((1, 1),)])
def cofactors(a: Array) -> Array:
    """Compute det(a) inv(a)^T, also for singular a.

    From the SVD, with products of all singular values but one.
    """
    u, s, vt = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.repeat(s[..., None, :], n, axis=-2)
    others[..., np.arange(n), np.arange(n)] = 1.0
    turn = np.linalg.det(u) * np.linalg.det(vt)
    cofactor_matrix: Array = (u * (turn[..., None] * others.prod(axis=-1))[..., None, :]) @ vt
    return cofactor_matrix


@cofactors.vjp("a")
def _(g: V, y: V, a: V) -> V:
    return cofactor_slope(g, a)


@op(g=real(), a=_SQUARE, shapes=[((2, 3, 3), (2, 3, 3)), ((1, 1), (1, 1)), ((2, 2), (2, 2))])
def cofactor_slope(g: Array, a: Array) -> Array:
    """Second derivative of the determinant along g, also for singular a.

    It is the gradient of <g, cofactors(a)>. With a = u s v^T it is u m v^T det(u v): m[i, i] adds up g'[k, k] times all
    singular values but i and k, and m[j, i] is -g'[i, j] times all but i and j, where g' = u^T g v.
    """
    u, s, vt = np.linalg.svd(a)
    n = s.shape[-1]
    turned = np.swapaxes(u, -1, -2) @ g @ np.swapaxes(vt, -1, -2)
    others = np.broadcast_to(s[..., None, None, :], (*s.shape[:-1], n, n, n)).copy()
    rows = np.arange(n)
    others[..., rows, :, rows] = 1.0
    others[..., :, rows, rows] = 1.0
    without = others.prod(axis=-1) * (1.0 - np.eye(n))
    middle = -np.swapaxes(turned * without, -1, -2)
    middle[..., rows, rows] = np.einsum("...k,...ki->...i", np.einsum("...kk->...k", turned), without)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    slope: Array = np.asarray(sign[..., None, None] * (u @ middle @ vt), dtype=a.dtype)
    return slope


@cofactor_slope.vjp("g")
def _(h: V, y: V, g: V, a: V) -> V:
    return cofactor_slope(h, a)  # symmetric in its two directions, as a second derivative is


@cofactor_slope.vjp("a")
def _(h: V, y: V, g: V, a: V) -> V:
    # The third derivative of det(a), by the inverse: y = det ((g . x) (h . x) - tr(h^T x g^T x)), x = a^-T.
    x: V = matrix_transpose(inv(a))
    gx: V = matmul(matmul(x, matrix_transpose(g)), x)
    hx: V = matmul(matmul(x, matrix_transpose(h)), x)
    gs, hs = (total(k * x, axis=(-2, -1), keepdims=True) for k in (g, h))
    both: V = total(h * gx, axis=(-2, -1), keepdims=True)
    mixed: V = matmul(matmul(hx, matrix_transpose(g)), x) + matmul(matmul(gx, matrix_transpose(h)), x)
    return expand_dims(det(a), (-2, -1)) * ((gs * hs - both) * x - hs * gx - gs * hx + mixed)


@op(a=_SQUARE, shapes=[((2, 3, 3),), ((1, 1),)])
def det(a: Array) -> Array:
    """The determinant of matrices (..., n, n).

    Its gradient is exact for singular ones; the second needs an inverse.
    """
    return np.asarray(np.linalg.det(a))


@det.vjp("a")
def _(g: V, y: V, a: V) -> V:
    return expand_dims(g, (-2, -1)) * cofactors(a)


@op(a=_SQUARE, shapes=[((2, 3, 3),), ((3, 3),)], name="slogdet")
def slogdet_pair(a: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the determinant of matrices (..., n, n)."""
    sign, logarithm = np.linalg.slogdet(a)
    return np.asarray(sign), np.asarray(logarithm)


@slogdet_pair.vjp("a")
def _(g: tuple[V, V], y: tuple[V, V], a: V) -> V:
    return expand_dims(g[1], (-2, -1)) * matrix_transpose(inv(a))


@op(a=_SQUARE, b=real(), shapes=[((2, 3, 3), (2, 3, 2)), ((3, 3), (2, 3, 1))], name="solve")
def solve_columns(a: Array, b: Array) -> Array:
    """x with a x = b, for matrices a (..., n, n) and columns b (..., n, k)."""
    try:
        return np.asarray(np.linalg.solve(a, b), dtype=np.result_type(a, b))
    except np.linalg.LinAlgError as error:
        raise (singular("solve", a, "qr and cholesky") if "Singular" in str(error) else error) from None


@solve_columns.vjp("a", "b")
def _(g: V, x: V, a: V, b: V) -> tuple[V, V]:
    back: V = solve_columns(matrix_transpose(a), g)
    return -matmul(back, matrix_transpose(x)), back


@op(a=real(), shapes=[((2, 4, 3),), ((2, 3),)], name="pinv")
def pseudo_inverse(a: Array, *, rcond: float = 1e-15) -> Array:
    """Compute the Moore-Penrose inverse of matrices (..., m, n).

    Singular values below rcond times the largest count as 0.
    """
    return np.asarray(np.linalg.pinv(a, rcond=rcond), dtype=a.dtype)


@pseudo_inverse.vjp("a")
def _(g: V, p: V, a: V, *, rcond: float) -> V:
    # Golub and Pereyra (1973), for perturbations that keep the rank.
    pt, gt = matrix_transpose(p), matrix_transpose(g)
    left: V = matmul(gt, matmul(p, pt))
    right: V = matmul(matmul(pt, p), gt)
    return left - matmul(a, matmul(p, left)) + right - matmul(matmul(right, p), a) - matmul(pt, matmul(g, pt))


for _op in (inv, cofactors, cofactor_slope, det, slogdet_pair, solve_columns, pseudo_inverse):
    family.add(_op)
family.register()


def slogdet(a: V) -> tuple[V, V]:
    """Sign and logarithm of the determinant of matrices (..., n, n)."""
    sign, logarithm = slogdet_pair.call_multi(a)
    return sign, logarithm


def solve(a: V, b: V) -> V:
    """x with a x = b, for matrices a (..., n, n) and a vector (n,) or columns (..., n, k)."""
    if b.ndim == 1:
        return reshape(solve_columns(a, expand_dims(b, -1)), (*a.shape[:-2], b.size))
    return solve_columns(a, b)


def pinv(a: V, rcond: float | None = None, rtol: float | None = None) -> V:
    """Compute the Moore-Penrose inverse of matrices (..., m, n).

    It is differentiable where the rank does not change.
    """
    small = rcond if rcond is not None else rtol
    return pseudo_inverse(a, rcond=1e-15 if small is None else float(small))


def solve_triangular(a: V, b: V, lower: bool = False, trans: bool = False, unit_diagonal: bool = False) -> V:
    """Solve t x = b (`trans`: t^T x = b) for a triangular t.

    t is the upper (`lower`: lower) triangle of a, which alone has a gradient.
    """
    t: V = tril(a, -1 if unit_diagonal else 0) if lower else triu(a, 1 if unit_diagonal else 0)
    if unit_diagonal:
        t = t + np.eye(a.shape[-1], dtype=a.dtype)
    return solve(matrix_transpose(t) if trans else t, b)


def solve_banded(l_and_u: tuple[int, int], ab: V, b: V) -> V:
    """Solve a x = b for a banded a (n, n).

    Its diagonals are the rows of `ab` (l + u + 1, n), as in SciPy.
    """
    lower, upper = l_and_u
    n = ab.shape[-1]
    if ab.shape[0] != lower + upper + 1:
        raise ShapeError(f"solve_banded: ab has {ab.shape[0]} rows; l + u + 1 = {lower + upper + 1} are needed")
    rows, columns = np.indices((n, n))
    inside = (columns - rows <= upper) & (rows - columns <= lower)
    at = (rows[inside], columns[inside])
    dense: V = setitem(np.zeros((n, n), dtype=ab.dtype), ab[upper + at[0] - at[1], at[1]], key=at)
    return solve(dense, b)


def lstsq(a: V, b: V, rcond: float | None = None) -> tuple[V, V, int, V | Array]:
    """Find the x of least length that minimises |a x - b|.

    Returns (x, squared residuals, rank, singular values of a).

    a is (m, n) of any shape and constant rank, b (m,) or (m, k). The rank is plain.
    """
    plain = a if isinstance(a, np.ndarray) else a.data
    values: Array = np.asarray(np.linalg.svd(plain, compute_uv=False), dtype=plain.dtype)
    sloped = isinstance(a, Tensor) and a.requires_grad
    cut = np.finfo(values.dtype).eps * max(a.shape) if rcond is None else rcond
    rank = int(np.sum(values > cut * values[0])) if values.size else 0
    x: V = matmul(pinv(a, float(cut)), b)
    gap: V = b - matmul(a, x)
    return x, total(gap * gap, axis=0), rank, lazy.load("minigrad.linalg.decompose", "svdvals")(a) if sloped else values


def tensorsolve(a: V, b: V, axes: Shape | None = None) -> V:
    """x with tensordot(a, x, x.ndim) = b."""
    if axes is not None:
        a = moveaxis(a, axes, tuple(range(a.ndim - len(axes), a.ndim)))
    shape = a.shape[b.ndim :]
    return reshape(solve(reshape(a, (b.size, prod(shape))), reshape(b, (b.size,))), shape)


def tensorinv(a: V, ind: int = 2) -> V:
    """The inverse of a as a map from its last axes to its first `ind` axes."""
    rows: Shape = a.shape[:ind]
    columns: Shape = a.shape[ind:]
    return reshape(inv(reshape(a, (prod(rows), prod(columns)))), (*columns, *rows))
