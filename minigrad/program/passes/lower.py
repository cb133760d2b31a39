"""Lowering: composite ops as the ufuncs that their forward functions are made of, so that later passes see inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Step, Value


class _Builder:
    """Writes the calls that stand for one call."""

    def __init__(self, call: Call, values: list[Value], steps: list[Step]) -> None:
        self.call = call
        self.values = values
        self.steps = steps

    def shape(self, k: int) -> Shape:
        return self.values[k].shape

    def constant(self, number: float, like: int) -> int:
        dtype = self.values[like].dtype
        self.values.append(Value((), dtype, "constant", number=np.asarray(number, dtype)))
        return len(self.values) - 1

    def op(self, name: str, *args: int, shape: Shape | None = None, out: int | None = None, **meta: object) -> int:
        if out is None:
            given = np.broadcast_shapes(*(self.shape(a) for a in args)) if shape is None else shape
            self.values.append(Value(given, self.values[args[0]].dtype, "result"))
            out = len(self.values) - 1
        op = REGISTRY[name]
        self.steps.append(Call(op, args, op.complete(meta), (out,), -1, self.call.where))
        return out

    def reshape(self, x: int, shape: Shape, out: int | None = None) -> int:
        if out is None:
            self.values.append(Value(shape, self.values[x].dtype, "result"))
            out = len(self.values) - 1
        self.steps.append(Call(REGISTRY["reshape"], (x,), {"shape": shape}, (out,), -1, self.call.where))
        return out

    def reduce(self, name: str, x: int, axis: int) -> int:
        n = len(self.shape(x))
        kept = tuple(1 if i == axis % n else s for i, s in enumerate(self.shape(x)))
        return self.op(name, x, shape=kept, axis=axis, keepdims=True)


def _axis(b: _Builder) -> int:
    axis = b.call.meta.get("axis", -1)
    return axis if isinstance(axis, int) else -1


def _softmax(b: _Builder, x: int, out: int) -> None:
    axis = _axis(b)
    e = b.op("exp", b.op("subtract", x, b.reduce("max", x, axis)))
    b.op("divide", e, b.reduce("sum", e, axis), out=out)


def _log_softmax(b: _Builder, x: int, out: int) -> None:
    axis = _axis(b)
    shifted = b.op("subtract", x, b.reduce("max", x, axis))
    b.op("subtract", shifted, b.op("log", b.reduce("sum", b.op("exp", shifted), axis)), out=out)


def _cross_entropy(b: _Builder, x: int, labels: int, out: int) -> None:
    shape = b.shape(labels)
    shifted = b.op("subtract", x, b.reduce("max", x, -1))
    logs = b.op("log", b.reduce("sum", b.op("exp", shifted), -1))
    places = b.reshape(labels, (*shape, 1))
    picked = b.op("take_along_axis", shifted, places, shape=(*shape, 1), axis=-1)
    b.reshape(b.op("subtract", logs, picked), shape, out)


def _mean(b: _Builder, x: int, out: int) -> None:
    total = b.op("sum", x, shape=b.values[out].shape, axis=b.call.meta["axis"], keepdims=b.call.meta["keepdims"])
    count = int(np.prod(b.shape(x))) // max(1, int(np.prod(b.values[out].shape)))
    b.op("divide", total, b.constant(float(count or 1), x), out=out)


_LOWERINGS: Mapping[str, Callable[..., None]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmax_cross_entropy": _cross_entropy,
    "mean": _mean,
}


def lowering(graph: Graph) -> Graph:
    """Softmax and its relatives, means: the same ufuncs in the same order as in the op's forward function.

    Together with common subexpressions this shares the exponentials of a softmax between forward and backward.
    """
    values = list(graph.values)
    steps: list[Step] = []
    for step in graph.steps:
        known = _LOWERINGS.get(step.op.name) if isinstance(step, Call) and step.extra < 0 else None
        if (
            known is None
            or not isinstance(step, Call)
            or step.op is not REGISTRY.get(step.op.name)
            or not _fits(step, values)
        ):
            steps.append(step)
        else:
            known(_Builder(step, values, steps), *step.args, *step.outs)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _fits(call: Call, values: list[Value]) -> bool:
    """Whether the op is ours, on plain floating arrays with entries."""
    x, out = values[call.args[0]], values[call.outs[0]]
    owned = call.op.module.startswith("minigrad.ops.")
    axis_given = call.op.name == "mean" or len(x.shape) > 0
    return owned and x.dtype.kind == "f" and x.dtype == out.dtype and x.nbytes > 0 and axis_given
