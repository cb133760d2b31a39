"""Between which numbers the values of a graph lie, whatever its inputs are.

By interval arithmetic: Moore, Interval Analysis (1966). Of what is not listed nothing is known. NaN is in no interval,
and stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from minigrad.program.graph import Call, Graph, Value
from minigrad.program.passes.rewrite import VIEW_OPS

__all__ = ["UNKNOWN", "Interval", "intervals_of"]

Interval: TypeAlias = tuple[float, float]
UNKNOWN: Interval = (-math.inf, math.inf)


def intervals_of(graph: Graph) -> Mapping[int, Interval]:
    """The least and the largest that a value can be, for those of which something is known."""
    known: dict[int, Interval] = {}
    for step in graph.steps:
        rule = _RULES.get(step.op.name) if isinstance(step, Call) and len(step.outs) == 1 else None
        if rule is not None and isinstance(step, Call):
            known[step.outs[0]] = rule(*(known.get(k) or _of_constant(graph.values[k]) for k in step.args))
    return known


def _of_constant(value: Value) -> Interval:
    data = value.data
    return UNKNOWN if data is None or not data.size else (float(data.min()), float(data.max()))


def _spanned(ends: Sequence[float]) -> Interval:
    """The interval of these ends.

    0 times infinity counts as 0, since infinity itself is not reached.
    """
    known = [0.0 if math.isnan(end) else end for end in ends]
    return min(known), max(known)


def _multiply(x: Interval, y: Interval) -> Interval:
    return _spanned([a * b for a in x for b in y])


def _divide(x: Interval, y: Interval) -> Interval:
    return _multiply(x, (1.0 / y[1], 1.0 / y[0])) if y[0] > 0.0 else UNKNOWN


def _exp(x: Interval) -> Interval:
    low, high = (math.exp(end) if end < 700.0 else math.inf for end in x)
    return low, high


def _absolute(x: Interval) -> Interval:
    return (0.0 if x[0] <= 0.0 <= x[1] else min(map(abs, x))), max(map(abs, x))


def _same(x: Interval, *rest: Interval) -> Interval:
    return x


_RULES: Mapping[str, Callable[..., Interval]] = {
    "add": lambda x, y: (x[0] + y[0], x[1] + y[1]),
    "subtract": lambda x, y: (x[0] - y[1], x[1] - y[0]),
    "negative": lambda x: (-x[1], -x[0]),
    "multiply": _multiply,
    "divide": _divide,
    "maximum": lambda x, y: (max(x[0], y[0]), max(x[1], y[1])),
    "minimum": lambda x, y: (min(x[0], y[0]), min(x[1], y[1])),
    "exp": _exp,
    "abs": _absolute,
    "tanh": lambda x: (-1.0, 1.0),
    "sigmoid": lambda x: (0.0, 1.0),
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"), lambda x, y: (0.0, 1.0)),
    **dict.fromkeys(VIEW_OPS, _same),
}
