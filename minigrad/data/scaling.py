"""Affine scaling of inputs and of regression targets.

It is always fitted on the training rows alone.
"""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.arrays import AnyDtypeArray, Array, any_real

Normalize = Literal["auto", "standard", "unit", "none"]


@attrs.frozen(eq=False)
class Scaling:
    """`x -> (x - offset) * factor` in float32.

    offset and factor broadcast against the rows of `x`.
    """

    offset: NDArray[np.float64]
    factor: NDArray[np.float64]

    def __call__(self, x: AnyDtypeArray) -> Array:
        """Scaled copy of `x`, float32, same shape.

        Small integers are computed in float32, all else in float64.
        """
        wide = np.dtype(np.float32 if x.dtype.itemsize <= 2 else np.float64)
        out = x.astype(wide)
        out -= self.offset.astype(wide)
        out *= self.factor.astype(wide)
        return any_real(out.astype(np.float32, copy=False))

    def inverse(self, x: AnyDtypeArray) -> NDArray[np.float64]:
        """The value whose scaled form is `x`, float64."""
        back: NDArray[np.float64] = x.astype(np.float64) / self.factor + self.offset
        return back


def unit(full_scale: float) -> Scaling:
    """x / full_scale: images to [0, 1]."""
    return Scaling(np.zeros(()), np.asarray(1.0 / full_scale))


def identity() -> Scaling:
    """Only the cast to float32."""
    return Scaling(np.zeros(()), np.ones(()))


def standard(x: Array, *, over: tuple[int, ...]) -> Scaling:
    """Zero mean and unit (population) variance over the axes `over` of `x`.

    A constant column keeps factor 1.
    """
    mean = np.asarray(x.mean(axis=over, keepdims=True, dtype=np.float64))[0]
    std = np.asarray(x.std(axis=over, keepdims=True, dtype=np.float64))[0]
    flat = std <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return Scaling(mean, 1.0 / np.where(flat, 1.0, std))
