"""Two nets with numbers that NumPy's seeded generator gives, for derivatives of high order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array, Tensor


@attrs.frozen(eq=False)
class Net:
    """A tanh net with a squared loss on one batch, as a function of one flat vector of parameters.

    The vector holds, layer by layer, the weights (inputs, outputs) row by row and then the biases.
    """

    sizes: Sequence[int]
    x: Array
    y: Array
    w: Array

    @staticmethod
    def of(sizes: Sequence[int], batch: int, seed: int) -> Net:
        """Numbers from `np.random.default_rng(seed)`: inputs, targets, then parameters of scale 1/sqrt(inputs)."""
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
        parts = [rng.normal(size=(a + 1) * b) / np.sqrt(a) for a, b in pairwise(sizes)]
        return Net(sizes, x, y, np.concatenate(parts))

    def loss(self, w: Tensor) -> Tensor:
        """Mean squared error."""
        h = mg.tensor(self.x)
        start = 0
        for k, (a, b) in enumerate(pairwise(self.sizes)):
            weights = w[start : start + a * b].reshape(a, b)
            h = h @ weights + w[start + a * b : start + (a + 1) * b]
            start += (a + 1) * b
            h = h if k == len(self.sizes) - 2 else mg.tanh(h)
        return mg.mean((h - self.y) ** 2)


THREE_LAYERS = Net.of((3, 4, 4, 2), 6, seed=11)
"""46 parameters: for third derivatives."""

FIVE_HUNDRED = Net.of((13, 24, 6, 2), 32, seed=12)
"""500 parameters: for Hessians."""


def probes(net: Net, count: int) -> Array:
    """Directions to multiply derivatives with, of shape (count, parameters)."""
    found: Array = np.random.default_rng(99).normal(size=(count, net.w.size))
    return found
