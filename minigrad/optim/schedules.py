"""Schedules by formula. What a schedule is stands in `minigrad.optim.schedule`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

import attrs
import numpy as np

from minigrad.optim.errors import HyperparameterError
from minigrad.optim.hyperparameters import count, number
from minigrad.optim.schedule import Constant, ReduceOnPlateau, Schedule

__all__ = [
    "Chain",
    "Cosine",
    "Exponential",
    "InverseTime",
    "Linear",
    "OneCycle",
    "Piecewise",
    "Stair",
    "WarmUp",
]


T = TypeVar("T")


def _several(values: Iterable[T]) -> tuple[T, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise HyperparameterError(f"a schedule takes several values here, such as (10, 20), got {values!r}")
    return tuple(values)


def _whole(values: Iterable[int]) -> tuple[int, ...]:
    numbers = _several(values)
    if not all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in numbers):
        raise HyperparameterError(f"a schedule counts steps in whole numbers, got {numbers}")
    return tuple(int(v) for v in numbers)


def _real(values: Iterable[float]) -> tuple[float, ...]:
    numbers = _several(values)
    if not all(isinstance(v, int | float | np.generic) and math.isfinite(v) for v in numbers):
        raise HyperparameterError(f"a schedule takes finite numbers, got {numbers}")
    return tuple(float(v) for v in numbers)


def _as_schedule(value: Schedule | float) -> Schedule:
    """A Schedule, or a number as a constant one."""
    if isinstance(value, Schedule) and not isinstance(value, ReduceOnPlateau):
        return value
    if isinstance(value, int | float | np.generic) and not isinstance(value, bool):
        return Constant(float(value))
    raise HyperparameterError(f"expected a Schedule of steps, or a number for a constant one, got {value!r}")


def _as_schedules(values: Iterable[Schedule | float]) -> tuple[Schedule, ...]:
    return tuple(map(_as_schedule, _several(values)))


@attrs.frozen
class Linear(Schedule):
    """From `initial` at t = 1 in a straight line to `final` at t = 1 + steps, then constant."""

    initial: float = number(1.0)
    final: float = number(0.0)
    steps: int = count(1, ge=1)

    def __call__(self, t: int) -> float:
        return self.initial + (self.final - self.initial) * min((t - 1) / self.steps, 1.0)


@attrs.frozen
class Stair(Schedule):
    """`initial * factor^k` with k the number of completed stretches of `every` steps.

    Step decay.
    """

    initial: float = number(1.0)
    factor: float = number(0.5, ge=0.0)
    every: int = count(1, ge=1)

    def __call__(self, t: int) -> float:
        return self.initial * self.factor ** ((t - 1) // self.every)


@attrs.frozen
class Exponential(Schedule):
    """`initial * factor^(t - 1)`."""

    initial: float = number(1.0)
    factor: float = number(0.99, ge=0.0)

    def __call__(self, t: int) -> float:
        return self.initial * self.factor ** (t - 1)


@attrs.frozen
class InverseTime(Schedule):
    """`initial / (1 + decay (t - 1))`: the notes' 1/t decay, and PyTorch's Adagrad `lr_decay`."""

    initial: float = number(1.0)
    decay: float = number(0.0, ge=0.0)

    def __call__(self, t: int) -> float:
        return self.initial / (1.0 + self.decay * (t - 1))


@attrs.frozen
class Cosine(Schedule):
    """Half a cosine from `initial` at t = 1 to `final` at t = 1 + steps, then constant.

    Source: Loshchilov & Hutter 2017 (SGDR), one period without restart.
    """

    initial: float = number(1.0)
    steps: int = count(1, ge=1)
    final: float = number(0.0)

    def __call__(self, t: int) -> float:
        progress = min((t - 1) / self.steps, 1.0)
        return self.final + (self.initial - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress))


@attrs.frozen
class Piecewise(Schedule):
    """`levels[k]` from step `boundaries[k - 1]` on.

    `Piecewise((11,), (1e-3, 1e-4))` changes at t = 11.

    Raises:
        HyperparameterError: unless boundaries increase and there is one value more than there are boundaries.
    """

    boundaries: tuple[int, ...] = attrs.field(converter=_whole)
    levels: tuple[float, ...] = attrs.field(converter=_real)

    def __attrs_post_init__(self) -> None:
        ordered = all(a < b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False))
        if not ordered or len(self.levels) != len(self.boundaries) + 1:
            raise HyperparameterError(
                f"Piecewise needs increasing boundaries and one level more than boundaries, got {self.boundaries} and "
                f"{self.levels}"
            )

    def __call__(self, t: int) -> float:
        return self.levels[sum(t >= b for b in self.boundaries)]


@attrs.frozen
class WarmUp(Schedule):
    """A straight climb over `steps` steps, then the schedule `then` from its own t = 1.

    At t <= steps the value is `then(1) * (start + (1 - start) * t / (steps + 1))`. Goyal et al. 2017.
    """

    then: Schedule = attrs.field(converter=_as_schedule)
    steps: int = count(1, ge=1)
    start: float = number(0.0, ge=0.0)

    def __call__(self, t: int) -> float:
        if t > self.steps:
            return self.then(t - self.steps)
        return self.then(1) * (self.start + (1.0 - self.start) * t / (self.steps + 1))


@attrs.frozen
class OneCycle(Schedule):
    """Cosine up from `peak / divide` to `peak`, then down to `peak / (divide * finish)`.

    Source: Smith & Topin 2018, in two phases as in PyTorch's OneCycleLR: the peak is at t = `up` * steps (up to
    rounding), the end at t = steps.
    """

    peak: float = number(1.0)
    steps: int = count(100, ge=2)
    up: float = number(0.3, gt=0.0, lt=1.0)
    divide: float = number(25.0, gt=0.0)
    finish: float = number(1e4, gt=0.0)

    def __call__(self, t: int) -> float:
        low, end = self.peak / self.divide, self.peak / self.divide / self.finish
        turn = self.up * self.steps - 1.0
        at = min(t, self.steps) - 1.0
        if at <= turn:
            return _between(low, self.peak, at / turn if turn > 0.0 else 1.0)
        return _between(self.peak, end, (at - turn) / (self.steps - 1.0 - turn))


@attrs.frozen
class Chain(Schedule):
    """Schedules one after another.

    `Chain((a, b), (100,))` runs `a` for 100 steps, then `b` from its own t = 1.
    """

    parts: tuple[Schedule, ...] = attrs.field(converter=_as_schedules)
    lengths: tuple[int, ...] = attrs.field(converter=_whole)

    def __attrs_post_init__(self) -> None:
        if len(self.parts) != len(self.lengths) + 1 or any(n < 1 for n in self.lengths):
            raise HyperparameterError(
                f"Chain needs a positive length for each part but the last, got {len(self.parts)} parts and lengths "
                f"{self.lengths}"
            )

    def __call__(self, t: int) -> float:
        for part, length in zip(self.parts, self.lengths, strict=False):
            if t <= length:
                return part(t)
            t -= length
        return self.parts[-1](t)


def _between(a: float, b: float, progress: float) -> float:
    return b + (a - b) * 0.5 * (1.0 + math.cos(math.pi * progress))
