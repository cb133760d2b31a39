"""A rule over another rule: look-ahead over Adam, sharpness-aware momentum.

A rule that wraps another has a field `inner`, which holds one, and calls its `init` and `update`. `compose` makes one
class of the two, with the hyperparameters of both as its fields: schedules, `opt.set`, saved states and laws then work
as for any other rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import ClassVar, cast

import attrs

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError, LawError
from minigrad.optim.laws import examine
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Averages, Need, Segment, needs_of
from minigrad.optim.runner import UpdateRule
from minigrad.optim.state import State

__all__ = ["Composite", "compose", "usual_inner", "wraps"]

_HIDDEN = ("inner", "layout")


class Composite:
    """What all composed classes share; their fields are the hyperparameters of both rules.

    Attributes:
        outer: the class that wraps.
        inner: the class that is wrapped.
        own: field of the composed class -> field of `outer`.
        wrapped: field of the composed class -> field of `inner`.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    outer: ClassVar[type[UpdateRule]]
    inner: ClassVar[type[UpdateRule]]
    own: ClassVar[Mapping[str, str]]
    wrapped: ClassVar[Mapping[str, str]]
    layout: tuple[Segment, ...]

    def rule(self) -> UpdateRule:
        """The outer rule, with the inner one in it, as configured."""
        inner = self._built(self.inner, self.wrapped, {})
        return self._built(self.outer, self.own, {"inner": inner})

    def extra_needs(self) -> Need:
        """What either asks for as configured."""
        rule = self.rule()
        inner = cast(UpdateRule, getattr(rule, "inner"))  # noqa: B009  # no field that a type checker could know
        return needs_of(rule, rule.needs) | needs_of(inner, inner.needs)

    def init(self, w: Array) -> State:
        """The state of both."""
        return self.rule().init(w)

    def update(self, w: Array, f: Objective, state: State, t: int) -> tuple[Array, State]:
        """The outer rule's update, which calls that of the inner one."""
        return self.rule().update(w, f, state, t)

    def _built(self, cls: type[UpdateRule], names: Mapping[str, str], more: Mapping[str, object]) -> UpdateRule:
        values = {theirs: getattr(self, ours) for ours, theirs in names.items()}
        if "layout" in attrs.fields_dict(cls):
            values["layout"] = self.layout
        return cls(**values, **more)


def wraps(cls: type[UpdateRule]) -> bool:
    """Whether a class is a rule over another rule."""
    return "inner" in attrs.fields_dict(cls)


def usual_inner(outer: type[UpdateRule]) -> type[UpdateRule]:
    """The class of the rule that `outer` wraps if it is told no other."""
    inner: UpdateRule = getattr(outer(), "inner")  # noqa: B009
    return type(inner)


@lru_cache(maxsize=64)
def compose(outer: type[UpdateRule], inner: type[UpdateRule]) -> type[UpdateRule]:
    """One class of a rule that wraps and the one it wraps, examined.

    A hyperparameter that both have is called `inner_<name>` where it is the inner one's.

    Raises:
        HyperparameterError: `outer` wraps no rule.
        LawError: together they break a law.
    """
    name = f"{outer.__name__} over {inner.__name__}"
    if not wraps(outer):
        raise HyperparameterError(f"{outer.__name__} is no rule over another: it has no field 'inner'")
    fields: dict[str, object] = {}
    own: dict[str, str] = {}
    wrapped: dict[str, str] = {}
    for names, cls, prefix in ((own, outer, ""), (wrapped, inner, "inner_")):
        for field in attrs.fields(cls):
            if not field.init or field.name in _HIDDEN:
                continue
            ours = f"{prefix}{field.name}" if field.name in fields else field.name
            names[ours] = field.name
            fields[ours] = attrs.field(
                default=field.default,
                converter=cast("Callable[[object], object]", field.converter),
                validator=field.validator,
                metadata=dict(field.metadata),
            )
    fields["layout"] = attrs.field(default=())
    members = {
        "outer": outer,
        "inner": inner,
        "own": own,
        "wrapped": wrapped,
        "needs": outer.needs | inner.needs,
        "trial": {**getattr(inner, "trial", {}), **getattr(outer, "trial", {})},
    }
    base = _Averaging if issubclass(outer, Averages) or issubclass(inner, Averages) else Composite
    members["__doc__"] = outer.__doc__
    cls = attrs.make_class(name.replace(" ", "_"), fields, bases=(base,), frozen=True, class_body=members)
    composed: type[UpdateRule] = cls
    for outcome in examine(composed, name).broken:
        raise LawError(name, outcome.law, f"it breaks law {outcome.law} ({outcome.title}): {outcome.detail}")
    return composed


class _Averaging(Composite):
    """A composed rule whose promise is about other weights."""

    def average(self, w: Array, state: State) -> Array:
        """The weights of the rule that keeps an average: the outer one if it does."""
        rule = self.rule()
        if isinstance(rule, Averages):
            return rule.average(w, state)
        inner: object = getattr(rule, "inner")  # noqa: B009
        return cast("Averages[State]", inner).average(w, cast(State, getattr(state, "inner")))  # noqa: B009
