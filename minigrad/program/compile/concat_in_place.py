"""Joins without copies: parts of a concatenation are computed in the result's own memory."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from types import MappingProxyType
from typing import cast

import attrs

from minigrad.core.types import Array
from minigrad.program.compile.liveness import aligned
from minigrad.program.graph import Call, FusedCall, Graph, defs
from minigrad.program.passes.rewrite import use_counts

__all__ = ["InPlaceConcats", "in_place_concats"]

_SHORTEST = 32
"""Numbers of a row that is written apart.

To write shorter ones takes longer than to copy them.
"""


@attrs.frozen(eq=False)
class InPlaceConcats:
    """Where to compute what.

    Attributes:
        places: memory for parts and for the concatenations themselves, which then have nothing to do.
        bytes: of that memory.
    """

    places: Mapping[int, Array] = MappingProxyType({})
    calls: frozenset[Call] = frozenset()
    bytes: int = 0


def in_place_concats(
    graph: Graph, kernels: Container[Call], placed: Container[int], strided: bool = False
) -> InPlaceConcats:
    """Concatenations whose parts are all constants or made by kernels and groups.

    Along axis 0 a part lies in one piece. Along others its rows lie apart: such parts are those of groups, which
    nothing but the join reads. Values in `placed` have places already. A part goes to one place, that of the last join
    that wants it; the others copy. A join may be part of another.

    Args:
        kernels: calls that write where they are told.
        strided: whether groups may write rows that lie apart.
    """
    chosen = _InPlace(graph, kernels, placed, strided)
    for step in reversed(graph.steps):
        if isinstance(step, Call) and step in kernels and step.op.name == "concatenate":
            chosen.join(step)
    return InPlaceConcats(chosen.places, frozenset(chosen.calls), chosen.bytes)


class _InPlace:
    def __init__(self, graph: Graph, kernels: Container[Call], placed: Container[int], strided: bool) -> None:
        self.values = graph.values
        self.placed = placed
        self.computed = {k for s in graph.steps if isinstance(s, FusedCall) or s in kernels for k in defs(s)}
        groups = [s for s in graph.steps if isinstance(s, FusedCall)] if strided else []
        count = use_counts(graph)
        self.apart = {k for s in groups for k in s.defs if count[k] == 1 and self.values[k].shape == s.space}
        self.places: dict[int, Array] = {}
        self.calls: set[Call] = set()
        self.bytes = 0

    def join(self, call: Call) -> None:
        """Find places for the parts of a join, if all can have one."""
        (out,) = call.outs
        value = self.values[out]
        axis = cast(int, call.kwargs["axis"]) % len(value.shape)
        parts = [k for k in call.args if self.values[k].data is None]
        free = all(k in self.computed and k not in self.places and k not in self.placed for k in parts)
        inside = out in self.places and self.places[out].flags.c_contiguous
        fresh = out in self.computed and out not in self.places and out not in self.placed
        if not parts or not free or not (inside or fresh) or len({*parts}) < len(parts):
            return
        if axis and not all(k in self.apart and self._row(k, axis) >= _SHORTEST for k in parts):
            return
        if fresh:
            self.places[out] = aligned(value.nbytes).view(value.dtype).reshape(value.shape)
            self.bytes += value.nbytes
        start = 0
        for k in call.args:
            number, length = self.values[k].data, self.values[k].shape[axis]
            part = self.places[out][(*(slice(None),) * axis, slice(start, start + length))]
            if number is None:
                self.places[k] = part
            else:
                part[...] = number
            start += length
        self.calls.add(call)

    def _row(self, k: int, axis: int) -> int:
        """Numbers of a part that lie in one piece."""
        return prod(self.values[k].shape[axis:])
