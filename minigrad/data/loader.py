"""`Loader`: batches epoch by epoch, resumable at any batch.

Augmented, and optionally prepared in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.arrays import Array, check_pair, read_only, whole
from minigrad.data.augment import Augment
from minigrad.data.batches import batch_count, order, pieces
from minigrad.data.prefetch import prefetched

ORDER, AUGMENT = 0, 1


@attrs.define(eq=False)
class Loader:
    """Batches of `(x, y)`, epoch by epoch.

    Every `for` loop over it is the next epoch, with an order of its own.

    The order of epoch `e` depends on `(seed, e)` alone and the augmentation of its batch `b` on `(seed, e, b)`:
    a run resumed with `epoch` at any batch sees exactly the same numbers, with or without a thread.

    `augment` is applied to each batch of `x`; `prefetch` > 0 makes that many batches ahead in a thread (worth it
    when a batch takes longer to make than about 50 microseconds, so mostly with augmentation). `next_epoch` is the
    number of the epoch that the next `for` loop runs; store it to resume. Raises DataError for bad arguments.
    """

    x: Array = attrs.field(converter=read_only, repr=False, on_setattr=attrs.setters.frozen)
    y: Array = attrs.field(converter=read_only, repr=False, on_setattr=attrs.setters.frozen)
    batch_size: int = 64
    seed: int = attrs.field(kw_only=True, default=0)
    shuffle: bool = attrs.field(kw_only=True, default=True)
    drop_last: bool = attrs.field(kw_only=True, default=False)
    augment: Augment | None = attrs.field(kw_only=True, default=None)
    prefetch: int = attrs.field(kw_only=True, default=0)
    next_epoch: int = attrs.field(kw_only=True, default=0)

    def __attrs_post_init__(self) -> None:
        check_pair(self.x, self.y)
        whole("batch_size", self.batch_size, 1)
        whole("seed", self.seed, 0)
        whole("prefetch", self.prefetch, 0, 1_000)
        whole("next_epoch", self.next_epoch, 0)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return batch_count(len(self.x), self.batch_size, drop_last=self.drop_last)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        number, self.next_epoch = self.next_epoch, self.next_epoch + 1
        return self.epoch(number)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Array, Array]]:
        """The batches of epoch `number` (from 0), beginning at batch `start`.

        Leaves `next_epoch` alone.
        """
        whole("start", start, 0)
        rng = np.random.default_rng([self.seed, ORDER, whole("epoch", number, 0)])
        parts = pieces(order(len(self.x), rng, shuffle=self.shuffle), self.batch_size, drop_last=self.drop_last)
        batches_left = self._batches(number, list(enumerate(parts))[start:])
        return prefetched(batches_left, self.prefetch) if self.prefetch else iter(batches_left())

    def _batches(
        self, epoch: int, parts: list[tuple[int, NDArray[np.intp]]]
    ) -> Callable[[], Iterator[tuple[Array, Array]]]:
        x, y, augment, seed = self.x, self.y, self.augment, self.seed

        def made() -> Iterator[tuple[Array, Array]]:
            for index, rows in parts:
                batch = x[rows]
                if augment is not None:
                    batch = augment(batch, np.random.default_rng([seed, AUGMENT, epoch, index]))
                yield batch, y[rows]

        return made
