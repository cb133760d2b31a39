"""Liveness and buffers: which results may lie in the same memory."""

from __future__ import annotations

from collections.abc import Container, Mapping

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.program.graph import Call, Graph, Value, uses

__all__ = ["BufferPool", "Roots", "alias_roots", "aligned", "last_uses"]

Roots = Mapping[int, frozenset[int]]
"""For each value, the values in whose memory it may lie."""

_ALIGNMENT = 64


def alias_roots(graph: Graph, kernels: Container[Call], views: Container[Call]) -> Roots:
    """Find for each value those whose memory it may share.

    A kernel's or group's result has memory of its own, as what is not listed has; a forward function may return a view
    of any operand.
    """
    roots: dict[int, frozenset[int]] = {}
    for step in graph.steps:
        if not isinstance(step, Call) or step in kernels:
            continue
        below = frozenset[int]().union(*(roots.get(a, frozenset((a,))) for a in step.args))
        for out in step.outs:
            roots[out] = below if step in views else below | {out}
    return roots


def last_uses(graph: Graph, roots: Roots) -> dict[int, int]:
    """For each root the position of the last step that reads it; the end for what is returned."""
    last: dict[int, int] = {}
    for i, step in enumerate(graph.steps):
        for k in uses(step):
            for root in roots.get(k, frozenset((k,))):
                last[root] = i
    for k in graph.outputs:
        for root in roots.get(k, frozenset((k,))):
            last[root] = len(graph.steps)
    return last


@attrs.define(eq=False)
class BufferPool:
    """Memory for results, handed out and taken back.

    `reuse` switched off, nothing is handed out twice.
    """

    reuse: bool = True
    total: int = 0
    _free: list[Array] = attrs.field(factory=list)

    def take(self, value: Value) -> tuple[Array, Array]:
        """An array for a value, and the memory to give back when it is dead."""
        need = value.nbytes
        fitting = [m for m in self._free if need <= m.nbytes <= max(4 * need, 4096)]
        if fitting:
            memory = min(fitting, key=lambda m: m.nbytes)
            self._free = [m for m in self._free if m is not memory]
        else:
            memory = aligned(need)
            self.total += need
        return self.view(memory, value), memory

    @staticmethod
    def view(memory: Array, value: Value) -> Array:
        """`memory` as an array for a value."""
        array: Array = memory[: value.nbytes].view(value.dtype).reshape(value.shape)
        return array

    def give(self, memory: Array) -> None:
        """Memory whose value is dead."""
        if self.reuse:
            self._free.append(memory)


def aligned(nbytes: int) -> Array:
    """Bytes that begin at a multiple of 64."""
    raw = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    memory: Array = raw[start : start + nbytes]  # type: ignore[assignment]
    return memory


def fits_in_place(out: Value, x: Value) -> bool:
    """Tell whether a result may take the memory of an operand: they have one shape and dtype."""
    return x.shape == out.shape and x.dtype == out.dtype
