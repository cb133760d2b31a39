"""Lowering: composite ops as the ufuncs that their forward functions are made of.

So later passes see inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import cast

import numpy as np

from minigrad.core.registry import REGISTRY
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.passes.decompose.convolutions import WINDOWS
from minigrad.program.passes.decompose.powers import POWERS, quick_exponent
from minigrad.program.passes.rewrite import Builder
from minigrad.runtime.square_scale import square_scale


def _axis(b: Builder) -> int:
    axis = b.call.kwargs.get("axis", -1)
    return axis if isinstance(axis, int) else -1


def _sigmoid(b: Builder, x: int, out: int) -> None:
    """Compute max(e, x > 0) / (1 + e) with e = exp(-|x|).

    Nothing overflows, and no call is silenced as in the op itself.
    """
    e = b.op("exp", b.op("multiply", b.op("abs", x), b.constant(-1.0, x)))
    above = b.op("maximum", e, b.op("greater", x, b.constant(0.0, x)))
    b.op("divide", above, b.op("add", e, b.constant(1.0, x)), out=out)


def _gated(b: Builder, x: int, gate: int, out: int) -> None:
    b.op("masked_multiply", x, gate, out=out)


def _softmax(b: Builder, x: int, out: int) -> None:
    axis = _axis(b)
    e = b.op("exp", _shifted(b, x, axis))
    b.op("divide", e, b.op("maximum", b.reduce("sum", e, axis), b.constant(1.0, x)), out=out)


def _shifted(b: Builder, x: int, axis: int) -> int:
    """x less its largest entry; -inf stays -inf."""
    lowest = b.constant(float(np.finfo(b.values[x].dtype.str).min), x)
    return b.op("subtract", x, b.op("maximum", b.reduce("max", x, axis), lowest))


def _log_softmax(b: Builder, x: int, out: int) -> None:
    axis = _axis(b)
    shifted = _shifted(b, x, axis)
    below = b.op("greater", b.constant(0.0, x), shifted)
    others = b.reduce("sum", b.op("multiply", b.op("exp", shifted), below), axis)
    ties = b.op("subtract", b.constant(b.shape(x)[axis] - 1.0, x), b.reduce("sum", below, axis))
    more = b.op("maximum", b.op("add", others, ties), b.constant(0.0, x))
    b.op("subtract", shifted, b.op("log1p", more), out=out)


def _odds_against(b: Builder, x: int, labels: int) -> tuple[int, int, int, int, int]:
    """Lower what softmax cross-entropy and its slope share.

    Ones at the labels, the exponentials elsewhere, their sum, that sum with the label's exponential less 1, and the
    scores at the labels less the largest.
    """
    shape = b.shape(labels)
    shifted = _shifted(b, x, -1)
    picked = b.op("take_along_axis", shifted, b.reshape(labels, (*shape, 1)), shape=(*shape, 1), axis=-1)
    b.values.append(Value(b.shape(x), b.values[x].dtype, "result"))
    right = b.op("one_hot", labels, x, out=len(b.values) - 1)
    wrong = b.op("subtract", b.constant(1.0, x), right)
    others = b.op("multiply", b.op("exp", shifted), wrong)
    total = b.reduce("sum", others, -1)
    more = b.op("maximum", b.op("add", total, b.op("expm1", picked)), b.constant(0.0, x))
    return right, others, total, more, picked


def _cross_entropy(b: Builder, x: int, labels: int, out: int) -> None:
    *_, more, picked = _odds_against(b, x, labels)
    b.reshape(b.op("subtract", b.op("log1p", more), picked), b.shape(labels), out)


def _cross_entropy_slope(b: Builder, x: int, labels: int, out: int) -> None:
    right, others, total, more, _ = _odds_against(b, x, labels)
    slope = b.op("subtract", others, b.op("multiply", right, total))
    b.op("divide", slope, b.op("add", more, b.constant(1.0, x)), out=out)


def _mean(b: Builder, x: int, out: int) -> None:
    total = b.op("sum", x, shape=b.values[out].shape, axis=b.call.kwargs["axis"], keepdims=b.call.kwargs["keepdims"])
    count = int(np.prod(b.shape(x))) // max(1, int(np.prod(b.values[out].shape)))
    b.op("divide", total, b.constant(float(count or 1), x), out=out)


def _axes(b: Builder, x: int) -> tuple[int, ...]:
    """All axes that a reduction runs over, counted from the front."""
    axis = b.call.kwargs["axis"]
    n = len(b.shape(x))
    axes = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(int(a) % n for a in axes))


def _centred(b: Builder, x: int, axes: tuple[int, ...]) -> int:
    """x without its mean over `axes`, and without what rounding has left of it."""
    kept = tuple(1 if i in axes else length for i, length in enumerate(b.shape(x)))
    for _ in range(2):
        total = b.op("sum", x, shape=kept, axis=axes, keepdims=True)
        x = b.op("subtract", x, b.op("divide", total, b.constant(float(_entries(b, x, axes)), x)))
    return x


def _entries(b: Builder, x: int, axes: tuple[int, ...]) -> int:
    return prod(b.shape(x)[a] for a in axes)


def _variance(b: Builder, x: int, out: int) -> None:
    axes = _axes(b, x)
    centred = _centred(b, x, axes)
    square, shape = b.op("multiply", centred, centred), b.shape(out)
    total = b.op("sum", square, shape=shape, axis=axes, keepdims=b.call.kwargs["keepdims"])
    divisor = max(_entries(b, x, axes) - cast(float, b.call.kwargs["ddof"]), 0.0)
    b.op("divide", total, b.constant(divisor, x), out=out)


def _stack(b: Builder, *operands: int) -> None:
    *xs, out = operands
    axis = cast(int, b.call.kwargs["axis"]) % len(b.shape(out))
    shape = b.shape(xs[0])
    b.concatenate([b.reshape(x, (*shape[:axis], 1, *shape[axis:])) for x in xs], axis, out)


def _standardize(b: Builder, x: int, out: int) -> None:
    axes, eps = _axes(b, x), cast(float, b.call.kwargs["eps"])
    if b.call.kwargs["centre"]:
        x = _centred(b, x, axes)
    kept = tuple(1 if i in axes else length for i, length in enumerate(b.shape(x)))
    shrink = square_scale(b.values[x].dtype, eps)
    small = b.op("multiply", x, b.constant(shrink, x))
    total = b.op("sum", b.op("multiply", small, small), shape=kept, axis=axes, keepdims=True)
    mean = b.op("divide", total, b.constant(float(_entries(b, x, axes)), x))
    root = b.op("sqrt", b.op("add", mean, b.constant(eps * shrink * shrink, x)))
    b.op("divide", x, b.op("multiply", root, b.constant(1.0 / shrink, x)), out=out)


_LOWERINGS: Mapping[str, Callable[..., None]] = {
    "sigmoid": _sigmoid,
    "gated": _gated,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmax_cross_entropy": _cross_entropy,
    "softmax_cross_entropy_slope": _cross_entropy_slope,
    "mean": _mean,
    "standardize": _standardize,
    "variance": _variance,
    "stack": _stack,
    **POWERS,
    **WINDOWS,
}


def decompose(graph: Graph) -> Graph:
    """Lower softmax and its relatives, and means, to ufuncs.

    They stand in the order of the op's forward function.

    Together with common subexpressions this shares the exponentials of a softmax between forward and backward.
    """
    values = list(graph.values)
    steps: list[Instruction] = []
    for step in graph.steps:
        lowering = _LOWERINGS.get(step.op.name) if isinstance(step, Call) and not step.is_dynamic else None
        if (
            lowering is None
            or not isinstance(step, Call)
            or step.op is not REGISTRY.get(step.op.name)
            or not _fits(step, values)
        ):
            steps.append(step)
        else:
            lowering(Builder(step, values, steps), *step.args, *step.outs)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _fits(call: Call, values: list[Value]) -> bool:
    """Whether the op is ours, on plain floating arrays with entries."""
    x, out = values[call.args[0]], values[call.outs[0]]
    if call.op.name in POWERS and not quick_exponent(call, values):
        return False
    if call.op.name == "softmax" and not isinstance(call.kwargs["axis"], int):
        return False
    if call.op.name == "stack" and any(values[a].dtype != out.dtype for a in call.args):
        return False
    owned = call.op.module.startswith("minigrad.ops.")
    axis_given = call.op.name == "mean" or len(x.shape) > 0
    return owned and x.dtype.kind == "f" and x.dtype == out.dtype and x.nbytes > 0 and axis_given
