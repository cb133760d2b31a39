"""Weights that follow the trained ones.

Averages for evaluation, and the slow weights of look-ahead.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import attrs

from minigrad.core.types import Array
from minigrad.optim.errors import OptimizerError
from minigrad.optim.hyperparameters import count, number
from minigrad.optim.moment import Moment
from minigrad.optim.stateful.buckets import ParamBucket
from minigrad.runtime.blocks import Overlays

__all__ = ["Average", "Ema", "LookAhead", "ShadowWeights", "Swa"]


class Average(ABC):
    """A running average of the parameters, for evaluation: `with opt.averaged(): ...`.

    Attributes:
        start: first step whose result counts.
        every: how many steps lie between results that count.
    """

    start: int
    every: int

    @abstractmethod
    def decay(self, k: int) -> float:
        """The share that the average of the first `k` results keeps when the next one comes."""


@attrs.frozen
class Ema(Average):
    """Exponential average, bias-corrected, so that the starting point does not linger in it.

    Polyak & Juditsky 1992.
    """

    rate: float = number(0.999, ge=0.0, lt=1.0)
    start: int = count(1, ge=1)
    every: int = count(1, ge=1)

    def decay(self, k: int) -> float:
        return self.rate


@attrs.frozen
class Swa(Average):
    """The plain mean of all results from `start` on.

    Stochastic weight averaging, Izmailov et al. 2018.
    """

    start: int = count(1, ge=1)
    every: int = count(1, ge=1)

    def decay(self, k: int) -> float:
        return k / (k + 1.0)


@attrs.frozen
class LookAhead:
    """Slow weights move to the fast ones every few steps, and these start again from there.

    Source: Zhang et al. 2019, algorithm 1.
    """

    every: int = count(5, ge=1)
    pull: float = number(0.5, gt=0.0, le=1.0)


class ShadowWeights:
    """The following weights of all buckets, kept up to date by the driver.

    Attributes:
        n_averaged: how many results the averages are made of.
    """

    def __init__(self, buckets: Sequence[ParamBucket], average: Average | None, lookahead: LookAhead | None) -> None:
        self.buckets = tuple(buckets)
        self.average = average
        self.lookahead = lookahead
        self.n_averaged = 0
        self._trained: Overlays[Array] = Overlays()
        self._noted = 0  # the latest step of which note was taken
        self.means = [Moment.zeros(bucket.params) for bucket in buckets] if average else []
        self.slow = [bucket.params.copy() for bucket in buckets] if lookahead else []

    @property
    def shown(self) -> bool:
        """Whether the parameters are their averages at the moment."""
        return bool(self._trained)

    def extend(self, buckets: Sequence[ParamBucket]) -> None:
        """Follow more buckets from now on, as if they had always been as they are."""
        self.buckets = (*self.buckets, *buckets)
        if self.means:
            weight, scale = self.means[0].weight, self.means[0].scale
            self.means += [Moment(bucket.params * (weight / scale), weight, scale) for bucket in buckets]
        if self.lookahead is not None:
            self.slow += [bucket.params.copy() for bucket in buckets]

    def update(self, t: int) -> None:
        """Take note of the parameters after step `t`. May be begun anew after an interrupt.

        Look-ahead may write to them, before they are renewed.
        """
        pulled = self.lookahead is not None and t % self.lookahead.every == 0
        if t != self._noted and (self.lookahead or self.average):
            self.__dict__.update(self._after(t), _noted=t)  # at once, or not at all
        if pulled:
            for bucket, slow in zip(self.buckets, self.slow, strict=True):
                bucket.params[...] = slow

    def _after(self, t: int) -> dict[str, object]:
        """The fields that change with step `t`."""
        changes: dict[str, object] = {}
        weights = [bucket.params for bucket in self.buckets]
        if self.lookahead is not None and t % self.lookahead.every == 0:
            pull = self.lookahead.pull
            changes["slow"] = weights = [s + pull * (w - s) for s, w in zip(self.slow, weights, strict=True)]
        if self.average is not None and t >= self.average.start and (t - self.average.start) % self.average.every == 0:
            decay = self.average.decay(self.n_averaged)
            changes["means"] = [m.update(w, decay) for m, w in zip(self.means, weights, strict=True)]
            changes["n_averaged"] = self.n_averaged + 1
        return changes

    @contextlib.contextmanager
    def averaged(self, own: Sequence[Array | None]) -> Iterator[None]:
        """The parameters are their averages inside the block, and themselves again after it.

        Args:
            own: for each bucket the rule's own average, if it keeps one; used unless `average=` asked for another.
        """
        means: list[Array | None] = [m.corrected for m in self.means] if self.n_averaged else list(own)
        if all(m is None for m in means):
            raise OptimizerError(
                "there is no average yet: pass average=Ema(rate=0.999) or average=Swa() to the optimizer, and step"
            )
        trained: dict[int, Array] = {}
        try:
            with self._trained.lock:
                trained.update(enumerate([bucket.params.copy() for bucket in self.buckets]))
                self._trained.begin(trained)
                self._assign({k: m for k, m in enumerate(means) if m is not None})
            yield
        finally:
            with self._trained.lock:
                self._assign(self._trained.end(trained))

    def parts(self) -> list[dict[str, Array]]:
        """For each bucket, its following weights by name.

        Of the average what Moment calls its total.
        """
        named_parameters = {"average": [m.total for m in self.means], "slow": self.slow}
        return [
            {name: arrays[i] for name, arrays in named_parameters.items() if arrays} for i in range(len(self.buckets))
        ]

    @property
    def weight(self) -> float:
        """The weight of the averages, see Moment."""
        return self.means[0].weight if self.means else 0.0

    def restore(self, parts: Sequence[dict[str, Array]], n_averaged: int, weight: float) -> None:
        """Take over what `parts`, `counted` and `weight` said."""
        self._noted = 0
        self.n_averaged = n_averaged
        if self.average is not None:
            scale = 1.0 - self.average.decay(n_averaged - 1) if n_averaged else 1.0
            self.means = [Moment(part["average"], weight, scale) for part in parts]
        if self.lookahead is not None:
            self.slow = [part["slow"] for part in parts]

    def _assign(self, values: Mapping[int, Array]) -> None:
        for place, value in values.items():
            self.buckets[place].params[...] = value
            self.buckets[place].renew()
