"""Parameters that have made different numbers of steps.

A parameter whose first gradient comes late, or that was frozen for a while or added later, counts steps of its own:
first-step rules and bias corrections are about its own past. Parameters of a bucket with the same past are moved as one
vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from minigrad.optim.stateful.blocks import ParamBlock
from minigrad.optim.stateful.buckets import ParamBucket

__all__ = ["Pasts"]


@attrs.frozen
class Pasts:
    """Which parameters have another past than the optimizer itself.

    Attributes:
        offsets: name -> steps of the optimizer that were none of its own, where there are any.
        idle: name -> steps made, of parameters that do not move at present.
    """

    offsets: Mapping[str, int] = attrs.field(factory=dict)
    idle: Mapping[str, int] = attrs.field(factory=dict)

    @classmethod
    def of_ages(cls, ages: Mapping[str, int], idle: Iterable[str], t: int) -> Pasts:
        """The pasts of parameters that have made so many steps, after `t` steps of the optimizer."""
        resting = {name: ages[name] for name in idle}
        offsets = {name: t - age for name, age in ages.items() if age != t and name not in resting}
        return cls(offsets, resting)

    @property
    def are_alike(self) -> bool:
        """Whether all parameters move, and have from the start."""
        return not self.offsets and not self.idle

    def age(self, name: str, t: int) -> int:
        """Steps that a parameter has made after `t` steps of the optimizer."""
        return self.idle[name] if name in self.idle else t - self.offsets.get(name, 0)

    def waking(self, names: Iterable[str], t: int) -> Pasts:
        """The pasts once `names` move again, after `t` steps of the optimizer."""
        ages = {name: self.idle[name] for name in names if name in self.idle}
        offsets = {**self.offsets, **{name: t - age for name, age in ages.items() if age != t}}
        return Pasts(offsets, {name: age for name, age in self.idle.items() if name not in ages})

    def resting(self, names: Iterable[str], t: int) -> Pasts:
        """The pasts once `names` do not move any more, after `t` steps of the optimizer."""
        ages = {name: self.age(name, t) for name in names}
        return Pasts({n: offset for n, offset in self.offsets.items() if n not in ages}, {**self.idle, **ages})

    def divide(self, buckets: Sequence[ParamBucket]) -> tuple[ParamBlock, ...]:
        """The parameters of all buckets, divided by their pasts."""
        blocks = []
        for bucket in buckets:
            members: dict[tuple[int, bool, int], list[str]] = {}
            for segment in bucket.layout:
                name = segment.name
                past = (self.offsets.get(name, 0), name in self.idle, self.idle.get(name, 0))
                members.setdefault(past, []).append(name)
            for (offset, idle, _), names in members.items():
                part = None if len(names) == len(bucket.layout) else frozenset(names)
                blocks.append(ParamBlock((bucket,), part, offset, idle))
        return tuple(blocks)
