"""Adam in plain NumPy, parameter by parameter, for libraries without optimizers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Adam:
    """State of one run. Rate 1e-3, betas 0.9 and 0.999."""

    def __init__(self, weights: Sequence[np.ndarray]) -> None:
        self.first = [np.zeros_like(w) for w in weights]
        self.second = [np.zeros_like(w) for w in weights]
        self.t = 0

    def step(self, weights: Sequence[np.ndarray], grads: Sequence[np.ndarray]) -> None:
        """Update `weights` in place."""
        self.t += 1
        rate, root = 1e-3 / (1 - 0.9**self.t), (1 - 0.999**self.t) ** 0.5
        for w, g, m, v in zip(weights, grads, self.first, self.second, strict=True):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * g * g
            w -= (rate * m / (np.sqrt(v) / root + 1e-8)).astype(w.dtype)
