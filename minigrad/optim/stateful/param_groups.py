"""What a driver is told, and what it says.

Parameter groups, settings for all of them, and what became of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import attrs

from minigrad.optim.gradient_transforms import Clip
from minigrad.optim.runner import UpdateRule
from minigrad.optim.schedules import Schedule
from minigrad.optim.stateful.buckets import NamedParameter
from minigrad.optim.stateful.shadow_weights import Average, LookAhead

__all__ = ["Hyper", "OptimizerOptions", "ParamGroup", "StepResult"]

Hyper: TypeAlias = float | int | bool | str | Schedule


@attrs.frozen
class OptimizerOptions:
    """How the driver treats gradients, for all parameters alike. See `minigrad.optimizer`."""

    clip: Clip | None = None
    maximise: bool = False
    accumulate: int = 1
    average: Average | None = None
    lookahead: LookAhead | None = None
    missing: Literal["error", "zero"] = "error"
    nonfinite: Literal["skip", "raise"] = "skip"


@attrs.frozen(eq=False)
class ParamGroup:
    """One parameter group: its rule, what is scheduled, and its weight decay."""

    parameters: tuple[NamedParameter, ...]
    rule: UpdateRule
    schedules: Mapping[str, Schedule]
    weight_decay: Callable[[int], float] | float = 0.0
    decoupled: bool = False

    def decay(self, t: int) -> float:
        """The weight decay at step `t`."""
        return self.weight_decay(t) if callable(self.weight_decay) else self.weight_decay

    def weight_decays(self, t: int) -> tuple[float, float]:
        """Weight decay at step `t`: a share added to the gradient, and a factor for the weights."""
        if not self.decoupled:
            return self.decay(t), 1.0
        lr = self.schedules["lr"](t) if "lr" in self.schedules else float(getattr(self.rule, "lr", 1.0))
        return 0.0, 1.0 - lr * self.decay(t)


@attrs.frozen
class StepResult:
    """What became of a call of `opt.step`.

    Attributes:
        t: number of completed updates, after this call.
        loss: what the closure returned at the starting point, if there was one.
        skipped: why parameters and state were left as they were; empty if they were updated.
    """

    t: int
    loss: float | None = None
    skipped: str = ""
