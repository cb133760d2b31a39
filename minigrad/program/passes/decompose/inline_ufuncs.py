"""Recording forward functions.

An elementwise op that is made of ufuncs becomes these ufuncs' ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.types import Array
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.kernels import kernel_of

_SAMPLES = (-800.0, -90.0, -3.0, -0.5, 0.0, 0.25, 1.0, 2.5, 90.0, 800.0, np.inf, -np.inf, np.nan)


class _Unrecordable(TypeError):
    """The forward function is more than ufuncs. Never leaves this file."""


@attrs.frozen(eq=False)
class _Recorded:
    """Calls on operands that are numbered.

    Numbers below `arity` are arguments, those from there on results, floats constants.
    """

    calls: tuple[tuple[Op, tuple[int | float, ...]], ...]


class _UfuncTracer(NDArrayOperatorsMixin):
    """An argument of a forward function whose ufunc calls are written down."""

    __slots__ = ("calls", "dtype", "index")

    def __init__(
        self, index: int, calls: list[tuple[Op, tuple[int | float, ...]]], dtype: np.dtype[np.generic]
    ) -> None:
        self.index = index
        self.calls = calls
        self.dtype = dtype

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> _UfuncTracer:
        out = options.pop("out", None)
        op = REGISTRY.ufunc(ufunc)
        if method != "__call__" or options or op is None or op.forward is not ufunc:
            raise _Unrecordable(ufunc.__name__)
        if out is not None and out != (self,):
            raise _Unrecordable("out")
        operands = tuple(self._operand(x) for x in inputs)
        self.calls.append((op, operands))
        return _UfuncTracer(-len(self.calls), self.calls, self.dtype)

    def __array_function__(
        self, function: object, types: object, args: tuple[object, ...], options: Mapping[str, object]
    ) -> _UfuncTracer:
        if function is np.full_like and len(args) == 2 and isinstance(args[1], float) and not options:
            return _Filled(self, args[1])
        if function is np.clip and len(args) == 3 and not options:
            above: _UfuncTracer = np.maximum(args[0], args[1])  # type: ignore[call-overload]
            limited: _UfuncTracer = np.minimum(above, args[2])  # type: ignore[call-overload]
            return limited
        raise _Unrecordable(str(function))

    def _operand(self, x: object) -> int | float:
        if isinstance(x, _Filled):
            return x.data
        if isinstance(x, _UfuncTracer):
            return x.index
        if isinstance(x, float):
            return x
        raise _Unrecordable(type(x).__name__)


class _Filled(_UfuncTracer):
    """An array of one number, until something is done with it."""

    __slots__ = ("data",)

    def __init__(self, like: _UfuncTracer, number: float) -> None:
        super().__init__(0, like.calls, like.dtype)
        self.data = number


def inline_ufuncs(graph: Graph) -> Graph:
    """Turn elementwise ops without a kernel of their own into ufuncs.

    Only where that gives the same bits on a sample.
    """
    values = list(graph.values)
    steps: list[Instruction] = []
    recordings: dict[tuple[int, str, str], _Recorded | None] = {}
    for step in graph.steps:
        recording = None
        if isinstance(step, Call) and _worth(step, values):
            key = (id(step.op), repr(sorted(step.kwargs.items())), values[step.outs[0]].dtype.str)
            if key not in recordings:
                recordings[key] = _recorded(step.op, step.kwargs, values[step.outs[0]].dtype, len(step.args))
            recording = recordings[key]
        if recording is None or not isinstance(step, Call):
            steps.append(step)
        else:
            _write(step, recording, values, steps)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _worth(call: Call, values: Sequence[Value]) -> bool:
    dtypes = {values[a].dtype for a in (*call.args, *call.outs)}
    shapes = {values[a].shape for a in (*call.args, *call.outs)}
    plain = len(call.outs) == 1 and not call.is_dynamic and len(dtypes) == len(shapes) == 1
    same = plain and call.op.claims.elementwise and values[call.outs[0]].dtype.kind == "f"
    return same and kernel_of(call, values) is None


def _recorded(op: Op, kwargs: Mapping[str, object], dtype: np.dtype[np.generic], arity: int) -> _Recorded | None:
    calls: list[tuple[Op, tuple[int | float, ...]]] = []
    probes = [_UfuncTracer(k, calls, dtype) for k in range(arity)]
    try:
        result = op.forward(*probes, **kwargs)
    except (TypeError, AttributeError, ValueError):
        return None
    if not isinstance(result, _UfuncTracer) or isinstance(result, _Filled) or result.index != -len(calls) or not calls:
        return None
    recorded = _Recorded(tuple(calls))
    sample = np.array(_SAMPLES).astype(dtype)
    arrays = [np.roll(sample, 2 * k) for k in range(arity)]
    with np.errstate(all="ignore"):
        expected, got = op.forward(*arrays, **kwargs), _replayed(recorded, arrays)
    same = isinstance(expected, np.ndarray) and expected.dtype == got.dtype
    return recorded if same and np.array_equal(np.asarray(expected), got, equal_nan=True) else None


def _replayed(recorded: _Recorded, arrays: Sequence[Array]) -> Array:
    results: list[Array] = []
    for op, operands in recorded.calls:
        args = [_pick(o, arrays, results) for o in operands]
        results.append(np.asarray(op.forward(*args)))
    return results[-1]


def _pick(o: int | float, arrays: Sequence[Array], results: Sequence[Array]) -> Array:
    if isinstance(o, float):
        return np.asarray(o, arrays[0].dtype)
    return arrays[o] if o >= 0 else results[-o - 1]


def _write(call: Call, recorded: _Recorded, values: list[Value], steps: list[Instruction]) -> None:
    out = values[call.outs[0]]
    results: list[int] = []
    for n, (op, operands) in enumerate(recorded.calls):
        args: list[int] = []
        for o in operands:
            if isinstance(o, float):
                values.append(Value((), out.dtype, "constant", data=np.asarray(o, out.dtype)))
                args.append(len(values) - 1)
            else:
                args.append(call.args[o] if o >= 0 else results[-o - 1])
        if n == len(recorded.calls) - 1:
            results.append(call.outs[0])
        else:
            values.append(Value(out.shape, out.dtype, "result"))
            results.append(len(values) - 1)
        steps.append(Call(op, tuple(args), {}, (results[-1],), -1, call.where))
