"""What passes rewrite graphs with: def-use chains, and a builder that writes calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Instruction, Value, uses

__all__ = ["VIEW_OPS", "Builder", "is_call_of", "producers", "readers", "use_counts"]

VIEW_OPS = frozenset(("getitem", "reshape", "transpose", "matrix_transpose", "broadcast_to", "windows"))
"""Ops whose result may lie in their operand's memory.

It holds no other numbers.
"""


class Builder:
    """Writes the calls that stand for one call.

    Values go by their numbers; `out` names the result's.
    """

    def __init__(self, call: Call, values: list[Value], steps: list[Instruction]) -> None:
        self.call = call
        self.values = values
        self.steps = steps

    def shape(self, k: int) -> Shape:
        """Return the shape of a value."""
        return self.values[k].shape

    def constant(self, number: float, like: int) -> int:
        """A 0-d constant of the dtype of value `like`."""
        dtype = self.values[like].dtype
        self.values.append(Value((), dtype, "constant", data=np.asarray(number, dtype)))
        return len(self.values) - 1

    def op(
        self,
        name: str,
        *args: int,
        shape: Shape | None = None,
        out: int | None = None,
        kwargs: Mapping[str, object] | None = None,
        **options: object,
    ) -> int:
        """Add a call of op `name`.

        Its result has the shape that operands broadcast to, or the one given.

        Options go by keyword, or in `kwargs` where their names are taken.
        """
        if out is None:
            result_shape = np.broadcast_shapes(*(self.shape(a) for a in args)) if shape is None else shape
            self.values.append(Value(result_shape, self.values[args[0]].dtype, "result"))
            out = len(self.values) - 1
        op = REGISTRY[name]
        self.steps.append(Call(op, args, op.bind_kwargs({**(kwargs or {}), **options}), (out,), -1, self.call.where))
        return out

    def reshape(self, x: int, shape: Shape, out: int | None = None) -> int:
        """Value x in another shape."""
        if out is None:
            self.values.append(Value(shape, self.values[x].dtype, "result"))
            out = len(self.values) - 1
        self.steps.append(Call(REGISTRY["reshape"], (x,), {"shape": shape}, (out,), -1, self.call.where))
        return out

    def reduce(self, name: str, x: int, axis: int) -> int:
        """A reduction along one axis, which is kept."""
        n = len(self.shape(x))
        kept = tuple(1 if i == axis % n else s for i, s in enumerate(self.shape(x)))
        return self.op(name, x, shape=kept, axis=axis, keepdims=True)

    def matrix_transpose(self, x: int) -> int:
        """The last two axes of x exchanged."""
        *before, m, n = self.shape(x)
        return self.op("matrix_transpose", x, shape=(*before, n, m))

    def matmul(self, a: int, b: int, out: int | None = None) -> int:
        """The product of two matrices."""
        return self.op("matmul", a, b, shape=(self.shape(a)[0], self.shape(b)[-1]), out=out)

    def concatenate(self, xs: Sequence[int], axis: int, out: int | None = None) -> int:
        """Values joined along an axis."""
        shape = list(self.shape(xs[0]))
        shape[axis] = sum(self.shape(x)[axis] for x in xs)
        return self.op("concatenate", *xs, shape=tuple(shape), out=out, axis=axis)


def producers(graph: Graph) -> dict[int, Call]:
    """For each value the call that defines it, if it defines nothing else."""
    return {s.outs[0]: s for s in graph.steps if isinstance(s, Call) and len(s.outs) == 1}


def use_counts(graph: Graph) -> Counter[int]:
    """How often a value is read, or returned."""
    return Counter(k for s in graph.steps for k in uses(s)) + Counter(graph.outputs)


def readers(graph: Graph) -> Mapping[int, Sequence[Instruction | None]]:
    """For each value the steps that read it, and None where it is returned."""
    steps_reading: defaultdict[int, list[Instruction | None]] = defaultdict(list)
    for s in graph.steps:
        for k in dict.fromkeys(uses(s)):
            steps_reading[k].append(s)
    for k in graph.outputs:
        steps_reading[k].append(None)
    return steps_reading


def is_call_of(step: Instruction | None, *names: str) -> bool:
    """Whether a step is a call, by position, of one of our own ops of these names."""
    by_us = isinstance(step, Call) and not step.is_dynamic and step.op.module.startswith(("minigrad.ops.", "numpy"))
    return by_us and isinstance(step, Call) and step.op.name in names
