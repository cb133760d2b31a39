"""Micro-batches: gradients summed over several rounds before they make an update.

A round is `backward` and `step`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.types import Array
from minigrad.optim.stateful.buckets import ParamBucket

__all__ = ["MicroBatches"]


class MicroBatches:
    """The sum of the gradients so far, and a copy that no bad micro-batch can spoil.

    The sum stands in the buckets.

    Attributes:
        size: how many micro-batches make an update.
        count: how many are in the sum.
    """

    def __init__(self, buckets: Sequence[ParamBucket], size: int) -> None:
        self.size = size
        self.count = 0
        self._buckets = tuple(buckets)
        self._sums: list[Array] = []
        self._reached: list[list[bool]] = []

    def add(self) -> bool:
        """Count what `backward` has added to the buckets; whether the sum is complete.

        A complete sum is counted by the update that is made of it.
        """
        if self.count + 1 == self.size:
            return True
        sums = [bucket.grads.copy() for bucket in self._buckets]
        reached = [[t._sink.has_grad for t in bucket.tensors] for bucket in self._buckets]
        self.__dict__.update(_sums=sums, _reached=reached, count=self.count + 1)  # at once, or not at all
        return False

    def discard(self) -> None:
        """Take the latest micro-batch out of the buckets again."""
        if self.size == 1:
            return  # the gradients stay for whoever wants to look at what was wrong
        if self.count == 0:
            for bucket in self._buckets:
                bucket.zero_grad()
            return
        self._put_back()

    def vectors(self) -> list[dict[str, Array]]:
        """For each bucket what a saved state has to hold."""
        return [{"accumulated": bucket.grads} if self.count else {} for bucket in self._buckets]

    def restore(self, count: int, vectors: Sequence[Mapping[str, Array]]) -> None:
        """Go on from a saved state.

        One that holds a count and no sum lets the micro-batches begin anew.
        """
        if any("accumulated" in named for named in vectors):
            self.count = count
            self._sums = [
                named.get("accumulated", np.zeros_like(bucket.grads))
                for bucket, named in zip(self._buckets, vectors, strict=True)
            ]
            self._reached = [[True] * len(bucket.tensors) for bucket in self._buckets]
            self._put_back()
        else:
            self.count = 0

    def _put_back(self) -> None:
        for bucket, total, reached in zip(self._buckets, self._sums, self._reached, strict=True):
            bucket.zero_grad()
            bucket.grads[...] = total
            for t, has_grad in zip(bucket.tensors, reached, strict=True):
                t._sink.has_grad = has_grad
