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

    What is kept is m_t without its latest factor 1 - b_t, a pass over memory less: m_t = scale * total.
    A formula that multiplies the average by other numbers anyway can take `total` and put `factor` among these.

    Attributes:
        total: m_t / scale, of the shape and dtype of the parameters.
        weight: the same average of the constant 1; 0 before the first update.
        scale: 1 - b_t; 1 before the first update.
    """

    total: Array
    weight: float = 0.0
    scale: float = 1.0

    @classmethod
    def zeros(cls, w: Array) -> Moment:
        """The average of nothing, for vectors like `w`."""
        return cls(np.zeros_like(w))

    def update(self, x: Array, decay: float) -> Moment:
        """The average after one more `x`; `decay` in [0, 1) is the share that the past keeps. A new value."""
        take = 1.0 - decay
        keep = decay * (self.scale / take)
        return Moment(keep * self.total + x, decay * self.weight + take, take)

    @property
    def biased(self) -> Array:
        """m_t itself."""
        return self.scale * self.total

    @property
    def corrected(self) -> Array:
        """The average without its bias towards zero. Raises OptimizerError before the first update."""
        return self.factor * self.total

    @property
    def factor(self) -> float:
        """The corrected average over `total`. Raises OptimizerError before the first update."""
        if self.weight == 0.0:
            raise OptimizerError("a Moment has no corrected average before its first update")
        return self.scale / self.weight
