"""Covariance and correlation, as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.types import Array
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.transcendental import sqrt
from minigrad.ops.functions import clip, concatenate, expand_dims, reshape, sum, transpose
from minigrad.ops.index import getitem
from minigrad.typing import V

__all__ = ["corrcoef", "cov"]


def cov(m: V, y: V | None = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
        fweights: Array | None = None, aweights: V | None = None) -> V:  # fmt: skip
    """Covariance of the rows of m, as numpy.cov.

    Args:
        m: (variables, observations), or one variable.
        y: further variables.
        rowvar: False if columns are variables.
        bias: divide by the number of observations instead of one less.
        ddof: what to take off the number of observations.
        fweights: how often each observation counts, whole numbers.
        aweights: how much each observation counts.
    """
    x = _rows(m, rowvar)
    if y is not None:
        x = concatenate([x, _rows(y, rowvar)], axis=0)
    less = ddof if ddof is not None else 0 if bias else 1
    if fweights is None and aweights is None:
        centred: V = x - sum(x, 1, True) / float(x.shape[1])
        return _squeezed(matmul(centred, transpose(centred)) / float(max(x.shape[1] - less, 0) or np.nan))
    weights: Any = aweights
    if fweights is not None:
        weights = np.asarray(fweights, x.dtype) * (1.0 if aweights is None else aweights)
    total = sum(weights)
    mean: V = sum(x * weights, 1, True) / total
    lost = less if less == 0 or aweights is None else sum(weights * aweights) / total * float(less)
    apart: V = x - mean
    products: V = matmul(apart * weights, transpose(apart)) / (total - lost)
    return _squeezed(products)


def corrcoef(x: V, y: V | None = None, rowvar: bool = True) -> V:
    """Correlation of the rows of x (and y), as numpy.corrcoef; between -1 and 1."""
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    spread: V = sqrt(getitem(c, key=(np.arange(c.shape[0]), np.arange(c.shape[0]))))
    return clip(c / expand_dims(spread, 1) / expand_dims(spread, 0), -1.0, 1.0)


def _rows(x: V, rowvar: bool) -> V:
    if x.ndim > 2:
        raise ValueError(f"cov: rows of observations are needed, not an array of {x.shape}")
    if x.ndim < 2:
        return reshape(x, (1, -1))
    return x if rowvar or x.shape[0] == 1 else transpose(x)


def _squeezed(c: V) -> V:
    return reshape(c, ()) if c.shape == (1, 1) else c
