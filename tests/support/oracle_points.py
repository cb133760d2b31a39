"""Where functions are tried: magnitudes of the whole range, and neighbours of the places that matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.types import Array

_ORDINARY = (0.137, 0.5, 0.71, 0.9, 1.0, 1.13, 1.5, 2.0, 2.7, 3.1, 4.6, 5.3, 7.7, 9.4, 12.1, 15.3, 17.7, 20.2, 25.6,
          31.1, 36.3,
             37.9, 55.5, 100.3, 104.5, 300.1, 720.6, 760.2)  # fmt: skip
_DECADES = {
    "d": (-323, -315, -308, -290, -200, -162, -154, -108, -77, -30, -20, -17, -16, -12, -9, -8, -7, -5, -4, -3, -2, 3,
          4, 5,
          7, 8, 10, 13, 15, 16, 20, 30, 77, 103, 150, 154, 160, 200, 300, 308),
    "f": (-45, -42, -38, -30, -23, -20, -12, -10, -8, -7, -6, -5, -4, -3, -2, 3, 4, 5, 6, 7, 8, 10, 13, 15, 19, 20,
          25, 30,
          38),
}  # fmt: skip


def magnitudes(dtype: Any) -> Array:
    """Positive numbers of the whole range of a dtype, subnormal ones and the largest included."""
    dtype = np.dtype(dtype)
    numbers = [float(f"1.37e{k}") for k in _DECADES[dtype.char]]
    info = np.finfo(dtype)
    ends = [float(info.smallest_subnormal), float(info.tiny), float(info.max)]
    x = np.array([*numbers, *_ORDINARY, *ends]).astype(dtype)
    return np.unique(x[(x > 0) & np.isfinite(x)])


def around(places: tuple[float, ...], dtype: Any) -> Array:
    """The places and the numbers next to them."""
    x = np.array(places, dtype)
    up, down = np.array(np.inf, dtype), np.array(-np.inf, dtype)
    return np.concatenate([x, np.nextafter(x, up), np.nextafter(x, down)])


def grid(low: float, high: float, places: tuple[float, ...], dtype: Any) -> Array:
    """All places for a function of one variable on [low, high], in order; 0 twice, with either sign."""
    size = magnitudes(dtype)
    ends = tuple(e for e in (low, high) if np.isfinite(e))
    near = [
        np.array(1.0, dtype) * e * (1 + s * size[(size < 0.3) & (size > np.finfo(dtype).eps)])
        for e in ends
        if e
        for s in (1, -1)
    ]
    x = np.concatenate([size, -size, around((*places, *ends), dtype), *near]).astype(dtype)
    x = np.unique(x[(x >= low) & (x <= high) & np.isfinite(x)])
    if low <= 0.0 <= high:
        x = np.concatenate([x[x < 0], np.array([-0.0, 0.0], dtype)[int(low == 0.0) :], x[x > 0]])
    return x
