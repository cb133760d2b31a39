"""Functions of one row made functions of many.

The first row is computed as it is. A function that has done nothing else meanwhile is traced once, and each op of the
trace is applied to all rows at once, by the batching rules that the gate checks (`minigrad.runtime.batch_rules`); any
other function is called for one row after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import GradientError, ShapeError
from minigrad.core.graph import Constant, GradAccumulator, Leaf, Node
from minigrad.core.mode import MODE, mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array, Shape
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.functions import broadcast_to, moveaxis
from minigrad.program.errors import TraceError
from minigrad.program.graph import Assert, Call, Value, resolve_operands
from minigrad.program.trace.captures import find_captures
from minigrad.program.trace.fake_array import FakeArray
from minigrad.program.trace.guards import RandomStateGuard
from minigrad.program.trace.tracer import StepTracer
from minigrad.runtime.batch_rules import call_batched
from minigrad.runtime.repetition import Repetition
from minigrad.transforms.pytree import flatten

__all__ = ["vmap"]

Axes: TypeAlias = int | Sequence[int | None] | None
_WORTH = 8
"""Rows from which a trace is quicker than calls."""


def vmap(f: Callable[..., object], in_axes: Axes = 0, out_axes: int = 0) -> Callable[..., object]:
    """Make a function that calls `f` on each row of its arguments and stacks the results.

    Gradients of any order pass through, so `vmap(grad(loss), (None, 0, 0))` gives the gradients of single examples.
    From 8 rows on, an `f` that only computes is called twice, for the first row and to be traced, and its ops are
    applied to all rows at once. One that draws random numbers, changes what it holds or decides by the numbers that it
    sees is called once for each row, and inside a program every function is.

    Args:
        f: takes and returns numbers, arrays, Tensors or containers of them, of the same structure for each row.
        in_axes: the axis along which the rows of each argument lie (for a container, of all its leaves), or None for
            an argument that is handed on whole; one for all arguments, or one for each.
        out_axes: the axis along which results are stacked.

    Raises:
        GradientError: when called: `in_axes` are not one for each argument, or all are None.
        ShapeError: when called: arguments have different numbers of rows, or none, or no axis of that number.
    """

    def mapped(*args: object, **kwargs: object) -> object:
        axes = (in_axes,) * len(args) if in_axes is None or isinstance(in_axes, int) else tuple(in_axes)
        if len(axes) != len(args):
            raise GradientError(f"vmap: in_axes {axes} name {len(axes)} arguments, and {len(args)} are given")
        count = _count(args, axes)

        def call(k: int) -> object:
            return f(*(_row(a, axis, k) for a, axis in zip(args, axes, strict=True)), **kwargs)

        mode = MODE.get()
        if count < _WORTH or (mode is not None and mode.interceptor is not None):
            return _in_turn([call(k) for k in range(count)], out_axes)
        first, only_computes = _first_row(f, call)
        if only_computes:
            stacks = _all_at_once(f, args, axes, kwargs, count, first)
            if stacks is not None:
                return flatten(first)[1]([_laid(leaf, out_axes) for leaf in stacks])
        return _in_turn([first, *(call(k) for k in range(1, count))], out_axes)

    return mapped


# -- rows ----------------------------------------------------------------------------------------------------------
def _count(args: Sequence[object], axes: Sequence[int | None]) -> int:
    """Count the rows of the arguments."""
    counts: set[int] = set()
    for n, (a, axis) in enumerate(zip(args, axes, strict=True)):
        for leaf in [] if axis is None else flatten(a)[0]:
            shape = _shape(leaf)
            if axis is not None and not -len(shape) <= axis < len(shape):
                raise ShapeError(f"vmap: argument {n} has shape {shape}, and no axis {axis}: name it in in_axes")
            counts.add(shape[axis or 0])
    if not counts:
        raise GradientError("vmap: in_axes give no argument an axis of rows")
    if len(counts) > 1 or 0 in counts:
        raise ShapeError(f"vmap: arguments have {sorted(counts)} rows; one number above 0 is needed")
    return counts.pop()


def _shape(leaf: object) -> Shape:
    return leaf.shape if isinstance(leaf, Tensor) else np.asarray(leaf).shape


def _row(tree: object, axis: int | None, k: int) -> object:
    if axis is None:
        return tree
    leaves, rebuild = flatten(tree)
    return rebuild([_picked(leaf, axis, k) for leaf in leaves])


def _picked(leaf: object, axis: int, k: int) -> object:
    x = leaf if isinstance(leaf, Tensor) else np.asarray(leaf)
    key: tuple[slice | int, ...] = (*(slice(None),) * (axis % x.ndim), k)
    return x[key]


def _in_turn(results: Sequence[object], axis: int) -> object:
    """The results of calls for one row after another, stacked."""
    parts, rebuild = [flatten(r)[0] for r in results], flatten(results[0])[1]
    return rebuild([_stacked(leaves, axis) for leaves in zip(*parts, strict=True)])


def _stacked(leaves: Sequence[object], axis: int) -> Array | Tensor:
    if any(isinstance(leaf, Tensor) for leaf in leaves):
        return stack([leaf if isinstance(leaf, Tensor) else Tensor(np.asarray(leaf)) for leaf in leaves], axis=axis)
    return np.stack([np.asarray(leaf) for leaf in leaves], axis=axis)


def _laid(rows: Array | Tensor, axis: int) -> Array | Tensor:
    """Rows along an axis in the place of the first."""
    return moveaxis(rows, 0, axis) if isinstance(rows, Tensor) else np.moveaxis(rows, 0, axis)


# -- all at once ---------------------------------------------------------------------------------------------------
def _first_row(f: Callable[..., object], call: Callable[[int], object]) -> tuple[object, bool]:
    """The result of the first row, and whether computing it moved nothing that lasts."""
    captures = find_captures(f, ())
    random, repetition = RandomStateGuard(captures.sources), Repetition()
    with repetition.first():
        result = call(0)
    try:
        random.check()
        captures.values.refuse_changes()
    except TraceError:
        return result, False
    return result, not (captures.mentions_clock or repetition.has_moved)


class _RowTracer(StepTracer):
    """Traces a function of one row. Tensors from outside are inputs that do not change."""

    def __init__(self) -> None:
        super().__init__()
        self._outside: dict[Node, Tensor] = {}
        self._sinks: list[GradAccumulator] = []  # a leaf does not keep its own

    def variable(self, array: Array) -> Tensor:
        """A Tensor for an argument that a gradient flows to."""
        return self._leaf(self.input(array)._node.value)

    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        known = tuple(self.inside(a) if isinstance(a, Tensor) else a for a in args)
        return super().call(op, known, kwargs, grad=grad)

    def inside(self, t: Tensor) -> Tensor:
        """What stands for a Tensor in the trace."""
        node = t._node
        if not node.requires_grad or node.seq >= self._start:
            return t
        if node not in self._outside:
            value = Value(node.value.shape, node.value.dtype, "parameter", tensor=t)
            self._outside[node] = self._leaf(self.recorder.fake(self.recorder.add(value, node.value)))
        return self._outside[node]

    def _leaf(self, fake: Array) -> Tensor:
        self._sinks.append(GradAccumulator())
        return tensor_of(Leaf(fake, self._sinks[-1]))

    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        raise TraceError("a function of rows calls backward()")

    def record_effect(self, owner: object, name: str, run: Callable[[], object]) -> None:
        raise TraceError(f"a function of rows calls {name}")

    def record_effect_with_closure(
        self, owner: object, name: str, run: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]
    ) -> None:
        raise TraceError(f"a function of rows calls {name}")


@attrs.frozen(eq=False)
class _Stack:
    """A value of the trace.

    Attributes:
        tensor: its numbers; those of all rows, along the first axis, if it depends on the row.
        by_row: whether it does.
    """

    tensor: Tensor
    by_row: bool

    def row(self, k: int) -> Tensor:
        """What it is in one row."""
        return self.tensor[k] if self.by_row else self.tensor


def _all_at_once(
    f: Callable[..., object],
    args: Sequence[object],
    axes: Sequence[int | None],
    kwargs: Mapping[str, object],
    count: int,
    first: object,
) -> list[Array | Tensor] | None:
    """The leaves of the results, stacked; None for a function that must be called row by row.

    `first` is the result of the first row, whose kinds and shapes they have.
    """
    tracer, stacks = _RowTracer(), dict[int, _Stack]()
    expected = flatten(first)[0]
    try:
        inputs = [_traced(tracer, a, axis, stacks) for a, axis in zip(args, axes, strict=True)]
        with mode_override(interceptor=tracer):
            leaves = flatten(f(*inputs, **kwargs))[0]
        outputs = [_output(tracer, leaf) for leaf in leaves]
    except Exception:  # what is wrong with the function itself, the calls row by row raise as it is
        return None
    steps = tracer.recorder.steps
    if len(outputs) != len(expected) or not all(isinstance(step, Call | Assert) for step in steps):
        return None
    values = tracer.recorder.values
    for step in steps:
        if isinstance(step, Call):
            results = _applied(step, [_operand(k, values, stacks) for k in step.args], count)
            stacks.update(zip(step.outs, results, strict=True))
        elif isinstance(step, Assert):
            operand = _operand(step.value, values, stacks)
            for k in range(count if operand.by_row else 1):
                step.check(operand.row(k)._node.value)
    return [
        _as_stack(x if isinstance(x, np.ndarray) else _operand(x, values, stacks), like, count)
        for x, like in zip(outputs, expected, strict=True)
    ]


def _traced(tracer: _RowTracer, tree: object, axis: int | None, stacks: dict[int, _Stack]) -> object:
    """An argument with fake values for its first row; `stacks` gets the numbers of all rows."""
    leaves, rebuild = flatten(tree)
    fakes: list[object] = []
    for leaf in leaves:
        if axis is None and not (isinstance(leaf, Tensor) and leaf.requires_grad):
            fakes.append(leaf)
            continue
        whole = leaf if isinstance(leaf, Tensor) else np.asarray(leaf)
        tensor = whole if isinstance(whole, Tensor) else tensor_of(Constant(whole))
        tensor = tensor if axis is None else moveaxis(tensor, axis, 0)
        numbers = tensor._node.value if axis is None else tensor._node.value[0]
        fake = tracer.variable(np.asarray(numbers)) if tensor.requires_grad else tracer.input(np.asarray(numbers))
        stacks[tracer.recorder.index_of(fake._node.value)] = _Stack(tensor, axis is not None)
        fakes.append(fake)
    return rebuild(fakes)


def _output(tracer: _RowTracer, leaf: object) -> int | Array:
    """The number of a value that the function returns, or what is the same in each row."""
    value = tracer.inside(leaf)._node.value if isinstance(leaf, Tensor) else leaf
    if isinstance(value, FakeArray):
        return tracer.recorder.index_of(value)
    return np.asarray(value)


def _operand(k: int, values: Sequence[Value], stacks: Mapping[int, _Stack]) -> _Stack:
    if k in stacks:
        return stacks[k]
    value = values[k]
    if value.tensor is not None:
        return _Stack(value.tensor, by_row=False)
    assert value.data is not None
    return _Stack(tensor_of(Constant(value.data)), by_row=False)


def _applied(call: Call, operands: Sequence[_Stack], count: int) -> Sequence[_Stack]:
    """The results of one op for all rows.

    A gradient flows along the operands that it flowed along in the trace, and no others.
    """
    n = len(call.positional)
    flows = (call.tracked or (False,) * n) + (False,) * (len(operands) - n)
    operands = [s if flow else _Stack(s.tensor.detach(), s.by_row) for s, flow in zip(operands, flows, strict=True)]
    by_row = tuple(s.by_row for s in operands)
    if not any(by_row):
        return [_Stack(t, by_row=False) for t in _apply(call, [s.tensor for s in operands])]
    if not call.is_dynamic:
        batch = call_batched(call.op, by_row, [s.tensor for s in operands], call.op.bind_kwargs(call.kwargs))
        if batch is not None:
            return [_Stack(batch if isinstance(batch, Tensor) else tensor_of(Constant(batch)), by_row=True)]
    rows = [_apply(call, [s.row(k) for s in operands]) for k in range(count)]
    return [_Stack(stack(parts), by_row=True) for parts in zip(*rows, strict=True)]


def _apply(call: Call, operands: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The op for one row."""
    n = len(call.positional)
    kwargs = resolve_operands(call.kwargs, [t._node.value for t in operands]) if call.is_dynamic else call.kwargs
    if call.tracked:
        outputs: object = call.op.apply(*operands[:n], **kwargs)
        return outputs if isinstance(outputs, tuple) else (outputs,)
    arrays: object = call.op.forward(*(t._node.value for t in operands[:n]), **call.op.bind_kwargs(kwargs))
    return tuple(tensor_of(Constant(np.asarray(y))) for y in (arrays if isinstance(arrays, tuple) else (arrays,)))


def _as_stack(x: _Stack | Array, like: object, count: int) -> Array | Tensor:
    """A result for all rows, as a Tensor if that of one row is one."""
    tensor = tensor_of(Constant(x)) if isinstance(x, np.ndarray) else x.tensor
    if isinstance(x, np.ndarray) or not x.by_row:
        tensor = broadcast_to(tensor, (count, *tensor.shape))
    return tensor if isinstance(like, Tensor) else np.array(tensor._node.value)
