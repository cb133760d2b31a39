"""`minigrad.optimizer`: from a name and hyperparameters to a running optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import attrs

from minigrad.core import Tensor
from minigrad.core.errors import nearest
from minigrad.optim.errors import HyperparameterError, ParameterError, UnknownOptimizer
from minigrad.optim.gradient_transforms import Clip
from minigrad.optim.hyperparameters import range_of
from minigrad.optim.loading import find, load
from minigrad.optim.runner import UpdateRule
from minigrad.optim.schedule import Schedule
from minigrad.optim.stateful.buckets import NamedParameter, Parameters, named_parameters
from minigrad.optim.stateful.optimizer import StatefulOptimizer
from minigrad.optim.stateful.param_groups import Hyper, OptimizerOptions, ParamGroup
from minigrad.optim.stateful.shadow_weights import Average, LookAhead
from minigrad.text import list_names

__all__ = ["Group", "assemble", "optimizer"]

_OTHER_WORDS = {
    "learning_rate": "lr",
    "step_size": "lr",
    "betas": "beta1 and beta2",
    "b1": "beta1",
    "b2": "beta2",
    "epsilon": "eps",
    "maximize": "maximise",
    "clipnorm": "clip=ClipNorm(...)",
    "clipvalue": "clip=ClipValue(...)",
    "grad_clip": "clip=ClipNorm(...)",
    "wd": "weight_decay",
    "l2": "weight_decay",
}
"""What other libraries call hyperparameters, and what they are called here."""


class Group:
    """Hyperparameters for some of the parameters: `Group("*.bias", weight_decay=0.0)`.

    Args:
        match: a name pattern (`*` and `?`), or a function of name and Tensor. The first matching group takes a
            parameter; those that none matches follow the optimizer's own hyperparameters.
        hyper: what differs from the optimizer's own hyperparameters.
    """

    def __init__(self, match: str | Callable[[str, Tensor], bool], **hyper: Hyper) -> None:
        if not isinstance(match, str) and not callable(match):
            raise ParameterError(f"Group takes a name pattern or a function of name and Tensor, got {match!r}")
        self.match = match
        self.hyper = hyper

    @property
    def label(self) -> str:
        """What `opt.set` calls the group: its pattern, or the name of its function."""
        return self.match if isinstance(self.match, str) else getattr(self.match, "__name__", "")

    def contains(self, p: NamedParameter) -> bool:
        """Whether the parameter belongs to this group."""
        return fnmatchcase(p.name, self.match) if isinstance(self.match, str) else bool(self.match(p.name, p.tensor))


def optimizer(
    name: str,
    params: Parameters,
    *,
    over: str | Sequence[str] = (),
    groups: Sequence[Group] = (),
    decoupled: bool = False,
    clip: Clip | Sequence[Clip] | None = None,
    maximise: bool = False,
    accumulate: int = 1,
    average: Average | None = None,
    lookahead: LookAhead | None = None,
    missing: Literal["error", "zero"] = "error",
    nonfinite: Literal["skip", "raise"] = "skip",
    **hyper: Hyper,
) -> StatefulOptimizer:
    """An installed optimizer, ready to train `params`.

    The parameters move into flat buffers of the optimizer. A parameter belongs to one optimizer at a time.

    Args:
        name: entry-point name, as `minigrad.optim.available()` lists them, or `distribution:name`.
        params: leaves with requires_grad: Tensors, (name, Tensor) pairs, or a mapping of names to Tensors.
        over: for a rule that wraps another (`look-ahead`, `sharpness-aware`, `cautious`), the name of that one, or
            several, each over the next; hyperparameters of all of them are then arguments, `inner_lr` where both have
            an `lr`.
        groups: parameters that need other hyperparameters than the rest.
        decoupled: whether `weight_decay` shrinks the parameters themselves, w <- w (1 - lr weight_decay), as in AdamW,
            or adds `weight_decay * w` to the gradient (default).
        clip: `ClipNorm(1.0)`, `ClipValue(1.0)`, `ClipAdaptive(0.01)` or a Clip of your own, after averaging and before
            weight decay; several are applied in turn.
        maximise: climb instead of descend.
        accumulate: number of `backward`, `step` rounds whose mean gradient makes one update.
        average: `Ema(rate=0.999)` or `Swa(start=100)`, averages of the parameters for `with opt.averaged(): ...`.
        lookahead: `LookAhead(every=5, pull=0.5)`, slow weights that the parameters return to.
        missing: "error" if a parameter without gradient is a mistake, "zero" if its gradient is then 0.
        nonfinite: "skip" a step whose gradient or result is not finite, with a warning, or "raise".
        hyper: hyperparameters of the rule, numbers or Schedules; and `weight_decay` for any rule (0 by default).

    Raises:
        UnknownOptimizer: the name is unknown, or several distributions offer it.
        PluginError: the plugin behind the name is broken.
        HyperparameterError: a hyperparameter is unknown or out of range.
        ParameterError: `params` are not trainable leaves.
    """
    options = OptimizerOptions(clip, maximise, accumulate, average, lookahead, missing, nonfinite)
    names = (name, *over) if isinstance(over, list | tuple) else (name, over)
    for word in names:
        if not isinstance(word, str):
            raise UnknownOptimizer(f"an optimizer is named by a text such as 'adam', got {word!r:.60}")
    return assemble("/".join(names), params, groups, decoupled, options, hyper)


def assemble(
    name: str,
    params: Parameters,
    groups: Sequence[Group],
    decoupled: bool,
    options: OptimizerOptions,
    hyper: Mapping[str, Hyper],
) -> StatefulOptimizer:
    """The driver that `minigrad.optimizer` describes.

    `name` may be several with "/" between, each over the next.
    """
    if not isinstance(decoupled, bool):
        raise HyperparameterError(f"optimizer.decoupled must be True or False, got {decoupled!r}")
    entries = [find(part) for part in name.split("/")]
    cls = load(name)
    entry = attrs.evolve(entries[0], name="/".join(e.name for e in entries))
    param_groups = [
        _make_group(str(entry), cls, members, {**hyper, **changes}, decoupled, label)
        for members, changes, label in _assign(named_parameters(params), groups)
    ]
    return StatefulOptimizer(f"{entry.name} ({entry.distribution} {entry.version})", param_groups, options)


def _assign(
    params: tuple[NamedParameter, ...], groups: Sequence[Group]
) -> list[tuple[tuple[NamedParameter, ...], Mapping[str, Hyper], str]]:
    """Each group's parameters, changes and pattern; first those of no group, if there are any."""
    if not isinstance(groups, Sequence) or not all(isinstance(g, Group) for g in groups):
        raise ParameterError(f'groups must be a list of Groups, such as [Group("*.bias", lr=0.1)], got {groups!r}')
    owner = {p.name: next((i for i, g in enumerate(groups) if g.contains(p)), -1) for p in params}
    idle = [repr(g.match) for i, g in enumerate(groups) if i not in owner.values()]
    if idle:
        names = ", ".join(p.name for p in params[:8])
        raise ParameterError(f"no parameter belongs to group {', '.join(idle)}; the parameters are {names}")
    members = {i: tuple(p for p in params if owner[p.name] == i) for i in range(-1, len(groups))}
    return [(m, groups[i].hyper if i >= 0 else {}, groups[i].label if i >= 0 else "") for i, m in members.items() if m]


def _make_group(
    plugin: str,
    cls: type[UpdateRule],
    members: tuple[NamedParameter, ...],
    hyper: Mapping[str, Hyper],
    decoupled: bool,
    label: str,
) -> ParamGroup:
    fields = {f.name: f for f in attrs.fields(cls) if f.init and f.name != "layout"}
    rule_hyper = dict(hyper)
    decay = rule_hyper.pop("weight_decay", 0.0) if "weight_decay" not in fields else 0.0
    for name in rule_hyper:
        if name not in fields:
            accepted = list_names(map(_describe, fields.values()), 120) or "nothing"
            names = [*fields, "weight_decay", *attrs.fields_dict(OptimizerOptions), "groups", "decoupled"]
            hint = f" That is {_OTHER_WORDS[name]} here." if name in _OTHER_WORDS else nearest(name, names)
            raise HyperparameterError(f"{plugin} has no option {name!r}.{hint} It takes: {accepted}")
    schedules = {n: v for n, v in rule_hyper.items() if isinstance(v, Schedule)}
    first = {n: v(1) if isinstance(v, Schedule) else v for n, v in rule_hyper.items()}
    if decoupled and "lr" not in fields:
        raise HyperparameterError(f"{plugin} has no lr, which decoupled weight decay is multiplied by")
    return ParamGroup(members, cls(**first), schedules, decay, decoupled, label)  # type: ignore[arg-type]  # it checks


def _describe(field: attrs.Attribute[object]) -> str:
    words = range_of(field)
    return f"{field.name}={field.default!r}" + (f" ({words})" if words else "")
