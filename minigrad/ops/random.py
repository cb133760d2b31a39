"""Random masks for training. The random numbers are plain arrays: an op itself never draws any."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.ops.arithmetic import multiply
from minigrad.typing import V


def dropout_mask(shape: Shape, p: float, rng: np.random.Generator, dtype: np.dtype[np.float64] | None = None) -> Array:
    """0 with probability p and 1 / (1 - p) otherwise, so that the mean is 1."""
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout: the probability p = {p} is not in [0, 1)")
    kept: Array = (rng.random(shape) >= p).astype(np.float64 if dtype is None else dtype)
    return kept * (1.0 / (1.0 - p))


def dropout(x: V, p: float = 0.5, *, rng: np.random.Generator, training: bool = True) -> V:
    """x with entries set to 0 with probability p and the others divided by 1 - p (Srivastava et al., 2014).

    Args:
        x: any shape.
        p: probability of losing an entry.
        rng: source of the mask. Inside a defined program draw the mask outside (`dropout_mask`) and pass it in:
            the mask is data, and a traced one would stay the same in every run.
        training: False returns x itself.
    """
    if not training or p == 0.0:
        return x
    return multiply(x, dropout_mask(x.shape, p, rng, x.dtype))
