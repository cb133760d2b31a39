"""RMSprop."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import flag, number
from minigrad.optim.moment import Moment
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, Optimizer

__all__ = ["RMSprop", "RMSpropState"]


@attrs.frozen
class RMSpropState:
    """Averages of the squared gradient and, if centred, of the gradient.

    Velocity if there is momentum.
    """

    square: Moment
    mean: Moment | None
    velocity: Array | None


@attrs.frozen
class RMSprop:
    """cache <- decay cache + (1 - decay) g^2, then w <- w - lr g / (sqrt(cache) + eps).

    Source: Tieleman & Hinton 2012, lecture 6.5; the course notes. As in PyTorch, eps stands outside the root, decay
    is 0.99 by default, and the cache is not bias-corrected unless `bias_correction=True` asks for it.
    `centred` subtracts the squared mean gradient from the cache (Graves 2013); `momentum` carries a velocity
    v <- momentum v + g / (sqrt(cache) + eps), w <- w - lr v.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "translation", "negation", "scale-invariant"})

    lr: float = number(1e-2, ge=0.0)
    decay: float = number(0.99, ge=0.0, lt=1.0)
    eps: float = number(1e-8, ge=0.0)
    momentum: float = number(0.0, ge=0.0, lt=1.0)
    centred: bool = flag(False)
    bias_correction: bool = flag(False)

    def init(self, w: Array) -> RMSpropState:
        """All averages empty."""
        return RMSpropState(
            Moment.zeros(w),
            Moment.zeros(w) if self.centred else None,
            np.zeros_like(w) if self.momentum else None,
        )

    def update(self, w: Array, f: Objective, state: RMSpropState, t: int) -> tuple[Array, RMSpropState]:
        """Divide each coordinate by the recent size of its gradient."""
        g = f.grad
        square = state.square.update(g**2, self.decay)
        mean = None if state.mean is None else state.mean.update(g, self.decay)
        corrected = self.bias_correction
        cache = square.hat if corrected else square.value
        if mean is not None:
            center = mean.hat if corrected else mean.value
            # Rounding can leave a tiny negative variance where the gradient is constant.
            cache = np.maximum(cache - center**2, 0.0)
        step = g / (np.sqrt(cache) + self.eps)
        velocity = None
        if state.velocity is not None:
            velocity = step = self.momentum * state.velocity + step
        return w - self.lr * step, RMSpropState(square, mean, velocity)


_check: Optimizer[RMSpropState] = RMSprop()
