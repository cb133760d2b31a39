"""Batches by number, for problems that are asked for the loss of the k-th."""

from __future__ import annotations

import attrs

from minigrad.core.types import Array
from minigrad.data import Loader

__all__ = ["Batches"]


@attrs.define
class Batches:
    """Batch `k` of a loader, counted through all epochs; asked for in order."""

    loader: Loader
    epoch: int = -1
    batches: list[tuple[Array, Array]] = attrs.field(factory=list)

    def __call__(self, k: int) -> tuple[Array, Array]:
        epoch, batch = divmod(k, len(self.loader))
        if epoch != self.epoch:
            self.epoch, self.batches = epoch, list(self.loader.epoch(epoch))
        return self.batches[batch]
