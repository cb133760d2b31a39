"""Histograms over a run.

For each layer or parameter and each time they were taken, counts between two ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.types import Array

__all__ = ["BINS", "SAMPLE", "Histograms", "subsample"]

BINS = 40
SAMPLE = 2048
"""Entries that a histogram is made of, at most."""


class Histograms:
    """Counts in `BINS` bins of equal width.

    Attributes:
        entries: names of what the histograms are of; empty before the first ones were taken.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self.entries = tuple(entries)
        self._steps: list[float] = []
        self._ends: list[Array] = []
        self._counts: list[Array] = []

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def step(self) -> Array:
        """After how many steps each was taken, `(times,)`."""
        return np.array(self._steps, dtype=np.float64)

    @property
    def low(self) -> Array:
        """Left ends, `(times, entries)`; NaN where there was nothing finite to count."""
        return self._stacked(self._ends, 2)[:, :, 0]

    @property
    def high(self) -> Array:
        """Right ends, `(times, entries)`."""
        return self._stacked(self._ends, 2)[:, :, 1]

    @property
    def counts(self) -> Array:
        """Entries in each bin, `(times, entries, BINS)`."""
        return self._stacked(self._counts, BINS)

    def append(self, step: int, samples: Mapping[str, Array]) -> None:
        """Count `samples`, by name; of another set of names than before nothing is taken."""
        if not self._steps:
            self.entries = tuple(samples)
        if tuple(samples) != self.entries:
            return
        counted = [_counted(s) for s in samples.values()]
        self._steps.append(float(step))
        self._ends.append(np.array([ends for ends, _ in counted], dtype=np.float64))
        self._counts.append(np.array([counts for _, counts in counted], dtype=np.float64))

    def arrays(self) -> dict[str, Array]:
        """All of it, for `np.savez` and for checkpoints."""
        return {"step": self.step, "low": self.low, "high": self.high, "counts": self.counts}

    def restore(self, entries: Sequence[str], saved: Mapping[str, Array]) -> None:
        """Replace everything by what `arrays` gave for these entries.

        Raises:
            ValueError: the arrays do not fit.
            KeyError: an array is missing.
        """
        ends = np.stack([saved["low"], saved["high"]], axis=-1)
        times = len(saved["step"])
        if ends.shape != (times, len(entries), 2) or saved["counts"].shape != (times, len(entries), BINS):
            raise ValueError(f"histograms of shape {saved['counts'].shape} do not fit {len(entries)} entries")
        self.entries = tuple(entries)
        self._steps, self._ends, self._counts = saved["step"].tolist(), list(ends), list(saved["counts"])

    def _stacked(self, rows: list[Array], last: int) -> Array:
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.entries), last)


_LARGEST = float(np.finfo(np.float64).max)


def _counted(sample: Array) -> tuple[tuple[float, float], Array]:
    finite = sample if np.isfinite(sample).all() else sample[np.isfinite(sample)]
    if not finite.size:
        return (math.nan, math.nan), np.zeros(BINS)
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        margin = 0.5 * abs(low) or 0.5
        low, high = max(low - margin, -_LARGEST), min(high + margin, _LARGEST)
    # The same as np.histogram, at a third of its time. In shares of the largest, ends of +-1e308 have a distance, and
    # so have ends of 0 and 1e-320.
    size = max(abs(low), abs(high))
    least = low / size
    places = ((finite / np.float64(size) - least) * (BINS / (high / size - least))).astype(np.intp)
    counts = np.bincount(np.minimum(places, BINS - 1), minlength=BINS)
    return (low, high), counts.astype(np.float64)


def subsample(values: Array) -> Array:
    """Take up to `SAMPLE` of the entries, evenly spaced, as a flat copy.

    All columns of the last axis have their turn.
    """
    flat = values.reshape(-1)
    stride = -(-flat.size // SAMPLE)
    while values.ndim and stride > 1 and math.gcd(stride, values.shape[-1]) > 1:
        stride += 1
    return flat[:: max(stride, 1)].copy()
