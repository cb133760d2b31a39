"""Value and slope of an op along one entry of one argument."""

from __future__ import annotations

import math

import numpy as np

from minigrad.charts import Line, LineChart, Picture
from minigrad.core import Op, Tensor
from minigrad.core.errors import MinigradError
from minigrad.core.tensor import tensor
from minigrad.core.types import Array
from minigrad.verify.cases import difference_cases
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase

__all__ = ["op_picture"]

_POINTS = 61
_RANGES = {"real": (-4.0, 4.0), "nonzero": (-4.0, 4.0), "positive": (0.05, 6.0), "unit": (-0.98, 0.98)}
_AROUND = 0.4
"""How far an entry is moved to both sides where its domain is not a range."""


def op_picture(op: Op) -> Picture | None:
    """Value and slope; None without a differentiable argument, or where nothing changes.

    One entry of an argument runs over its domain while everything else stays as the gate drew it; shown is the entry
    of the output that changes most.
    """
    index = next((k for k, a in enumerate(op.arguments) if a.differentiable), None)
    case = next(iter(difference_cases(op, 1, thorough=False)), None)
    if index is None or case is None or not case.arrays[index].size:
        return None
    place = next((k for k in _places(case.arrays[index]) if _matters(op, index, case, k)), None)
    if place is None:
        return None
    x = _range(op, index, case, place)
    values = np.array([_value(op, index, case, place, at).reshape(-1)[:_MOST] for at in x], dtype=np.float64)
    spans = np.ptp(np.where(np.isfinite(values), values, 0.0), axis=0) if values.size else np.zeros(0)
    if not spans.size or not np.any(spans > 0.0):
        return None
    entry = int(np.argmax(spans))
    slopes = [_slope(op, index, case, place, at, entry) for at in x]
    name = op.arguments[index].name
    single = _is_function_of_a_number(op)
    what = f"of {name}" if single else f"along one entry of {name}, the rest fixed"
    lines = (
        Line("value", list(x), [float(v) for v in values[:, entry]]),
        Line("slope", list(x), slopes, color=1, kind="dashed"),
    )
    chart = LineChart(lines=lines, ylabel="value and slope", xlabel=name, from_zero=False, height=220.0)
    return Picture(name=f"op-{op.name}", title=op.name, subtitle=f"value and slope {what}", plots=(chart,))


def _is_function_of_a_number(op: Op) -> bool:
    return op.claims.elementwise and len(op.arguments) == 1


def _range(op: Op, index: int, case: CheckCase, entry: int) -> Array:
    domain = declaration_of(op).domain(index)
    middle = float(case.arrays[index].reshape(-1)[entry])
    low, high = _RANGES.get(domain.kind if domain else "", (middle - _AROUND, middle + _AROUND))
    return np.linspace(low, high, _POINTS)


_MOST = 12
"""Entries of the output that are looked at."""


def _places(array: Array) -> list[int]:
    """Which entry may run: one in the middle, if possible one whose place is looked at."""
    middle = min(array.size // 2, _MOST // 2)
    return [middle, *(k for k in range(min(array.size, _MOST)) if k != middle)]


def _matters(op: Op, index: int, case: CheckCase, entry: int) -> bool:
    """Whether the outputs that are looked at change while this entry runs."""
    outputs = [
        _value(op, index, case, entry, at).reshape(-1)[:_MOST] for at in _range(op, index, case, entry)[:: _POINTS // 3]
    ]
    return any(not np.array_equal(output, outputs[0], equal_nan=True) for output in outputs)


def _moved(index: int, case: CheckCase, entry: int, at: float) -> list[Array]:
    """The arrays of a sample, with one entry of one of them elsewhere."""
    moved = np.array(case.arrays[index], dtype=np.float64)
    moved.reshape(-1)[entry] = at
    return [moved if k == index else a for k, a in enumerate(case.arrays)]


def _value(op: Op, index: int, case: CheckCase, entry: int, at: float) -> Array:
    with np.errstate(all="ignore"):
        return _first(op(*_moved(index, case, entry, at), **case.kwargs))


def _slope(op: Op, index: int, case: CheckCase, entry: int, at: float, shown: int) -> float:
    """Derivative of the entry that is shown by the entry that runs; NaN without one."""
    arrays = _moved(index, case, entry, at)
    leaf = tensor(arrays[index], requires_grad=True)
    with np.errstate(all="ignore"):
        output = _first_tensor(op(*[leaf if k == index else a for k, a in enumerate(arrays)], **case.kwargs))
        seed = np.zeros(output.shape)
        seed.reshape(-1)[shown] = 1.0
        try:
            output.backward(seed)
        except MinigradError:
            return math.nan  # no gradient at this place: the line has a gap there
    return math.nan if leaf.grad is None else float(np.asarray(leaf.grad.data).reshape(-1)[entry])


def _first(output: object) -> Array:
    return np.asarray(output[0] if isinstance(output, tuple) else output, dtype=np.float64)


def _first_tensor(output: object) -> Tensor:
    chosen = output[0] if isinstance(output, tuple) else output
    assert isinstance(chosen, Tensor)
    return chosen
