"""The learning-rate range test (Smith 2017).

The rate climbs from batch to batch, and the loss tells where to stop.

The answer is a range with its reason, never a bare number: from where the loss begins to fall to a third of the rate at
which it is lowest or where it leaps. Losses that are not finite end the test and are no part of the fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.nn.regularization import Regularization
from minigrad.optim import NonFiniteGradient, NonFiniteParameters, Schedule
from minigrad.optim import optimizer as make_optimizer
from minigrad.train.errors import TrainError
from minigrad.train.splits import Split

__all__ = ["RateRange", "lr_find"]

_SMOOTH, _LEAP, _FALL = 0.9, 2.0, 0.02


@attrs.frozen
class RateRange:
    """What the test found.

    Attributes:
        low: lower end of the range to choose from; None where no rate made the loss fall.
        high: upper end of it, or None.
        suggested: a rate in it, half a decade below the top, where the loss falls fast and there is room; or None.
        reason: why these, or why there are none, in a sentence.
        confidence: "high" if the loss fell clearly and then leapt, "low" otherwise.
        rates: the learning rate of every batch.
        losses: the loss of every batch.
        smoothed: the losses without their wiggle, as far as they are finite.
    """

    low: float | None
    high: float | None
    suggested: float | None
    reason: str
    confidence: str
    rates: tuple[float, ...] = attrs.field(repr=False)
    losses: tuple[float, ...] = attrs.field(repr=False)
    smoothed: tuple[float, ...] = attrs.field(repr=False)


@attrs.frozen
class _ExponentialRamp(Schedule):
    """A rate that is multiplied by the same factor at every update."""

    first: float
    factor: float

    def __call__(self, t: int) -> float:
        """The rate of update `t`, from 1."""
        return self.first * self.factor ** (t - 1)


def lr_find(
    model: Module,
    split: Split,
    loss: Loss,
    *,
    optimizer: str = "minigrad:adam",
    hyperparameters: Mapping[str, object] | None = None,
    regularization: Regularization | None = None,
    batch_size: int = 64,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 120,
    seed: int = 0,
) -> RateRange:
    """Find a range of learning rates by a range test on a copy of `model`.

    The copy trains while the rate climbs from batch to batch.

    Args:
        model: stays as it is.
        split: its training rows are used, in batches.
        loss: of outputs and targets.
        optimizer: name of an installed one that has a learning rate.
        hyperparameters: of the optimizer, besides the learning rate.
        regularization: added to the loss.
        batch_size: rows in a batch.
        low: the first learning rate.
        high: the last one.
        steps: batches, at least 20.
        seed: of the order of rows.

    Returns:
        The range with its reason, and the curve it was read from.

    Raises:
        TrainError: the range or the number of steps makes no test.
        OptimizerError: the optimizer cannot be made.
    """
    if not 0.0 < low < high or steps < 20:
        raise TrainError(f"a test needs 0 < low < high and 20 steps or more, got {low:g} to {high:g} in {steps}")
    trial = model.copy()
    ramp = _ExponentialRamp(low, (high / low) ** (1.0 / (steps - 1)))
    hyper: Mapping[str, Any] = {**(hyperparameters or {}), "lr": ramp}
    driver = make_optimizer(optimizer, trial.named_parameters(), nonfinite="raise", **hyper)
    rates: list[float] = []
    losses: list[float] = []
    trial.train()
    ended = ""
    with np.errstate(all="ignore"):
        for x, y in _batches(split, batch_size, seed, steps):
            driver.zero_grad()
            total = loss(trial(from_array(x)), y)
            if regularization is not None:
                total = total + regularization(trial)
            rates.append(ramp(len(rates) + 1))
            losses.append(float(total.item()))
            if not math.isfinite(losses[-1]) or losses[-1] > 20.0 * max(abs(losses[0]), 1e-12):
                ended = "the loss is not finite" if not math.isfinite(losses[-1]) else "the loss leaps"
                break
            total.backward()
            try:
                driver.step()
            except (NonFiniteGradient, NonFiniteParameters):
                ended = "the gradient is not finite"
                break
    return _read_range(rates, losses, ended)


def _batches(split: Split, batch_size: int, seed: int, steps: int) -> Iterator[tuple[Array, Array]]:
    loader = split.batches(min(batch_size, len(split.train)), seed)
    epoch, count = 0, 0
    while count < steps:
        for x, y in loader.epoch(epoch):
            if count == steps:
                return
            count += 1
            yield x, y
        epoch += 1


def _read_range(rates: list[float], losses: list[float], ended: str) -> RateRange:
    """Where the smoothed loss begins to fall, where it is lowest, and where it leaps."""
    smoothed = _smooth(losses)
    record = (tuple(rates), tuple(losses), tuple(smoothed))
    if len(smoothed) < 10:
        why = f"{ended or 'the test ended'} after {len(losses)} batches at a rate of {rates[-1]:.1e}: begin lower"
        return RateRange(None, None, None, f"no range: {why}", "low", *record)
    start = float(np.mean(smoothed[:5]))
    best = int(np.argmin(smoothed))
    fall = start - smoothed[best]
    noise = float(np.std(np.array(losses[:10]) - np.array(smoothed[:10])))
    if fall < max(_FALL * abs(start), 0.5 * noise):
        why = f"no rate from {rates[0]:.0e} to {rates[-1]:.0e} made the loss fall (it stayed at {start:.4g})"
        return RateRange(None, None, None, f"no range: {why}: look for another fault first", "low", *record)
    begins = next(i for i in range(best + 1) if smoothed[i] < start - 0.1 * fall)
    leaps = next((i for i in range(best, len(smoothed)) if smoothed[i] > smoothed[best] + 0.3 * fall), None)
    top = rates[best] / 3.0
    low = min(rates[begins], top)
    suggested = math.sqrt(low * top) if top < 10.0 * low else top / math.sqrt(10.0)
    turned = f"climbs again from {rates[leaps]:.1e}" if leaps is not None else ended or "had not turned by the end"
    reason = (
        f"the loss begins to fall at {rates[begins]:.1e}, is lowest at {rates[best]:.1e} and {turned}; "
        f"a third of the lowest point leaves room"
    )
    clear = (leaps is not None or bool(ended)) and fall > 0.1 * abs(start)
    return RateRange(low, top, suggested, reason, "high" if clear else "low", *record)


def _smooth(losses: list[float]) -> list[float]:
    """Exponential average with its start corrected, of the finite losses."""
    mean, averages = 0.0, []
    for k, value in enumerate((v for v in losses if math.isfinite(v)), 1):
        mean = _SMOOTH * mean + (1.0 - _SMOOTH) * value
        averages.append(mean / (1.0 - _SMOOTH**k))
    return averages
