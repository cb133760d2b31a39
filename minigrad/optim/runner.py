"""One rule running on one flat vector: everything about a step that needs no Tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from inspect import isfunction
from typing import Protocol

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError, UpdateError
from minigrad.optim.objective import Objective, read_only
from minigrad.optim.protocol import Need, Optimizer, Segment, needs_of
from minigrad.optim.schedule import Schedule
from minigrad.optim.state import State, leaves

__all__ = ["RuleRunner", "UpdateRule", "is_finite", "resolve", "scheduled", "with_fields"]


class UpdateRule(Optimizer[State], attrs.AttrsInstance, Protocol):
    """An optimizer that is an attrs class, whatever its state: what the driver works with."""

    def __init__(self, **hyper: object) -> None: ...


def with_fields(rule: UpdateRule, changes: Mapping[str, object]) -> UpdateRule:
    """A copy of the rule with some fields replaced, validated again."""
    values = {field.name: getattr(rule, field.name) for field in attrs.fields(type(rule)) if field.init}
    return type(rule)(**{**values, **changes})


def is_finite(v: Array) -> bool:
    """Whether no entry is NaN or infinite. One pass; only where squares overflow a second."""
    # vdot, unlike @ and dot, warns of no overflow.
    return math.isfinite(np.vdot(v, v)) or bool(np.isfinite(v).all())


def resolve(rule: UpdateRule, schedules: Mapping[str, Schedule], t: int) -> UpdateRule:
    """The rule as it stands at step `t`, scheduled hyperparameters as checked numbers."""
    if not schedules:
        return rule
    try:
        return with_fields(rule, {name: schedule(t) for name, schedule in schedules.items()})
    except HyperparameterError as error:
        raise HyperparameterError(f"{error} (at step {t}, from its schedule)") from None


def scheduled(rule: UpdateRule, schedules: Mapping[str, Schedule], t: int) -> list[float]:
    """The scheduled hyperparameters of step `t`, converted and checked as its fields are."""
    if not schedules:
        return []
    values: list[float] = []
    fields = attrs.fields_dict(type(rule))
    for name, schedule in schedules.items():
        field = fields[name]
        value = schedule(t)
        if isfunction(field.converter):
            value = field.converter(value)
        elif field.converter is not None:
            return [getattr(resolve(rule, schedules, t), n) for n in schedules]
        try:
            if field.validator is not None:
                field.validator(rule, field, value)
        except HyperparameterError as error:
            raise HyperparameterError(f"{error} (at step {t}, from its schedule)") from None
        values.append(value)
    return values


class RuleRunner:
    """A rule with its schedules and state on parameters `w`, shape `(n,)`, updated in place.

    Args:
        name: for error messages.
        rule: hyperparameters; those in `schedules` are replaced at each step.
        w: flat parameters.
        layout: where the single parameters lie in `w`; handed to a rule that has a field `layout`.
    """

    def __init__(
        self,
        name: str,
        rule: UpdateRule,
        w: Array,
        schedules: Mapping[str, Schedule] | None = None,
        layout: tuple[Segment, ...] = (),
    ) -> None:
        self.name = name
        self.layout = layout
        self.rule = rule = self._with_layout(rule)
        self.schedules = dict(schedules or {})
        self.w = w
        self.state: State = resolve(rule, self.schedules, 1).init(read_only(w))

    @property
    def needs(self) -> Need:
        """What the configured rule needs of its objective."""
        return needs_of(self.rule, self.rule.needs)

    def check_form(self, rule: UpdateRule, schedules: Mapping[str, Schedule]) -> None:
        """Refuse hyperparameters with which the rule would keep a state of another form.

        Raises:
            HyperparameterError: they would change the form, as AMSGrad does that of Adam.
        """
        rule = self._with_layout(rule)
        fresh = leaves(resolve(rule, schedules, 1).init(read_only(self.w)))
        if fresh.keys() != leaves(self.state).keys():
            raise HyperparameterError(f"{self.name}: this would change the form of its state; make a new optimizer")

    def configure(self, rule: UpdateRule, schedules: Mapping[str, Schedule]) -> None:
        """Go on with other hyperparameters, and the same state."""
        self.rule = self._with_layout(rule)
        self.schedules = dict(schedules)

    def propose(self, f: Objective, t: int, w: Array | None = None, age: int | None = None) -> tuple[Array, State]:
        """Parameters and state after step `t` from `w` (by default the present ones).

        Args:
            f: the objective at `w`.
            t: number of the step, for schedules.
            w: where the step begins.
            age: number of the step as the rule counts it, by default `t`.

        Raises:
            UpdateError: the rule returns something else.
        """
        start = read_only(self.w if w is None else w)
        result = resolve(self.rule, self.schedules, t).update(start, f, self.state, t if age is None else age)
        try:
            moved, state = result
        except (TypeError, ValueError):
            raise UpdateError(f"{self.name}: update must return (parameters, state), got {_kind(result)}") from None
        if not isinstance(moved, np.ndarray) or moved.shape != self.w.shape or moved.dtype != self.w.dtype:
            raise UpdateError(f"{self.name}: update returned parameters as {_kind(moved)}, expected {_kind(self.w)}")
        if type(state) is not type(self.state):
            raise UpdateError(f"{self.name}: init gave a {_kind(self.state)} as state, update a {_kind(state)}")
        return moved, state

    def _with_layout(self, rule: UpdateRule) -> UpdateRule:
        if any(field.name == "layout" for field in attrs.fields(type(rule))):
            return with_fields(rule, {"layout": self.layout})
        return rule

    def commit(self, w: Array, state: State) -> None:
        """Make a proposal the present."""
        self.w[...] = w
        self.state = state

    def step(self, f: Objective, t: int) -> None:
        """Propose and commit."""
        self.commit(*self.propose(f, t))


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return type(value).__name__
