"""Linear algebra, batched over leading axes.

Its ops are verified and registered when this package is imported.

Rules follow M. Giles, "An extended collection of matrix derivative results" (2008), and J. Townsend, "Differentiating
the singular value decomposition" (2016). `numpy.linalg` functions called on Tensors arrive here.
"""

from __future__ import annotations

from minigrad.linalg.decompose import cholesky, eigh, eigvalsh, qr, svd, svdvals
from minigrad.linalg.function import expm, matrix_power, solve_sylvester, sqrtm
from minigrad.linalg.norms import cond, diagonal, matrix_norm, norm, trace, vector_norm
from minigrad.linalg.polynomial_fit import polyfit
from minigrad.linalg.solve import (
    det,
    inv,
    lstsq,
    pinv,
    slogdet,
    solve,
    solve_banded,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from minigrad.linalg.spectrum import eig, eigvals
from minigrad.ops.public_functions import install as _wrap_functions

__all__ = [
    "cholesky",
    "cond",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "matrix_norm",
    "matrix_power",
    "norm",
    "pinv",
    "polyfit",
    "qr",
    "slogdet",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vector_norm",
]

_wrap_functions(__name__, globals(), __all__)
