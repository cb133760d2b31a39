"""Packing: a transposed matrix that many products take from the right is copied once.

BLAS is slower on such an operand, up to twice on products of a few million multiplications; the weights of a recurrent
layer's backward pass are read by one product for each time.
"""

from __future__ import annotations

from collections import Counter

import attrs

from minigrad.program.graph import Call, Graph, Instruction
from minigrad.program.kernels.internal_ops import contiguous
from minigrad.program.passes.rewrite import is_call_of, producers

__all__ = ["pack_transposed"]

_FEWEST = 4


def pack_transposed(graph: Graph) -> Graph:
    """`matrix_transpose(w)` on the right of four products and more becomes a copy in C order."""
    defined = producers(graph)
    products = [s for s in graph.steps if isinstance(s, Call) and is_call_of(s, "matmul")]
    count = Counter(s.args[1] for s in products if len(graph.values[s.args[0]].shape) == 2)
    turned = {
        k for k, n in count.items() if n >= _FEWEST and k in defined and is_call_of(defined[k], "matrix_transpose")
    }
    values, steps = list(graph.values), list[Instruction]()
    copies: dict[int, int] = {}
    for step in graph.steps:
        if isinstance(step, Call) and is_call_of(step, "matmul") and step.args[1] in turned:
            w = step.args[1]
            if w not in copies:
                copies[w] = len(values)
                values.append(values[w])
                steps.append(Call(contiguous, (w,), {}, (copies[w],), -1, step.where))
            step = attrs.evolve(step, args=(step.args[0], copies[w]))
        steps.append(step)
    return Graph(tuple(values), tuple(steps), graph.outputs)
