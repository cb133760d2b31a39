"""Sums over rows or of short vectors as products with ones.

The gradient of a bias is a sum over rows; means of short vectors count, too.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.program.graph import Call, Graph, Instruction, Value, uses

_FEWEST, _MOST = 8, 1 << 12
"""Lengths of vectors whose sum becomes a product.

The sum of a longer one may be part of a group that runs tile by tile.
"""


def sums_as_matmul(graph: Graph) -> Graph:
    """Turn sums of a floating matrix to its columns, or of a vector, into `ones @ x`.

    Sums are rounded in another order.

    Where the sum of a vector is only divided by a constant afterwards, the ones are that constant's inverse.
    """
    return _Products(graph).rewritten()


class _Products:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = list(graph.values)
        self.use_counts = Counter(k for s in graph.steps for k in uses(s)) + Counter(graph.outputs)
        self.rows: dict[tuple[int, str, float], int] = {}
        self.of_vectors: dict[int, int] = {}
        """Sum -> the vector."""

    def rewritten(self) -> Graph:
        steps: list[Instruction] = []
        for step in self.graph.steps:
            if isinstance(step, Call) and step.op.name in ("sum_to", "sum") and self._sums(step):
                x, out = (self.values[k] for k in (step.args[0], step.outs[0]))
                if not out.shape:
                    self.of_vectors[step.outs[0]] = step.args[0]
                steps.append(self._product(x, 1.0, step.args[0], step))
            elif isinstance(step, Call) and self._divides(step):
                vector = self.of_vectors[step.args[0]]
                number = self.values[step.args[1]].data
                assert number is not None
                steps.append(self._product(self.values[vector], 1.0 / float(number), vector, step))
            else:
                steps.append(step)
        return Graph(tuple(self.values), tuple(steps), self.graph.outputs)

    def _product(self, x: Value, entry: float, k: int, step: Call) -> Call:
        key = (x.shape[0], x.dtype.str, entry)
        if key not in self.rows:
            self.rows[key] = len(self.values)
            self.values.append(Value(key[:1], x.dtype, "constant", data=np.full(key[0], entry, x.dtype)))
        return Call(REGISTRY["matmul"], (self.rows[key], k), {}, step.outs, -1, step.where)

    def _sums(self, step: Call) -> bool:
        x, out = (self.values[k] for k in (step.args[0], step.outs[0]))
        over_rows = step.op.name == "sum_to" or step.kwargs.get("axis") in (0, (0,))
        matrix = len(x.shape) == 2 and out.shape == x.shape[1:] and over_rows and x.shape[0] >= _FEWEST
        vector = len(x.shape) == 1 and not out.shape and _FEWEST <= x.shape[0] <= _MOST
        return (matrix or vector) and x.dtype.kind == "f" and x.dtype.itemsize >= 4 and x.dtype == out.dtype

    def _divides(self, step: Call) -> bool:
        """Whether a call divides the sum of a vector, which nothing else reads, by a constant."""
        if step.op.name != "divide" or step.args[0] not in self.of_vectors or self.use_counts[step.args[0]] != 1:
            return False
        by, out = self.values[step.args[1]], self.values[step.outs[0]]
        alike = by.dtype == out.dtype == self.values[step.args[0]].dtype
        return alike and by.data is not None and by.shape == out.shape == () and bool(by.data != 0.0)
