"""Functions of matrices: powers, exponential, square root, Sylvester's equation."""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.types import Array
from minigrad.linalg.errors import SingularMatrix
from minigrad.linalg.solve import inv
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import concatenate
from minigrad.ops.index import getitem
from minigrad.ops.shape import matrix_transpose
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real, square_wellconditioned

family = OpFamily(lazy=True)
_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
         10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0,
         1.0)  # fmt: skip
_PADE_RADIUS = 5.371920351148152


@op(x=real(), piecewise_constant=True, shapes=[((2, 3),), ((0,),)])
def magnitude(x: Array) -> Array:
    """Compute the power of two just above the largest entry of |x| (1 for zeros).

    It is a scale without rounding.
    """
    top = float(np.max(np.abs(x), initial=0.0))
    exponent = np.frexp(top)[1] if 0.0 < top < np.inf else 0
    return np.asarray(np.ldexp(1.0, exponent), dtype=x.dtype)


@op(a=square_wellconditioned(), shapes=[((2, 3, 3),), ((2, 2),)])
def expm(a: Array) -> Array:
    """Compute the exponential of matrices (..., n, n).

    By scaling, a Pade approximant of order 13, and squaring (Higham, 2005).
    """
    size = float(np.max(np.sum(np.abs(a), axis=-2), initial=0.0))
    halvings = max(0, ceil(log2(size / _PADE_RADIUS))) if size > 0 and np.isfinite(size) else 0
    a = a / 2.0**halvings
    b = _PADE
    one = np.eye(a.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a2 @ a4
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    y: Array = np.asarray(np.linalg.solve(even - odd, even + odd), dtype=a.dtype)
    for _ in range(halvings):
        y = y @ y
    return y


@expm.vjp("a")
def _(g: V, y: V, a: V) -> V:
    # The derivative at a^T in direction g is the upper right block of exp([[a^T, g], [0, a^T]]) (Van Loan, 1978).
    # A large g would make the approximant scale a down too far, so it is brought to size first.
    turned: V = matrix_transpose(a)
    size: V = magnitude(g)
    upper: V = concatenate([turned, g / size], axis=-1)
    lower: V = concatenate([turned * 0.0, turned], axis=-1)
    n = a.shape[-1]
    whole: V = expm(concatenate([upper, lower], axis=-2))
    return getitem(whole, key=(Ellipsis, slice(None, n), slice(n, None))) * size


def _sylvester(a: Array, b: Array, q: Array) -> Array:
    """By Kronecker products: (a (x) 1 + 1 (x) b^T) vec(x) = vec(q), rows first."""
    n, m = q.shape[-2:]
    left = np.einsum("...ij,kl->...ikjl", a, np.eye(m, dtype=a.dtype))
    right = np.einsum("ij,...lk->...ikjl", np.eye(n, dtype=b.dtype), b)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    system = np.broadcast_to((left + right).reshape(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), n * m, n * m),
                             (*lead, n * m, n * m))  # fmt: skip
    columns = np.broadcast_to(q, (*lead, n, m)).reshape(*lead, n * m, 1)
    solution: Array = np.linalg.solve(system, columns)
    return solution.reshape(*lead, n, m)


@op(
    a=square_wellconditioned(),
    b=square_wellconditioned(),
    q=real(),
    shapes=[((2, 3, 3), (2, 2, 2), (2, 3, 2)), ((2, 2), (2, 2), (2, 2))],
)
def solve_sylvester(a: Array, b: Array, q: Array) -> Array:
    """x with a x + x b = q, for a (..., n, n), b (..., m, m), q (..., n, m).

    Costs (n m) ** 3: for small matrices.

    Raises:
        SingularMatrix: an eigenvalue of a is the opposite of one of b, so that there is no x or not one alone.
    """
    try:
        return _sylvester(a, b, q)
    except np.linalg.LinAlgError:
        raise SingularMatrix(
            f"op 'solve_sylvester': a x + x b = q has not one x for an a {a.shape} of which an eigenvalue is the "
            "opposite of one of b, such as 0 in both. The slope of sqrtm solves it, too: a singular matrix has none"
        ) from None


@solve_sylvester.vjp("a", "b", "q")
def _(g: V, x: V, a: V, b: V, q: V) -> tuple[V, V, V]:
    back: V = solve_sylvester(matrix_transpose(a), matrix_transpose(b), g)
    turned: V = matrix_transpose(x)
    return -matmul(back, turned), -matmul(turned, back), back


@op(a=square_wellconditioned(), shapes=[((2, 3, 3),), ((2, 2),)])
def sqrtm(a: Array) -> Array:
    """Compute the principal square root of real matrices (..., n, n).

    By the iteration of Denman and Beavers (1976), each matrix at its own scale, and by eigenvectors where one of them
    is singular. NaN where an eigenvalue is a negative number, so that the root is not real, and where there is no root
    or none that eigenvectors give, as for [[0, 1], [0, 0]].
    """
    exponent = np.frexp(_largest_entry(a))[1]
    exponent += exponent & 1
    a = np.ldexp(a, -exponent).astype(a.dtype)
    try:
        y = _root_by_iteration(a)
    except np.linalg.LinAlgError:  # one of the stack is singular
        y = np.reshape([_root_of_any(matrix) for matrix in a.reshape(-1, *a.shape[-2:])], a.shape)
    is_root = _largest_entry(y @ y - a) <= 1e3 * np.sqrt(np.finfo(a.dtype).eps)
    return np.asarray(np.where(is_root, np.ldexp(y, exponent // 2), np.nan).astype(a.dtype))


def _root_by_iteration(a: Array) -> Array:
    """Iterate to the principal roots of regular matrices (..., n, n).

    Raises:
        LinAlgError: one of them is singular.
    """
    y, z = a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    eps = np.finfo(a.dtype).eps
    for _ in range(60):
        new = 0.5 * (y + np.linalg.inv(z))
        z = 0.5 * (z + np.linalg.inv(y))
        done = np.all(_largest_entry(new - y) <= 4 * eps * _largest_entry(new))
        y = new
        if done:
            break
    return y


def _root_of_any(a: Array) -> Array:
    """Compute the root of one matrix; NaN where neither iteration nor eigenvectors give it."""
    try:
        return _root_by_iteration(a)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eig(a)
    try:
        y: Array = np.real(vectors * np.sqrt(values.astype(complex)) @ np.linalg.inv(vectors))
    except np.linalg.LinAlgError:
        return np.full_like(a, np.nan)
    return y


def _largest_entry(a: Array) -> Array:
    return np.asarray(np.max(np.abs(a), axis=(-2, -1), keepdims=True, initial=0.0))


@sqrtm.vjp("a")
def _(g: V, y: V, a: V) -> V:
    turned: V = matrix_transpose(y)
    return solve_sylvester(turned, turned, g)


for _op in (magnitude, expm, solve_sylvester, sqrtm):
    family.add(_op)
family.register()


def matrix_power(a: V, n: int) -> V:
    """a multiplied by itself n times, by repeated squaring; negative n take the inverse."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power: square matrices (..., n, n) are needed, not {a.shape}")
    if n == 0:
        return a * 0.0 + np.eye(a.shape[-1], dtype=a.dtype)
    if n < 0:
        return matrix_power(inv(a), -n)
    result: V | None = None
    while n:
        if n & 1:
            result = a if result is None else matmul(result, a)
        n >>= 1
        if n:
            a = matmul(a, a)
    assert result is not None
    return result
