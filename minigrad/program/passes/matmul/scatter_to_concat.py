"""Assembly: parts that are written into zeros and added up are joined instead.

The gradient of x that was cut into slices is a sum of arrays of x's shape, each zero but for one slice. Where the
slices lie side by side that sum is a concatenation: each entry is written once.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from minigrad.core.types import Key, Shape
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.passes.rewrite import Builder, producers, use_counts

_Piece = tuple[int, int, Call]
"""Start, stop, and the call that writes there."""


def scatter_to_concat(graph: Graph) -> Graph:
    """Sums of slices along one axis that cover it, and joins of joins, become one join."""
    return _Assembly(graph).assembled()


class _Assembly:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = list(graph.values)
        self.producers, self.use_counts = producers(graph), use_counts(graph)
        self.steps: list[Instruction] = []

    def assembled(self) -> Graph:
        for step in self.graph.steps:
            if not (isinstance(step, Call) and self._joined(step)):
                self.steps.append(step)
        return Graph(tuple(self.values), tuple(self.steps), self.graph.outputs)

    def _joined(self, call: Call) -> bool:
        if call.op.name not in ("add", "scatter"):
            return False
        pieces = self._pieces(call)
        if pieces is None:
            return False
        axis, placed_slices = pieces
        builder = Builder(call, self.values, self.steps)
        shape = self.values[call.outs[0]].shape
        parts = [
            builder.reshape(piece.args[0], (*shape[:axis], stop - start, *shape[axis + 1 :]))
            if len(self.values[piece.args[0]].shape) < len(shape)
            else piece.args[0]
            for start, stop, piece in placed_slices
        ]
        if len(parts) == 1:
            builder.reshape(parts[0], shape, call.outs[0])
        else:
            joined = builder.concatenate(self._flattened(parts, axis), axis, call.outs[0])
            self.producers[joined] = cast(Call, self.steps[-1])
        return True

    def _flattened(self, parts: list[int], axis: int) -> list[int]:
        """A part that is a join along the same axis and used here only stands for its own parts."""
        placed_slices: list[int] = []
        for k in parts:
            call = self.producers.get(k)
            if (
                call is not None
                and call.op.name == "concatenate"
                and call.kwargs["axis"] == axis
                and self.use_counts[k] == 1
            ):
                placed_slices.extend(call.args)
            else:
                placed_slices.append(k)
        return placed_slices

    def _pieces(self, call: Call) -> tuple[int, list[_Piece]] | None:
        """The axis and the pieces in order, if the sum is one of slices that cover the axis."""
        leaves, stack = list[Call](), [call]
        out = self.values[call.outs[0]]
        while stack:
            top = stack.pop()
            if top.op.name == "scatter" and top.op.module.startswith("minigrad.ops."):
                leaves.append(top)
                continue
            if top.op.name != "add" or any(self.values[a].shape != out.shape for a in top.args):
                return None
            for a in top.args:
                below = self.producers.get(a)
                if below is None or self.use_counts[a] != 1:
                    return None
                stack.append(below)
        axes = {placed_slices[0] for leaf in leaves if (placed_slices := _place(leaf, out)) is not None}
        placed = [placed_slices for leaf in leaves if (placed_slices := _place(leaf, out)) is not None]
        if len(axes) != 1 or len(placed) != len(leaves):
            return None
        pieces = sorted(
            ((start, stop, leaf) for (_, start, stop), leaf in zip(placed, leaves, strict=True)), key=_start
        )
        ends = [0, *(stop for _, stop, _ in pieces)]
        (axis,) = axes
        whole = ends[-1] == out.shape[axis] and all(p[0] == end for p, end in zip(pieces, ends, strict=False))
        return (axis, pieces) if whole else None


def _start(piece: _Piece) -> int:
    return piece[0]


def _place(call: Call, out: Value) -> tuple[int, int, int] | None:
    """The axis, start and stop of a slice that leaves all other axes whole."""
    key = cast(Key, call.kwargs["key"])
    parts = key if isinstance(key, tuple) else (key,)
    shape: Shape = out.shape
    if len(parts) > len(shape):
        return None
    placed_slices: list[tuple[int, int, int]] = []
    for axis, part in enumerate(parts):
        if isinstance(part, slice):
            start, stop, step = part.indices(shape[axis])
            if step != 1 or stop <= start:
                return None
        elif isinstance(part, int | np.integer):
            start = int(part) % shape[axis]
            stop = start + 1
        else:
            return None
        if (start, stop) != (0, shape[axis]) or not isinstance(part, slice):
            placed_slices.append((axis, start, stop))
    return placed_slices[0] if len(placed_slices) == 1 else None
