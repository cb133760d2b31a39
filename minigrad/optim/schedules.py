"""Hyperparameters that change with the step.

Values, not callbacks, so that they can be saved, shown and compared.
Every schedule maps the step t = 1, 2, ... to a number; the driver puts that number into the rule before each step, so
that a rule sees plain floats. Any numeric hyperparameter can be scheduled.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TypeVar

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError
from minigrad.optim.hyperparameters import count, number

__all__ = [
    "Chain",
    "Constant",
    "Cosine",
    "Exponential",
    "Following",
    "InverseTime",
    "Linear",
    "OneCycle",
    "Piecewise",
    "ReduceOnPlateau",
    "Schedule",
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


class Schedule(ABC):
    """A number for each step t = 1, 2, ... Subclass it, with attrs, for schedules of your own."""

    @abstractmethod
    def __call__(self, t: int) -> float:
        """The value at step `t`."""

    def values(self, steps: int) -> Array:
        """The first `steps` values, shape `(steps,)`, for a plot."""
        return np.array([self(t) for t in range(1, steps + 1)])


@attrs.frozen
class Constant(Schedule):
    """`value` at every step."""

    value: float = number(0.0)

    def __call__(self, t: int) -> float:
        return self.value


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


@attrs.frozen
class ReduceOnPlateau(Schedule):
    """`initial`, multiplied by `factor` whenever the reported loss has stopped falling.

    The loss is what `opt.report(loss)` says, once for each validation. It has fallen if it is below the best one by the
    share `threshold`. After `patience` reports in a row without a fall the value is reduced, but not below `least`;
    the next `cooldown` reports do not count. PyTorch's ReduceLROnPlateau with `threshold_mode="rel"`, for any
    hyperparameter.
    """

    initial: float = number(1.0, ge=0.0)
    factor: float = number(0.1, gt=0.0, lt=1.0)
    patience: int = count(10, ge=0)
    threshold: float = number(1e-4, ge=0.0, lt=1.0)
    cooldown: int = count(0, ge=0)
    least: float = number(0.0, ge=0.0)

    def __call__(self, t: int) -> float:
        return self.initial

    def after(self, state: Plateau, loss: float) -> Plateau:
        """What is remembered after one more report."""
        fell = loss < state.best - self.threshold * abs(state.best) if math.isfinite(state.best) else loss < state.best
        best, bad = (loss, 0) if fell else (state.best, state.bad + 1)
        wait = state.wait
        if wait > 0:
            wait, bad = wait - 1, 0
        if bad <= self.patience:
            return Plateau(best, bad, wait, state.value)
        return Plateau(best, 0, self.cooldown, max(state.value * self.factor, self.least))


@attrs.frozen
class Plateau:
    """What a ReduceOnPlateau remembers.

    Attributes:
        best: lowest loss so far.
        bad: reports in a row without a fall.
        wait: reports that do not count.
        value: of the hyperparameter.
    """

    best: float
    bad: int
    wait: int
    value: float


@attrs.define
class Following(Schedule):
    """A ReduceOnPlateau at work in one optimizer, with what it remembers."""

    rule: ReduceOnPlateau
    state: Plateau = attrs.field(init=False)

    @state.default
    def _start(self) -> Plateau:
        return Plateau(math.inf, 0, 0, self.rule.initial)

    def __call__(self, t: int) -> float:
        return self.state.value

    def report(self, loss: float) -> None:
        """Take note of a loss."""
        self.state = self.rule.after(self.state, loss)


def _between(a: float, b: float, progress: float) -> float:
    return b + (a - b) * 0.5 * (1.0 + math.cos(math.pi * progress))
