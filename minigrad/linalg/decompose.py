"""Cholesky, QR, symmetric eigenvalues, singular values.

Vectors belonging to equal values have no derivative.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import UnsupportedFunction
from minigrad.core.types import Array
from minigrad.linalg.solve import solve_columns
from minigrad.ops.arrangement.manipulation import diag_embed, tril
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.arithmetic import masked_multiply, ratio, where
from minigrad.ops.elementwise.piecewise_constant import greater
from minigrad.ops.elementwise.piecewise_linear import absolute, maximum
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import concatenate, expand_dims
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import sum as total
from minigrad.ops.index import getitem
from minigrad.ops.shape import matrix_transpose
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real, spd

family = OpFamily(lazy=True)


def _divide_by_gaps(mixed: V, values: V) -> V:
    """Divide mixed[i, j] by values[j] - values[i]; 0 on the diagonal and between equal values.

    Equal but for rounding, that is: there a function of the matrix alone turns no vectors, and what is left of `mixed`
    is rounding.
    """
    gaps: V = expand_dims(values, -2) - expand_dims(values, -1)
    apart: V = _apart(values)
    return masked_multiply(mixed, apart) / where(apart, gaps, 1.0)


def _apart(values: V) -> V:
    """Mark pairs of values that differ by more than rounding with 1, others with 0."""
    gaps: V = expand_dims(values, -2) - expand_dims(values, -1)
    rounding = 4.0 * values.shape[-1] * float(np.finfo(values.dtype).eps)
    top: V = expand_dims(largest(absolute(values), -1, keepdims=True), -1)
    apart: V = greater(absolute(gaps), top * rounding)
    return apart


def _undetermined(mixed: V, slopes: V, values: V) -> V:
    """NaN between equal values where the slope cannot be told, 0 elsewhere.

    For v f(w) v^T beside another matrix b, the entry is f'(w) times b's between the two vectors, of which the rule sees
    f(w) times it. That f' is 0, as for the projection on all vectors of a value, shows where a vector's own entry of b
    is not 0 and its value has no gradient.

    Args:
        mixed: v^T times the gradient of v, (..., n, n).
        slopes: the gradient of the values, (..., n).
        values: (..., n).
    """
    tiny = 1e3 * float(np.finfo(values.dtype).eps)
    most: V = largest(absolute(mixed), (-2, -1), True) * tiny
    coupled: V = greater(absolute(mixed + matrix_transpose(mixed)), most)
    size: V = absolute(slopes)
    sloped: V = greater(size, largest(size, -1, keepdims=True) * tiny)
    one = np.eye(values.shape[-1], dtype=values.dtype)
    own: V = total(greater(absolute(mixed), most) * one, -1)
    unseen: V = 1.0 - maximum(expand_dims(own, -2), expand_dims(own, -1))
    doubtful: V = maximum(unseen, maximum(expand_dims(sloped, -2), expand_dims(sloped, -1)))
    unknown: V = coupled * (1.0 - one - _apart(values)) * doubtful
    return where(unknown, np.nan, unknown)


def _even(a: Array) -> Array:
    return (a + np.swapaxes(a, -1, -2)) * 0.5


def _symmetric(x: V) -> V:
    return (x + matrix_transpose(x)) * 0.5


@op(a=spd(), shapes=[((2, 3, 3),), ((3, 3),)], name="cholesky")
def cholesky_op(a: Array) -> Array:
    """Factor the symmetric part of matrices as a = l l^T, with l lower triangular.

    The matrices (..., n, n) are positive definite.
    """
    return np.asarray(np.linalg.cholesky(_even(a)), dtype=a.dtype)


@cholesky_op.vjp("a")
def _(g: V, y: V, a: V) -> V:
    turned: V = matrix_transpose(y)
    halved = np.tril(1.0 - 0.5 * np.eye(a.shape[-1])).astype(a.dtype)
    inner: V = matmul(turned, tril(g)) * halved
    left: V = solve_columns(turned, inner)
    return _symmetric(matrix_transpose(solve_columns(turned, matrix_transpose(left))))


@op(a=real(), shapes=[((2, 4, 3),), ((3, 3),)], name="qr")
def reduced_qr(a: Array) -> tuple[Array, Array]:
    """Factor matrices (..., m, n) as a = q r, for m >= n and full rank.

    q (..., m, n) has orthonormal columns, r is upper triangular.
    """
    q, r = np.linalg.qr(a)
    return q, r


@reduced_qr.vjp("a")
def _(g: tuple[V, V], y: tuple[V, V], a: V) -> V:
    q, r = y
    inner: V = matmul(r, matrix_transpose(g[1])) - matmul(matrix_transpose(g[0]), q)
    copied: V = tril(inner) + matrix_transpose(tril(inner, -1))
    back: V = g[0] + matmul(q, copied)
    return matrix_transpose(solve_columns(_of_full_rank(r), matrix_transpose(back)))


def _of_full_rank(r: V) -> V:
    """Triangles (..., n, n) with 0 for what rounding has left of zeros on the diagonal.

    These tell that columns depend on others, and are exactly 0 on one processor, a few units of rounding on another;
    what inverts such triangles refuses them.
    """
    n = r.shape[-1]
    if not n:
        return r
    size: V = absolute(r)
    rounding = 4 * (n + 8) * float(np.finfo(r.dtype).eps)
    matters: V = maximum(greater(size, largest(size, (-2, -1), True) * rounding), 1.0 - np.eye(n, dtype=r.dtype))
    return matters * r


@op(a=spd(), shapes=[((2, 3, 3),), ((3, 3),)], name="eigh")
def eigh_op(a: Array) -> tuple[Array, Array]:
    """Compute eigenvalues and eigenvectors of the symmetric part of matrices.

    Eigenvalues (..., n) increase; eigenvectors are columns.
    """
    values, vectors = np.linalg.eigh(_even(a))
    return values, vectors


@eigh_op.vjp("a")
def _(g: tuple[V, V], y: tuple[V, V], a: V) -> V:
    w, v = y
    if not w.shape[-1]:
        return a * 0.0
    mixed: V = matmul(matrix_transpose(v), g[1])
    inner: V = _divide_by_gaps(mixed, w) + diag_embed(g[0]) + _undetermined(mixed, g[0], w)
    return _symmetric(matmul(matmul(v, inner), matrix_transpose(v)))


@op(a=real(), shapes=[((2, 4, 3),), ((2, 3),)], name="svd")
def reduced_svd(a: Array) -> tuple[Array, Array, Array]:
    """Compute the reduced singular value decomposition of matrices (..., m, n).

    Returns u (..., m, k), singular values (..., k), decreasing, and v^T (..., k, n), with k = min(m, n).
    """
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return u, s, vt


@reduced_svd.vjp("a")
def _(g: tuple[V, V, V], y: tuple[V, V, V], a: V) -> V:
    u, s, vt = y
    gu, gs, gvt = g
    if not s.shape[-1]:
        return a * 0.0
    ut, v = matrix_transpose(u), matrix_transpose(vt)
    turn_u: V = matmul(ut, gu)
    turn_v: V = matmul(gvt, v)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    # (p s[j] + q s[i]) / (s[j] ** 2 - s[i] ** 2), parted so that equal values leave what both turns have in common.
    p: V = (turn_u - matrix_transpose(turn_u)) * 0.5
    q: V = (matrix_transpose(turn_v) - turn_v) * 0.5
    inner: V = _divide_by_gaps(p + q, s) + ratio(p - q, row + column)
    inner = inner + diag_embed(gs) + _undetermined(turn_u + matrix_transpose(turn_v), gs, s)
    gradient: V = matmul(matmul(u, inner), vt)
    if a.shape[-2] > s.shape[-1]:
        gradient = gradient + matmul(ratio(gu - matmul(u, turn_u), row), vt)
    if a.shape[-1] > s.shape[-1]:
        gradient = gradient + matmul(u, ratio(gvt - matmul(turn_v, vt), column))
    return gradient


for _op in (cholesky_op, reduced_qr, eigh_op, reduced_svd):
    family.add(_op)
family.register()


def cholesky(a: V, upper: bool = False) -> V:
    """Compute the Cholesky factor of symmetric positive definite matrices (..., n, n).

    It is the lower triangular one (`upper`: the upper).

    Both the value and the gradient are those of the symmetric part of a (NumPy reads one triangle only).
    """
    factor: V = cholesky_op(a)
    return matrix_transpose(factor) if upper else factor


def qr(a: V, mode: str = "reduced") -> tuple[V, V] | V:
    """Compute q and r with a = q r (mode "r": r alone).

    The matrices (..., m, n) have independent leading columns.
    """
    if mode not in ("reduced", "r"):
        raise UnsupportedFunction(f"qr on a Tensor knows the modes 'reduced' and 'r', not {mode!r}")
    rows, columns = a.shape[-2:]
    if rows >= columns:
        q, r = reduced_qr.call_multi(a)
    else:
        q, left = reduced_qr.call_multi(getitem(a, key=(Ellipsis, slice(None, rows))))
        rest: V = matmul(matrix_transpose(q), getitem(a, key=(Ellipsis, slice(rows, None))))
        r = concatenate([left, rest], axis=-1)
    return r if mode == "r" else (q, r)


def eigh(a: V, UPLO: str = "L") -> tuple[V, V]:
    """Eigenvalues and eigenvectors of symmetric matrices (..., n, n).

    Value and gradient are those of the symmetric part of a, so `UPLO` makes no difference.
    Losses must not depend on the signs of eigenvectors, nor on the choice of vectors for equal eigenvalues. Functions
    of the values, and of the spaces that belong to them, then have right gradients; one that needs f' between equal
    eigenvalues, as v f(w) v^T beside another matrix, gets NaN (see expm, sqrtm, matrix_power).
    """
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError(f"eigh: UPLO must be 'L' or 'U', not {UPLO!r}")
    w, v = eigh_op.call_multi(a)
    return w, v


def eigvalsh(a: V, UPLO: str = "L") -> V:
    """Eigenvalues of symmetric matrices (..., n, n), increasing.

    Equal ones share a gradient by LAPACK's vectors.
    """
    return eigh(a, UPLO)[0]


def svd(a: V, full_matrices: bool = True, compute_uv: bool = True) -> tuple[V, V, V] | V:
    """Singular value decomposition of matrices (..., m, n), as numpy.linalg.svd.

    Losses must not depend on the choice of vectors for equal singular values; one that needs f' between equal ones, as
    u f(s) v^T beside another matrix, gets NaN.

    Raises:
        UnsupportedFunction: `full_matrices` for a matrix that is not square: the extra vectors are arbitrary.
    """
    if compute_uv and full_matrices and a.shape[-1] != a.shape[-2]:
        raise UnsupportedFunction("svd: the full set of vectors has no gradient; pass full_matrices=False")
    u, s, vt = reduced_svd.call_multi(a)
    return (u, s, vt) if compute_uv else s


def svdvals(a: V) -> V:
    """Singular values of matrices (..., m, n), decreasing."""
    return reduced_svd.call_multi(a)[1]
