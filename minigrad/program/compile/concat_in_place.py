"""Joins without copies.

Parts of a concatenation along axis 0 are computed in the result's own memory.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

import attrs

from minigrad.core.types import Array
from minigrad.program.compile.liveness import aligned
from minigrad.program.graph import Call, FusedCall, Graph, defs

__all__ = ["InPlaceConcats", "in_place_concats"]


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


def in_place_concats(graph: Graph, kernels: Container[Call], placed: Container[int]) -> InPlaceConcats:
    """Concatenations whose parts are all constants or made by kernels and groups.

    A part goes to one place: of two joins that want it the second copies. Values in `placed` have places already.
    """
    computed = {k for s in graph.steps if isinstance(s, FusedCall) or s in kernels for k in defs(s)}
    places: dict[int, Array] = {}
    calls: set[Call] = set()
    total = 0
    for step in graph.steps:
        if (
            not isinstance(step, Call)
            or step not in kernels
            or step.op.name != "concatenate"
            or step.kwargs["axis"] != 0
        ):
            continue
        (out,) = step.outs
        parts = [k for k in step.args if graph.values[k].data is None]
        free = all(k in computed and k not in places and k not in placed for k in (*parts, out))
        if not parts or not free or len({*parts}) < len(parts):
            continue
        value = graph.values[out]
        whole = aligned(value.nbytes).view(value.dtype).reshape(value.shape)
        start = 0
        for k in step.args:
            number, length = graph.values[k].data, graph.values[k].shape[0]
            part = whole[start : start + length]
            if number is None:
                places[k] = part
            else:
                part[...] = number
            start += length
        places[out] = whole
        calls.add(step)
        total += value.nbytes
    return InPlaceConcats(places, frozenset(calls), total)
