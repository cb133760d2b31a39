"""Hyperparameters that change with the step, or with the loss.

Values, not callbacks, so that they can be saved, shown and compared.
Every schedule maps the step t = 1, 2, ... to a number; the driver puts that number into the rule before each step, so
that a rule sees plain floats. Any numeric hyperparameter can be scheduled. Formulas stand in `schedules`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import count, number

__all__ = ["Constant", "Following", "Plateau", "ReduceOnPlateau", "Schedule"]


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
