"""Squares of large numbers without overflow, where a number is added to them."""

from __future__ import annotations

import numpy as np

__all__ = ["square_scale"]


def square_scale(dtype: np.dtype[np.generic], least: float) -> float:
    """Find the power of two by which numbers may be made smaller before they are squared.

    Squares below the rounding of `least`, to which they are added, do not count; all others stay normal numbers. So
    numbers up to 3e25 (float32) or 1e205 may be squared, in place of 1e19 and 1e154. Not farther, so that powers of
    roots of the sums, of which derivatives of higher order are made, stay within the range.
    """
    info = np.finfo(dtype.str)
    room = least * float(info.eps) ** 2 / float(info.tiny)
    exponent = min(max(int(np.log2(room)), 0) // 2, int(info.maxexp) // 6) if room else 0
    return 2.0**-exponent
