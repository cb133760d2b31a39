"""Dropout of whole channels, and dropout that keeps mean and variance."""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.layers.dropout import Dropout
from minigrad.ops.elementwise.arithmetic import multiply
from minigrad.runtime.effects import random_array

__all__ = ["AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]

_LOST = -1.7580993408473766  # what SELU tends to far below 0


@attrs.define(eq=False, repr=False)
class _ChannelDropout(Dropout):
    """In training, whole channels are 0 with probability p, and the rest divided by 1 - p.

    Source: Tompson et al. 2015.

    Attributes:
        p: probability of losing a channel, in [0, 1].
        rng: as for Dropout.
        generator: source of the masks; its state belongs into a checkpoint.
    """

    axes: ClassVar[int]

    def _mask_shape(self, x: Tensor) -> Shape:
        if x.ndim != self.axes + 2:
            raise ShapeError(f"{self!r} needs an input with {self.axes} axes behind (N, channels), got {x.shape}")
        return (*x.shape[:2], *(1,) * self.axes)


@attrs.define(eq=False, repr=False)
class Dropout1d(_ChannelDropout):
    __doc__ = f"For sequences `(N, channels, length)`. {_ChannelDropout.__doc__}"
    axes = 1


@attrs.define(eq=False, repr=False)
class Dropout2d(_ChannelDropout):
    __doc__ = f"For images `(N, channels, height, width)`. {_ChannelDropout.__doc__}"
    axes = 2


@attrs.define(eq=False, repr=False)
class Dropout3d(_ChannelDropout):
    __doc__ = f"For volumes `(N, channels, depth, height, width)`. {_ChannelDropout.__doc__}"
    axes = 3


@attrs.define(eq=False, repr=False)
class AlphaDropout(Dropout):
    """Dropout for SELU: entries are lost to its lower limit; mean and variance stay.

    Source: Klambauer et al. 2017.

    Attributes:
        p: probability of losing an entry, in [0, 1].
        rng: as for Dropout.
        generator: source of the masks; its state belongs into a checkpoint.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, which stays."""
        if not self.training or self.p == 0.0:
            return x
        if self.p == 1.0:
            return x * 0.0
        q = 1.0 - self.p
        kept = multiply(random_array(self._mask, self._mask_shape(x), x.dtype), q)  # 0 or 1
        scale = 1.0 / sqrt(q + _LOST**2 * q * self.p)
        return (x * kept + (1.0 - kept) * _LOST) * scale - scale * self.p * _LOST


@attrs.define(eq=False, repr=False)
class FeatureAlphaDropout(AlphaDropout):
    """AlphaDropout of whole channels, axis 1.

    Attributes:
        p: probability of losing a channel, in [0, 1].
        rng: as for Dropout.
        generator: source of the masks; its state belongs into a checkpoint.
    """

    def _mask_shape(self, x: Tensor) -> Shape:
        if x.ndim < 2:
            raise ShapeError(f"{self!r} needs an input of shape (N, channels, ...), got {x.shape}")
        return (*x.shape[:2], *(1,) * (x.ndim - 2))
