"""Learning-rate schedules by name, laid out over the updates of a run."""

from __future__ import annotations

import attrs

from minigrad.core.errors import nearest
from minigrad.optim import Constant, Cosine, Exponential, InverseTime, Linear, OneCycle, Schedule, Stair, WarmUp, load
from minigrad.train.errors import TrainError

__all__ = ["SCHEDULES", "default_rate", "named_schedule"]

SCHEDULES = ("constant", "cosine", "linear", "step", "exponential", "inverse-time", "one-cycle")


def named_schedule(name: str, lr: float, updates: int, warmup: int = 0) -> Schedule:
    """Make a schedule over `updates` updates.

    The first `warmup` of them climb to `lr` in a straight line.

    cosine, linear: from `lr` down to 0 at the end. step: a tenth after each third. exponential: to a hundredth at the
    end. inverse-time: lr / (1 + k t), to a tenth at the end. one-cycle: up to `lr` and down again, no warm-up needed.

    Raises:
        TrainError: the name is another, or the warm-up leaves no updates.
    """
    if name not in SCHEDULES:
        raise TrainError(f"there is no schedule {name!r}.{nearest(name, SCHEDULES)} Known: {', '.join(SCHEDULES)}")
    if not 0 <= warmup < max(updates, 1):
        raise TrainError(f"a warm-up of {warmup} updates does not fit into the {updates} of this run")
    if name == "one-cycle":
        if warmup:
            raise TrainError("the schedule one-cycle warms up by itself: leave out warmup")
        return OneCycle(lr, max(updates, 2))
    steps = updates - warmup
    then: Schedule
    if name == "cosine":
        then = Cosine(lr, steps)
    elif name == "linear":
        then = Linear(lr, 0.0, steps)
    elif name == "step":
        then = Stair(lr, 0.1, -(-steps // 3))
    elif name == "exponential":
        then = Exponential(lr, 0.01 ** (1.0 / steps))
    elif name == "inverse-time":
        then = InverseTime(lr, 9.0 / steps)
    else:
        then = Constant(lr)
    return WarmUp(then, warmup) if warmup else then


def default_rate(optimizer: str) -> float:
    """The learning rate an installed optimizer uses when none is given.

    Raises:
        TrainError: it has none.
    """
    for field in attrs.fields(load(optimizer)):
        if field.name == "lr" and isinstance(field.default, float):
            return field.default
    raise TrainError(f"the optimizer {optimizer!r} has no learning rate that a schedule could change")
