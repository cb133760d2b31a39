"""Sums of weighted exponentials, as scipy.special.logsumexp has them."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Axis
from minigrad.ops.elementwise.arithmetic import masked_multiply, where
from minigrad.ops.elementwise.piecewise_constant import equal, sign
from minigrad.ops.elementwise.piecewise_linear import absolute, clip
from minigrad.ops.elementwise.transcendental import exp, log
from minigrad.ops.functions import max, squeeze, sum
from minigrad.typing import V

__all__ = ["signed_logsumexp", "weighted_logsumexp"]


def weighted_logsumexp(x: V, b: V | float, axis: Axis = None, keepdims: bool = False) -> V:
    """log(sum(b * exp(x))) over `axis`; NaN where the sum is negative.

    Entries of weight 0 do not count, whatever they are.

    Args:
        x: exponents.
        b: weights that broadcast with x.
        axis: one, several or (by default) all.
        keepdims: whether the axes stay, with length one.
    """
    total, top = _scaled_sum(x, b, axis)
    y = _logarithm(total, top)
    return y if keepdims else squeeze(y, axis)


def signed_logsumexp(x: V, b: V | float, axis: Axis = None, keepdims: bool = False) -> tuple[V, V]:
    """The logarithm of |sum(b * exp(x))| over `axis`, and the sign of the sum.

    Args:
        x: exponents.
        b: weights that broadcast with x.
        axis: one, several or (by default) all.
        keepdims: whether the axes stay, with length one.
    """
    total, top = _scaled_sum(x, b, axis)
    y, s = _logarithm(absolute(total), top), sign(total)
    return (y, s) if keepdims else (squeeze(y, axis), squeeze(s, axis))


def _scaled_sum(x: V, b: V | float, axis: Axis) -> tuple[V, V]:
    """sum(b * exp(x - top)) and the top, the largest x that counts; axes are kept."""
    info = np.finfo(x.dtype)
    largest = float(info.max)
    counted: V = where(equal(b, 0.0), -np.inf, x)
    top: V = max(counted, axis, True)
    top = top if isinstance(top, np.ndarray) else top.detach()
    shifted: V = clip(x, high=largest) - clip(top, low=-largest, high=largest)
    # Counted entries are below the top; others may be far above it, where they must not overflow.
    parts: V = masked_multiply(exp(clip(shifted, high=float(np.log(info.max)) - 1.0)), b)
    return sum(parts, axis, True), top


def _logarithm(total: V, top: V) -> V:
    none: V = equal(total, 0.0)
    y: V = where(none, -np.inf, log(where(none, 1.0, total)) + top)
    return y
