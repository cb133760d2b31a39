"""Polynomials of least squares."""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.linalg.solve import lstsq
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.functions import norm, reshape
from minigrad.ops.polynomials import vander
from minigrad.typing import V

__all__ = ["polyfit"]


def polyfit(x: V, y: V, deg: int, rcond: float | None = None, w: V | None = None) -> V:
    """Fit a polynomial of that degree to points, by least squares, as numpy.polyfit.

    Its coefficients come back, the highest power first.

    Args:
        x: places, (points,).
        y: values, (points,) or (points, sets).
        deg: the degree.
        rcond: relative size of singular values that count as 0.
        w: factor of each point's distance, (points,).

    Raises:
        ShapeError: other shapes.
    """
    degree = int(deg)
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0] or not x.shape[0] or degree < 0:
        raise ShapeError(
            f"polyfit: x (points,) and y (points, ...) are needed, not {x.shape} and {y.shape}, degree {degree}"
        )
    rows: V = vander(x, degree + 1)
    if w is not None:
        rows = rows * reshape(w, (-1, 1))
        y = y * (w if y.ndim == 1 else reshape(w, (-1, 1)))
    size: V = norm(rows, 0)
    scale: V = size + equal(size, 0.0)  # at places of 0 alone only the last column has a length
    cut = x.shape[0] * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    fitted: V = lstsq(rows / scale, y, cut)[0]
    return fitted / (scale if y.ndim == 1 else reshape(scale, (-1, 1)))
