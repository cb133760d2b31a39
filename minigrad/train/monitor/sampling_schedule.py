"""Log-spaced sampling of steps, alike in every repetition.

Often at first, when most happens, then ever more rarely.
"""

from __future__ import annotations

__all__ = ["SamplingSchedule"]


class SamplingSchedule:
    """Samples of the numbers 0, 1, 2, ...: all up to `dense`, then with gaps that grow.

    The gap after n is n / dense, so that there are about `dense` samples from n to 2 n. It depends on n only, so that a
    resumed run takes the samples that the whole run would have taken.

    Attributes:
        dense: samples without a gap at the beginning, and in each doubling.
        longest: the longest gap; 0 for no bound.
        due: the number of the next sample.
    """

    def __init__(self, dense: int, longest: int = 0, first: int = 0) -> None:
        self.dense, self.longest, self.due = dense, longest, first

    def mark_taken(self, n: int) -> None:
        """Note that the sample `n` was taken, and set when the next is due."""
        gap = max(1, n // self.dense)
        self.due = n + (min(gap, self.longest) if self.longest else gap)
