"""`minigrad.optimizer`: from a name and hyperparameters to a running optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import attrs

from minigrad.core import Tensor
from minigrad.core.errors import nearest
from minigrad.optim.errors import HyperparameterError, ParameterError
from minigrad.optim.gradient_transforms import Clip
from minigrad.optim.hyperparameters import range_of
from minigrad.optim.loading import find, load_entry
from minigrad.optim.runner import Rule
from minigrad.optim.schedules import Schedule
from minigrad.optim.stateful.buckets import Parameter, Parameters, named
from minigrad.optim.stateful.optimizer import Driver
from minigrad.optim.stateful.param_groups import Hyper, Plan, Settings
from minigrad.optim.stateful.shadow_weights import Average, LookAhead

__all__ = ["Group", "assemble", "optimizer"]


class Group:
    """Hyperparameters for some of the parameters: `Group("*.bias", weight_decay=0.0)`.

    Args:
        match: a name pattern (`*` and `?`), or a function of name and Tensor. The first matching group takes a
            parameter; those that none matches follow the optimizer's own hyperparameters.
        hyper: what differs from the optimizer's own hyperparameters.
    """

    def __init__(self, match: str | Callable[[str, Tensor], bool], **hyper: Hyper) -> None:
        self.match = match
        self.hyper = hyper

    def takes(self, p: Parameter) -> bool:
        """Whether the parameter belongs to this group."""
        return fnmatchcase(p.name, self.match) if isinstance(self.match, str) else bool(self.match(p.name, p.tensor))


def optimizer(
    name: str,
    params: Parameters,
    *,
    groups: Sequence[Group] = (),
    decoupled: bool = False,
    clip: Clip | None = None,
    maximise: bool = False,
    accumulate: int = 1,
    average: Average | None = None,
    lookahead: LookAhead | None = None,
    missing: Literal["error", "zero"] = "error",
    nonfinite: Literal["skip", "raise"] = "skip",
    **hyper: Hyper,
) -> Driver:
    """An installed optimizer, ready to train `params`.

    The parameters move into flat buffers of the optimizer. A parameter belongs to one optimizer at a time.

    Args:
        name: entry-point name, as `minigrad.optim.available()` lists them, or `distribution:name`.
        params: leaves with requires_grad: Tensors, (name, Tensor) pairs, or a mapping of names to Tensors.
        groups: parameters that need other hyperparameters than the rest.
        decoupled: whether `weight_decay` shrinks the parameters themselves, w <- w (1 - lr weight_decay), as in AdamW,
            or adds `weight_decay * w` to the gradient (default).
        clip: `ClipNorm(1.0)`, `ClipValue(1.0)` or `ClipAdaptive(0.01)`, after averaging and before weight decay.
        maximise: climb instead of descend.
        accumulate: number of `backward`, `step` rounds whose mean gradient makes one update.
        average: `Ema(rate=0.999)` or `Swa(start=100)`, averages of the parameters for `with opt.averaged(): ...`.
        lookahead: `LookAhead(every=5, pull=0.5)`, slow weights that the parameters return to.
        missing: "error" if a parameter without gradient is a mistake, "zero" if its gradient is then 0.
        nonfinite: "skip" a step whose gradient or result is not finite, with a warning, or "raise".
        hyper: hyperparameters of the rule, numbers or Schedules; and `weight_decay` for any rule (0 by default).

    Raises:
        UnknownOptimizer, PluginError: the name is unknown, or the plugin behind it is broken.
        HyperparameterError: a hyperparameter is unknown or out of range.
        ParameterError: `params` are not trainable leaves.
    """
    settings = Settings(clip, maximise, accumulate, average, lookahead, missing, nonfinite)
    return assemble(name, params, groups, decoupled, settings, hyper)


def assemble(
    name: str,
    params: Parameters,
    groups: Sequence[Group],
    decoupled: bool,
    settings: Settings,
    hyper: Mapping[str, Hyper],
) -> Driver:
    """The driver that `minigrad.optimizer` describes."""
    entry = find(name)
    cls = load_entry(entry)
    _check_settings(settings)
    plans = [
        _plan(str(entry), cls, members, {**hyper, **changes}, decoupled)
        for members, changes in _assigned(named(params), groups)
    ]
    return Driver(f"{entry.name} ({entry.distribution} {entry.version})", plans, settings)


def _assigned(
    params: tuple[Parameter, ...], groups: Sequence[Group]
) -> list[tuple[tuple[Parameter, ...], Mapping[str, Hyper]]]:
    """Each group's parameters and changes; first those of no group, if there are any."""
    owner = {p.name: next((i for i, g in enumerate(groups) if g.takes(p)), -1) for p in params}
    idle = [repr(g.match) for i, g in enumerate(groups) if i not in owner.values()]
    if idle:
        names = ", ".join(p.name for p in params[:8])
        raise ParameterError(f"no parameter belongs to group {', '.join(idle)}; the parameters are {names}")
    members = {i: tuple(p for p in params if owner[p.name] == i) for i in range(-1, len(groups))}
    return [(m, groups[i].hyper if i >= 0 else {}) for i, m in members.items() if m]


def _plan(
    plugin: str, cls: type[Rule], members: tuple[Parameter, ...], hyper: Mapping[str, Hyper], decoupled: bool
) -> Plan:
    fields = {f.name: f for f in attrs.fields(cls) if f.init and f.name != "layout"}
    own = dict(hyper)
    decay = own.pop("weight_decay", 0.0) if "weight_decay" not in fields else 0.0
    for name in own:
        if name not in fields:
            takes = ", ".join(_described(f) for f in fields.values()) or "nothing"
            options = [*fields, "weight_decay", *Settings.__annotations__, "groups", "decoupled"]
            raise HyperparameterError(f"{plugin} has no option {name!r}.{nearest(name, options)} It takes: {takes}")
    schedules = {n: v for n, v in own.items() if isinstance(v, Schedule)}
    first = {n: v(1) if isinstance(v, Schedule) else v for n, v in own.items()}
    if decoupled and "lr" not in fields:
        raise HyperparameterError(f"{plugin} has no lr, which decoupled weight decay is multiplied by")
    if isinstance(decay, Schedule):
        return Plan(members, cls(**first), schedules, decay, decoupled)
    if isinstance(decay, str) or not 0.0 <= decay < float("inf"):
        raise HyperparameterError(f"weight_decay must be a finite number >= 0, got {decay!r}")
    return Plan(members, cls(**first), schedules, float(decay), decoupled)


def _described(field: attrs.Attribute[object]) -> str:
    words = range_of(field)
    return f"{field.name}={field.default!r}" + (f" ({words})" if words else "")


def _check_settings(settings: Settings) -> None:
    for name, options in (("missing", ("error", "zero")), ("nonfinite", ("skip", "raise"))):
        value = getattr(settings, name)
        if value not in options:
            raise HyperparameterError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    for name, kind in (("average", Average), ("lookahead", LookAhead)):
        value = getattr(settings, name)
        if value is not None and not isinstance(value, kind):
            raise HyperparameterError(
                f"{name} must be {'Ema or Swa' if name == 'average' else 'LookAhead'}, got {value!r}"
            )
    if settings.accumulate < 1:
        raise HyperparameterError(f"accumulate must be at least 1, got {settings.accumulate}")
    if settings.clip is not None and not isinstance(settings.clip, Clip):
        raise HyperparameterError(f"clip must be ClipNorm, ClipValue or ClipAdaptive, got {settings.clip!r}")
