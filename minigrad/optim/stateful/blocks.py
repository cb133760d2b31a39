"""What one rule moves as one vector: a bucket, or several buckets joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.optim.protocol import Segment
from minigrad.optim.stateful.buckets import ParamBucket
from minigrad.optim.stateful.param_groups import ParamGroup

__all__ = ["ParamBlock", "make_blocks"]


@attrs.frozen(eq=False)
class ParamBlock:
    """Buckets, or a part of one, whose parameters a rule sees as one vector.

    In the widest of their dtypes.

    A rule that evaluates the loss itself has to see all parameters at once: Newton's step for some of them, made as if
    the others stood still, may lead uphill.

    Attributes:
        buckets: at least one.
        members: names of the parameters that belong to it; None for all in the buckets.
        offset: steps of the optimizer that were none of these parameters' own.
        idle: whether they do not move at present.
        layout: where the parameters lie in the vector.
        w: the vector. That of a single bucket is the bucket's own.
    """

    buckets: tuple[ParamBucket, ...]
    members: frozenset[str] | None = None
    offset: int = 0
    idle: bool = False
    layout: tuple[Segment, ...] = attrs.field(init=False)
    w: Array = attrs.field(init=False)

    @layout.default
    def _layout(self) -> tuple[Segment, ...]:
        segments, start = [], 0
        for segment in self._segments():
            segments.append(Segment(segment.name, start, segment.shape))
            start += segment.size
        return tuple(segments)

    @w.default
    def _w(self) -> Array:
        if len(self.buckets) == 1:
            return self.take(self.buckets[0].params)
        return self.join([bucket.params for bucket in self.buckets])

    @property
    def key(self) -> str:
        """What the block is called in saved states."""
        first = self.buckets[0]
        part = "" if self.members is None else f"{self.layout[0].name}."
        return f"{first.group}.{part}{first.params.dtype}" if len(self.buckets) == 1 else f"joint.{self.w.dtype}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(segment.name for segment in self.layout)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The parameters, in order."""
        return tuple(t for bucket in self.buckets for t in bucket.tensors)

    def take(self, flat: Array) -> Array:
        """The block's part of a vector of its bucket: the vector itself, or a new one."""
        if self.members is None:
            return flat
        return np.concatenate([flat[s.start : s.stop] for s in self._segments()])

    def put(self, w: Array, flat: Array) -> None:
        """Write the block's part of a vector of its bucket."""
        for segment, own in zip(self._segments(), self.layout, strict=True):
            flat[segment.start : segment.stop] = w[own.start : own.stop]

    def _segments(self) -> list[Segment]:
        members = self.members
        return [s for bucket in self.buckets for s in bucket.layout if members is None or s.name in members]

    def join(self, parts: Sequence[Array]) -> Array:
        """One new vector from a vector for each bucket."""
        return np.concatenate(parts, dtype=np.result_type(*(bucket.params.dtype for bucket in self.buckets)))

    def split(self, w: Array) -> Iterator[tuple[ParamBucket, Array]]:
        """Each bucket with its part of a vector."""
        start = 0
        for bucket in self.buckets:
            stop = start + bucket.params.size
            yield bucket, w[start:stop]
            start = stop

    def grads(self) -> Array:
        """The gradient as one new vector."""
        return self.join([bucket.grads for bucket in self.buckets])

    def assign(self, w: Array) -> None:
        """Give the parameters the values in `w`, without declaring it."""
        if self.members is not None:
            self.put(w, self.buckets[0].params)
            return
        for bucket, part in self.split(w):
            bucket.params[...] = part


def make_blocks(groups: Sequence[ParamGroup], buckets: Sequence[ParamBucket], joint: bool) -> tuple[ParamBlock, ...]:
    """Make a block for each bucket.

    With `joint` one for all buckets whose groups have the same rule and schedules.
    """
    if not joint:
        return tuple(ParamBlock((bucket,)) for bucket in buckets)
    alike: list[list[ParamBucket]] = []
    for bucket in buckets:
        home = next((b for b in alike if _same_rule(groups[b[0].group], groups[bucket.group])), None)
        if home is None:
            alike.append([bucket])
        else:
            home.append(bucket)
    return tuple(ParamBlock(tuple(members)) for members in alike)


def _same_rule(a: ParamGroup, b: ParamGroup) -> bool:
    if type(a.rule) is not type(b.rule) or a.schedules != b.schedules:
        return False
    names = [field.name for field in attrs.fields(type(a.rule)) if field.name != "layout"]
    return all(getattr(a.rule, n) == getattr(b.rule, n) for n in names)
