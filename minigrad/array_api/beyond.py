"""NumPy's functions that are no part of the standard, for libraries that call them."""

from __future__ import annotations

import numpy as np

from minigrad.array_api.calls import apply, plain
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape


def einsum(subscripts: str, *operands: Tensor) -> Tensor:
    """Sums of products by letters."""
    return apply(lambda *x: np.einsum(subscripts, *x), *operands)


def pad(x: Tensor, pad_width: object, mode: str = "constant", **options: object) -> Tensor:
    """x with a margin; NumPy's modes."""
    return apply(np.pad, x, plain(pad_width), mode=mode, **options)


def transpose(x: Tensor, axes: Shape | None = None) -> Tensor:
    """Axes in another order, reversed by default."""
    return apply(np.transpose, x, axes)
