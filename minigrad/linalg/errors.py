"""What linear algebra raises beside errors of shape."""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.types import Array

__all__ = ["SingularMatrix", "singular"]


class SingularMatrix(ShapeError, np.linalg.LinAlgError):
    """A matrix that must be inverted, for a value or for a slope, has no inverse."""


def singular(op: str, a: Array, slopes: str) -> SingularMatrix:
    """The error for matrices of which one is singular.

    Args:
        op: that inverts or solves.
        a: the matrices.
        slopes: ops whose slopes call that op.
    """
    return SingularMatrix(
        f"op {op!r}: a matrix of a {a.shape} {a.dtype} is singular. The slopes of {slopes} call {op!r}, too. "
        "Add a small multiple of the identity, or use pinv or lstsq"
    )
