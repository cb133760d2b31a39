"""Correlation of sequences."""

from __future__ import annotations

from minigrad.ops.functions import flip
from minigrad.ops.network.convolution import convolve1d
from minigrad.typing import V

__all__ = ["correlate"]


def correlate(a: V, v: V, mode: str = "valid") -> V:
    """c[k] = sum over n of a[n + k] v[n], as numpy.correlate; real sequences of one axis."""
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"correlate: sequences of one axis are needed, not {a.shape} and {v.shape}")
    if v.shape[0] > a.shape[0]:  # as NumPy, which is another place of "same" for even lengths
        return flip(convolve1d(v, flip(a), mode))
    return convolve1d(a, flip(v), mode)
