"""Linear algebra: the extension `linalg` of the standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigrad.array_api.calls import apply, apply_plain
from minigrad.array_api.dtypes import DType
from minigrad.array_api.reductions import sum as _sum
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Axis

inf = float("inf")


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangle L with L @ L.mT == x, or its transpose, of positive definite x."""
    lower = apply(np.linalg.cholesky, x)
    return lower.mT if upper else lower


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Cross products of vectors of three entries along `axis`.

    Raises:
        ShapeError: there are not three.
    """
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(f"cross: axis {axis} of {x1.shape} and {x2.shape} must have length 3")
    return apply(np.cross, x1, x2, axis=axis)


def det(x: Tensor, /) -> Tensor:
    """Determinants."""
    return apply(np.linalg.det, x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices."""
    return apply(np.diagonal, x, offset=offset, axis1=-2, axis2=-1)


def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues, rising, and eigenvectors of symmetric matrices."""
    return EighResult(*apply(np.linalg.eigh, x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of symmetric matrices, rising."""
    return apply(np.linalg.eigvalsh, x)


def inv(x: Tensor, /) -> Tensor:
    """Inverse matrices."""
    return apply(np.linalg.inv, x)


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Matrix products; a vector is a row on the left and a column on the right."""
    return apply(np.matmul, x1, x2)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Tensor:
    """Norms of matrices."""
    return apply(np.linalg.norm, x, ord="fro" if ord is None else ord, axis=(-2, -1), keepdims=keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Matrices to a whole power."""
    return apply(np.linalg.matrix_power, x, n)


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Number of singular values above `rtol` times the largest."""
    if x.ndim < 2:
        raise ShapeError(f"matrix_rank: x has shape {x.shape}, which is no matrix")
    return apply_plain(_rank, x, rtol)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged.

    Raises:
        ShapeError: x is no matrix.
    """
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: x has shape {x.shape}, which is no matrix")
    return apply(np.swapaxes, x, -1, -2)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Products of each entry of one vector with each of another."""
    return apply(np.outer, x1, x2)


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Moore-Penrose inverses.

    Args:
        x: matrices.
        rtol: singular values below this times the largest one count as zero; one number for matrices with a gradient.
    """
    if rtol is None:
        return apply(np.linalg.pinv, x)
    return apply(np.linalg.pinv, x, rcond=rtol) if x.requires_grad else apply_plain(np.linalg.pinv, x, rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """x as a product of orthonormal columns and an upper triangle.

    All columns only of what needs no gradient.
    """
    return QRResult(*(apply if x.requires_grad else apply_plain)(np.linalg.qr, x, mode=mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """Signs of determinants and logarithms of their absolute values."""
    return SlogdetResult(*apply(np.linalg.slogdet, x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solution of x1 @ x == x2; x2 is a vector if it has one axis, else matrices."""
    if x2.ndim == 1:
        return apply(np.linalg.solve, x1, x2[:, None])[..., 0]
    return apply(np.linalg.solve, x1, x2)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular value decomposition x == U @ diag(S) @ Vh.

    Full matrices only of what needs no gradient.
    """
    return SVDResult(*(apply if x.requires_grad else apply_plain)(np.linalg.svd, x, full_matrices=full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """Singular values, falling."""
    return apply(np.linalg.svd, x, compute_uv=False)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Products summed over pairs of axes, or over the last and first `axes`."""
    return apply(np.tensordot, x1, x2, axes=axes)


def trace(x: Tensor, /, *, offset: int = 0, dtype: DType | None = None) -> Tensor:
    """Sums of diagonals of matrices."""
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Inner products of vectors along `axis`."""
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(f"vecdot: axis {axis} of {x1.shape} and {x2.shape} differ in length")
    return _sum(x1 * x2, axis=axis, dtype=np.result_type(x1.dtype, x2.dtype))


def vector_norm(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Tensor:
    """Norms of vectors along axes, of all entries by default."""
    return apply(np.linalg.vector_norm, x, axis=axis, keepdims=keepdims, ord=ord)


def _rank(x: np.ndarray, rtol: float | np.ndarray | None) -> object:
    """numpy.linalg.matrix_rank with a relative tolerance."""
    return np.linalg.matrix_rank(x, rtol=rtol)
