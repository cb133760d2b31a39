"""Eigenvalues of general real matrices, as a pair of real arrays."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.complex import Complex
from minigrad.ops.elementwise.transcendental import sqrt
from minigrad.ops.family import OpFamily
from minigrad.ops.functions import concatenate, expand_dims
from minigrad.ops.functions import sum as total
from minigrad.ops.index import getitem
from minigrad.ops.shape import matrix_transpose
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import square_wellconditioned

family = OpFamily(lazy=True)


@op(a=square_wellconditioned(), shapes=[((2, 3, 3),), ((2, 2),)], name="eigvals")
def eigenvalue_pair(a: Array) -> tuple[Array, Array]:
    """Real and imaginary parts of the eigenvalues of matrices (..., n, n), in LAPACK's order."""
    w = np.linalg.eig(a)[0]  # with vectors LAPACK may order the values differently
    return np.ascontiguousarray(w.real), np.ascontiguousarray(w.imag).astype(a.dtype)


@eigenvalue_pair.vjp("a")
def _(g: tuple[V, V], y: tuple[V, V], a: V) -> V:
    # d lambda_i = tr(P_i da) with the spectral projector P_i = prod_{j != i} (a - lambda_j) / (lambda_i - lambda_j),
    # which holds no eigenvector, so that it can be differentiated again.
    w = Complex(y[0], y[1])
    n = a.shape[-1]
    grad: V = a * 0.0
    for i in range(n):
        p = _projector(a, w, i, n)
        grad = grad + _entry(g[0], i) * p.real + _entry(g[1], i) * p.imag
    return matrix_transpose(grad)


def _entry(x: V, i: int) -> V:
    return expand_dims(getitem(x, key=(Ellipsis, i)), (-2, -1))


def _projector(a: V, w: Complex[V], i: int, n: int) -> Complex[V]:
    one = np.eye(n, dtype=a.dtype)
    start: V = a * 0.0 + one
    p = Complex(start, a * 0.0)
    here = Complex(_entry(w.real, i), _entry(w.imag, i))
    for j in range(n):
        if j != i:
            there = Complex(_entry(w.real, j), _entry(w.imag, j))
            factor = Complex(a - there.real * one, -(there.imag * one)) / (here - there)
            p = Complex(
                matmul(p.real, factor.real) - matmul(p.imag, factor.imag),
                matmul(p.real, factor.imag) + matmul(p.imag, factor.real),
            )
    return p


family.add(eigenvalue_pair)
family.register()


def eigvals(a: V) -> Complex[V]:
    """Compute the eigenvalues of real matrices (..., n, n) that differ from each other.

    They are complex numbers in two real parts.

    The rule multiplies n * n matrices: it is meant for n up to about 20.
    """
    re, im = eigenvalue_pair.call_multi(a)
    return Complex(re, im)


def eig(a: V) -> tuple[Complex[V], Complex[V]]:
    """Compute eigenvalues and, as columns, eigenvectors of real matrices (..., n, n).

    The eigenvalues of a matrix must differ.

    Vectors have length 1 and a real largest entry, as LAPACK's, and the gradient is that of vectors so chosen. They are
    P_i v_i / |P_i v_i| with the projectors P_i of the rule for eigenvalues and LAPACK's v_i as constants.
    """
    w = eigvals(a)
    constant = np.linalg.eig(a if isinstance(a, np.ndarray) else a.data)[1]
    n = a.shape[-1]
    if not n:
        return w, Complex(a * 0.0, a * 0.0)
    real: list[V] = []
    imag: list[V] = []
    for i in range(n):
        column = constant[..., :, i : i + 1]
        re, im = np.real(column).astype(a.dtype), np.imag(column).astype(a.dtype)
        p = _projector(a, w, i, n)
        u = Complex(matmul(p.real, re) - matmul(p.imag, im), matmul(p.real, im) + matmul(p.imag, re))
        largest = np.equal(np.arange(n)[:, None], np.argmax(np.abs(column), axis=-2, keepdims=True)).astype(a.dtype)
        at = Complex(total(u.real * largest, -2, True), total(u.imag * largest, -2, True))
        turned = u * at.conj() * np.sign(np.sum(re * largest, axis=-2, keepdims=True))
        length = sqrt(total(u.abs2(), -2, True) * at.abs2())
        real.append(turned.real / length)
        imag.append(turned.imag / length)
    return w, Complex(concatenate(real, axis=-1), concatenate(imag, axis=-1))
