"""What an optimizer is told, and what it says.

Options, parameter groups, and what became of a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias, cast

import attrs

from minigrad.core.errors import nearest
from minigrad.optim.clip_chain import chained
from minigrad.optim.errors import HyperparameterError, OptimizerError
from minigrad.optim.gradient_transforms import Clip
from minigrad.optim.hyperparameters import choice, count, flag, instance_or_none, number
from minigrad.optim.runner import UpdateRule, with_fields
from minigrad.optim.schedule import Constant, Following, Plateau, ReduceOnPlateau, Schedule
from minigrad.optim.stateful.buckets import NamedParameter
from minigrad.optim.stateful.shadow_weights import Average, LookAhead
from minigrad.runtime.effects import refuse_inside_program

__all__ = ["Hyper", "OptimizerOptions", "ParamGroup", "StepResult"]

Hyper: TypeAlias = float | int | bool | str | Schedule


@attrs.frozen
class OptimizerOptions:
    """How gradients are treated, for all parameters alike. See `minigrad.optimizer`.

    Raises:
        HyperparameterError: a value is of another kind or out of its range.
    """

    spoken_name: ClassVar[str] = "optimizer"

    clip: Clip | None = attrs.field(
        default=None,
        converter=chained,
        validator=instance_or_none(Clip, "ClipNorm, ClipValue or ClipAdaptive"),
    )
    maximise: bool = flag(False)
    accumulate: int = count(1, ge=1)
    average: Average | None = attrs.field(default=None, validator=instance_or_none(Average, "Ema or Swa"))
    lookahead: LookAhead | None = attrs.field(default=None, validator=instance_or_none(LookAhead, "LookAhead"))
    missing: Literal["error", "zero"] = choice("error", ("error", "zero"))
    nonfinite: Literal["skip", "raise"] = choice("skip", ("skip", "raise"))


@attrs.frozen
class _Decay:
    """Carries the check of a weight decay, for messages that name it."""

    spoken_name: ClassVar[str] = "optimizer"

    weight_decay: float = number(0.0, ge=0.0)


@attrs.define(eq=False)
class ParamGroup:
    """A parameter group: its rule, what is scheduled, and its weight decay.

    Raises:
        HyperparameterError: the weight decay is no number >= 0 and no Schedule.
    """

    parameters: tuple[NamedParameter, ...]
    rule: UpdateRule
    schedules: Mapping[str, Schedule]
    weight_decay: Schedule | float = 0.0
    decoupled: bool = False
    label: str = ""

    def __attrs_post_init__(self) -> None:
        self.schedules = {name: _follow(schedule) for name, schedule in self.schedules.items()}
        self.weight_decay = _follow(self.weight_decay) if isinstance(self.weight_decay, Schedule) else self.weight_decay
        if not isinstance(self.weight_decay, Schedule):
            self.weight_decay = _Decay(self.weight_decay).weight_decay

    def decay(self, t: int) -> float:
        """The weight decay at step `t` that is not the rule's own.

        Raises:
            HyperparameterError: its schedule gives no number >= 0.
        """
        if not callable(self.weight_decay):
            return self.weight_decay
        try:
            return _Decay(self.weight_decay(t)).weight_decay
        except HyperparameterError as error:
            raise HyperparameterError(f"{error} (at step {t}, from its schedule)") from None

    def weight_decays(self, t: int) -> tuple[float, float]:
        """Weight decay at step `t`: a share added to the gradient, and a factor for the weights."""
        if not self.decoupled:
            return (self.decay(t) if callable(self.weight_decay) else self.weight_decay), 1.0
        return 0.0, 1.0 - self.rate(t) * self.decay(t)

    def rate(self, t: int) -> float:
        """The learning rate of step `t`; NaN where the rule has none."""
        return self.schedules["lr"](t) if "lr" in self.schedules else float(getattr(self.rule, "lr", math.nan))

    def hyperparameters(self, t: int) -> dict[str, Hyper]:
        """All hyperparameters as they stand at step `t`, the weight decay among them."""
        fields = [f.name for f in attrs.fields(type(self.rule)) if f.init and f.name != "layout"]
        values: dict[str, Hyper] = {"weight_decay": self.decay(t)}
        values.update({name: getattr(self.rule, name) for name in fields})
        values.update({name: schedule(t) for name, schedule in self.schedules.items()})
        return values

    def report(self, loss: float) -> None:
        """Tell the schedules that follow the loss what it is."""
        for following in self._following().values():
            following.report(loss)

    def followed(self) -> dict[str, float | int]:
        """What the schedules that follow the loss remember, as plain values."""
        return {f"{n}.{k}": v for n, f in self._following().items() for k, v in attrs.asdict(f.state).items()}

    def follow(self, saved: Mapping[str, object]) -> None:
        """Take over what `followed` said; what it does not mention stays as it is."""
        for name, following in self._following().items():
            values = {k.removeprefix(f"{name}."): v for k, v in saved.items() if k.startswith(f"{name}.")}
            if values.keys() == attrs.asdict(following.state).keys():
                following.state = Plateau(**cast("dict[str, Any]", values))

    def _following(self) -> dict[str, Following]:
        schedules = {**self.schedules, "weight_decay": self.weight_decay}
        return {name: s for name, s in schedules.items() if isinstance(s, Following)}

    def changed(self, changes: Mapping[str, Hyper]) -> ParamGroup:
        """This group with other hyperparameters.

        A number takes the place of a Schedule and goes the way of one, so that a compiled update takes it as an input.

        Args:
            changes: new values or Schedules by name.

        Raises:
            HyperparameterError: a name is unknown, or a value of another kind or out of its range.
        """
        group = attrs.evolve(self)
        fields = attrs.fields_dict(type(self.rule))
        rule_changes = dict(changes)
        if "weight_decay" in rule_changes and "weight_decay" not in fields:
            decay = rule_changes.pop("weight_decay")
            group = attrs.evolve(group, weight_decay=cast(float, decay))
        for name in rule_changes:
            if name not in fields or name == "layout":
                names = list(self.hyperparameters(1))
                raise HyperparameterError(f"{type(self.rule).__name__} has no option {name!r}.{nearest(name, names)}")
        first = {n: v(1) if isinstance(v, Schedule) else v for n, v in rule_changes.items()}
        checked = with_fields(self.rule, first)
        schedules = {n: s for n, s in self.schedules.items() if n not in rule_changes}
        for name, value in rule_changes.items():
            if isinstance(value, Schedule):
                schedules[name] = value
            elif isinstance(now := getattr(checked, name), float):
                schedules[name] = Constant(now)
        group.rule = with_fields(self.rule, {n: v for n, v in first.items() if n not in schedules})
        return attrs.evolve(group, schedules=schedules)


def _follow(schedule: Schedule) -> Schedule:
    return Following(schedule) if isinstance(schedule, ReduceOnPlateau) else schedule


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


class RecordedStep:
    """Stands for a StepResult while a program is recorded: only its runs make the step.

    It is no StepResult, whose fields would be looked at where a step returns it.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        if name not in ("t", "loss", "skipped"):
            raise AttributeError(f"a StepResult has no {name!r}")
        refuse_inside_program(f"opt.step().{name}")
        raise OptimizerError(f"what opt.step() returns inside a program tells no {name}: read opt.t after a run")

    def __repr__(self) -> str:
        return "RecordedStep()"
