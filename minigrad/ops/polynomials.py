"""Polynomials by their coefficients, the highest power first.

As NumPy's functions for them.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import as_array
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.functions import concatenate, flip, ravel
from minigrad.ops.index import getitem
from minigrad.ops.network.convolution import convolve1d
from minigrad.typing import V

__all__ = ["poly", "polyadd", "polyder", "polyint", "polymul", "polysub", "polyval", "vander"]


def polyval(p: V, x: V) -> V:
    """p[0] x ** (n - 1) + ... + p[n - 1], by Horner's rule."""
    y: V = np.zeros(x.shape, x.dtype)  # type: ignore[assignment]
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


def vander(x: V, N: int | None = None, increasing: bool = False) -> V:
    """Powers of x (rows,) as columns: x ** (N - 1) to 1, or from 1 on if `increasing`."""
    if x.ndim != 1:
        raise ValueError(f"vander: x must have one axis, not {x.shape}")
    count = x.shape[0] if N is None else N
    if not count:
        return np.zeros((x.shape[0], 0), x.dtype)  # type: ignore[return-value]  # nothing to differentiate
    ones = np.ones(x.shape, np.promote_types(x.dtype, int) if x.dtype.kind in "iub" else x.dtype)
    powers: list[V] = [ones]  # type: ignore[list-item]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return stack(powers if increasing else powers[::-1], axis=1)


def polyadd(a: V, b: V) -> V:
    """The sum of two polynomials."""
    a, b = _padded(a, b)
    return a + b


def polysub(a: V, b: V) -> V:
    """The difference of two polynomials."""
    a, b = _padded(a, b)
    return a - b


def polymul(a: V, b: V) -> V:
    """The product of two polynomials."""
    return convolve1d(ravel(a), ravel(b))


def polymul_shortened(a: V, b: V) -> V:
    """The product of two polynomials without the zeros at their front, as numpy.polymul."""
    return polymul(_without_zeros(a), _without_zeros(b))


def _without_zeros(p: V) -> V:
    """Coefficients from the first that is not 0 on; one 0 where all are."""
    flat: V = ravel(p)
    present = np.flatnonzero(as_array(flat))
    return getitem(flat, key=(slice(int(present[0]) if len(present) else -1, None),))


def polyder(p: V, m: int = 1) -> V:
    """The m-th derivative of a polynomial."""
    for _ in range(m):
        p = getitem(p, key=(slice(None, -1),)) * np.arange(p.shape[0] - 1, 0, -1).astype(p.dtype)
    return p


def polyint(p: V, m: int = 1, k: V | float | None = None) -> V:
    """The m-th integral of a polynomial, with the constants `k` (0 by default)."""
    constants = np.zeros(m) if k is None else k
    for number in range(m):
        constant: V = constants if np.ndim(constants) == 0 else constants[number]  # type: ignore[assignment, index]
        terms: V = p / np.arange(p.shape[0], 0, -1).astype(p.dtype)
        p = concatenate([terms, getitem(p, key=(slice(0, 1),)) * 0.0 + constant])
    return p


def poly(roots: V) -> V:
    """The coefficients of the polynomial with these roots, of which the first is 1."""
    if roots.ndim != 1:
        raise ValueError(
            f"poly: roots must have one axis, not {roots.shape}; characteristic polynomials have no gradient here"
        )
    y: V = np.ones(1, roots.dtype)  # type: ignore[assignment]
    for k in range(roots.shape[0]):
        y = pad(y, (0, 1)) - pad(y, (1, 0)) * roots[k]
    return y


def _padded(a: V, b: V) -> tuple[V, V]:
    if a.ndim > 1 or b.ndim > 1:
        raise ShapeError(f"the coefficients of a polynomial have one axis, not {a.shape} and {b.shape}")
    a, b = flip(ravel(a)), flip(ravel(b))
    more = b.shape[0] - a.shape[0]
    return flip(pad(a, (0, max(more, 0)))), flip(pad(b, (0, max(-more, 0))))
