"""Functions that NumPy is slow at, by ones that it is quick at. The results are equal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from minigrad.core.types import Array
from minigrad.engines.group import Function

__all__ = ["quick"]

_STEPS: Mapping[str, float] = MappingProxyType({"f4": 2.0**100, "f8": 2.0**600})
"""Twice this factor takes the smallest number above 1; once, it takes nothing from [-1, 1] to infinity."""


def sign(x: Array, out: Array) -> None:
    """np.sign, which asks about each entry: here by limiting to [-1, 1] and multiplying, a sixth of the time."""
    factor = _STEPS.get(x.dtype.str[1:])
    if factor is None or out.dtype != x.dtype:
        np.sign(x, out=out)
        return
    low, high, grow = (np.array(n, x.dtype) for n in (-1.0, 1.0, factor))
    np.maximum(x, low, out=out)
    np.minimum(out, high, out=out)
    for _ in range(2):
        np.multiply(out, grow, out=out)
        np.maximum(out, low, out=out)
        np.minimum(out, high, out=out)


def quick(function: Function) -> Function:
    """What to call in the place of a function."""
    return sign if function is np.sign else function
