"""A small reproducible source of random numbers for the gate.

Importing numpy.random costs a tenth of the whole import budget; the gate needs a few thousand numbers. This is
SplitMix64 (Steele, Lea and Flood, 2014) evaluated at consecutive counters, vectorised.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array, IndexArray, Shape

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(s) for s in (30, 27, 31, 11))
_BLOCK = 1024
_FINE = 2.0**22
_LOW_BITS = 2.0**-26


class SeededRandom:
    """Random numbers that depend on the seed only.

    Numbers are made in blocks and handed out in order.
    """

    def __init__(self, seed: int) -> None:
        self._counter = (seed * 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
        self._block: Array = np.empty(0)
        self._used = 0
        self._ready: Array = np.empty(0)
        self._handed_out = 0

    def _refill(self, count: int) -> None:
        size = max(_BLOCK, count)
        z = np.arange(1, size + 1, dtype=np.uint64) * _GAMMA + np.uint64(self._counter)
        self._counter = (self._counter + size * int(_GAMMA)) & 0xFFFFFFFFFFFFFFFF
        z = (z ^ (z >> _S30)) * _MIX1
        z = (z ^ (z >> _S27)) * _MIX2
        z ^= z >> _S31
        self._block = (z >> _S11).astype(np.float64) * 2.0**-53
        self._used = 0

    def uniform(self, shape: Shape) -> Array:
        """Numbers uniform in [0, 1)."""
        count = 1
        for n in shape:
            count *= n
        if self._used + count > self._block.size:
            self._refill(count)
        numbers = self._block[self._used : self._used + count].reshape(shape)
        self._used += count
        return numbers

    def signed_magnitudes(self, shape: Shape) -> Array:
        """Multiples of 2**-22 from 1/2 to 3/2 in magnitude, of both signs.

        Never small, and exact in float32 too.

        So fine that sums of a few are not 0 by chance: what is wrong by the mean of a direction must show.
        """
        count = 1
        for n in shape:
            count *= n
        if self._handed_out + count > self._ready.size:
            u = self.uniform((max(_BLOCK // 4, count),))
            self._ready = (0.5 + np.floor(np.abs(2.0 * _FINE * u - _FINE)) / _FINE) * np.where(u < 0.5, -1.0, 1.0)
            self._handed_out = 0
        numbers = self._ready[self._handed_out : self._handed_out + count].reshape(shape)
        self._handed_out += count
        return numbers

    def with_low_bits(self, a: Array) -> Array:
        """The numbers of `a`, a little larger: float32 would round all of them down."""
        return np.asarray(a * (1.0 + _LOW_BITS * (0.5 + self.uniform(a.shape))))

    def choice(self, values: Array, shape: Shape) -> Array:
        """Entries of the 1-d array `values`, each equally likely."""
        index: IndexArray = (self.uniform(shape) * values.size).astype(np.intp)
        return values[index]

    def permutation(self, count: int) -> IndexArray:
        """0 to `count` - 1 in random order."""
        return np.argsort(self.uniform((count,)))
