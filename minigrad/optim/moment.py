"""The one bias-correction component that all optimizers share."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import OptimizerError

__all__ = ["Moment"]


@attrs.frozen
class Moment:
    """An exponential moving average together with the same average of the constant 1.

    m_t = b_t m_{t-1} + (1 - b_t) x_t started at 0 is biased towards 0 by the factor that the constant 1 would have
    been, so dividing by that average corrects it: Kingma & Ba 2015, section 3, where with constant b the average of 1
    is 1 - b^t. Here it is carried, not computed from t, so the correction stays exact when b is scheduled.

    Attributes:
        biased: m_t, of the shape and dtype of the parameters.
        weight: the same average of the constant 1; 0 before the first update.
    """

    biased: Array
    weight: float = 0.0

    @classmethod
    def zeros(cls, w: Array) -> Moment:
        """The average of nothing, for vectors like `w`."""
        return cls(np.zeros_like(w))

    def update(self, x: Array, decay: float) -> Moment:
        """The average after one more `x`; `decay` in [0, 1) is the share that the past keeps. A new value."""
        keep, take = decay, 1.0 - decay
        return Moment(keep * self.biased + take * x, keep * self.weight + take)

    @property
    def corrected(self) -> Array:
        """The average without its bias towards zero. Raises OptimizerError before the first update."""
        if self.weight == 0.0:
            raise OptimizerError("a Moment has no corrected average before its first update")
        return self.biased / self.weight
