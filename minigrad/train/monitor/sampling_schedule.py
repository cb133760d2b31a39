"""When to look: often at first, when most happens, and then ever more rarely; the same in every repetition of a run."""

from __future__ import annotations

__all__ = ["Rhythm"]


class Rhythm:
    """Says at which of the numbers 0, 1, 2, ... to look: at all up to `dense`, then with gaps that grow.

    The gap after n is n / dense, so that there are about `dense` looks from n to 2 n; no gap is longer than `longest`,
    if that is not 0.

    Attributes:
        due: the number of the next look.
    """

    def __init__(self, dense: int, longest: int = 0, first: int = 0) -> None:
        self.dense, self.longest, self.due = dense, longest, first

    def took(self, n: int) -> None:
        """A look was taken at `n`."""
        gap = max(1, n // self.dense)
        self.due = n + (min(gap, self.longest) if self.longest else gap)
