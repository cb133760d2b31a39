"""The graph of a program: values by number, and steps in the order in which they happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.graph import GradAccumulator
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape

__all__ = [
    "AccumulateGrad",
    "Assert",
    "AssignBuffer",
    "Call",
    "FillRandom",
    "FusedCall",
    "Graph",
    "HostCall",
    "Instruction",
    "OperandRef",
    "Value",
    "ZeroGrad",
    "defs",
    "eval_call",
    "resolve_operands",
    "uses",
]


@attrs.frozen(eq=False)
class Value:
    """What is known of a value before it is computed.

    Attributes:
        shape: of the array.
        dtype: of the array.
        kind: "input" (an argument), "parameter" and "state" (the numbers of a Tensor that the step holds), "constant",
            or "result" of a call.
        data: the numbers of a constant.
        tensor: the Tensor of a parameter or state.
    """

    shape: Shape
    dtype: np.dtype[np.generic]
    kind: str
    data: Array | None = None
    tensor: Tensor | None = None

    @property
    def is_computed(self) -> bool:
        """Whether the numbers are known during a run only.

        Not those of a constant or of a Tensor that is held.
        """
        return self.data is None and self.tensor is None

    def empty(self) -> Array:
        """An array for the numbers."""
        array: Array = np.empty(self.shape, self.dtype)
        return array

    @property
    def nbytes(self) -> int:
        """Bytes that the numbers take."""
        return prod(self.shape) * self.dtype.itemsize


@attrs.frozen
class OperandRef:
    """The place of a traced value inside a keyword argument.

    Attributes:
        operand: which operand of the call stands there.
    """

    operand: int


@attrs.frozen(eq=False)
class Call:
    """`outs = op(*args, **kwargs)`.

    Attributes:
        op: what is called.
        args: numbers of the operands.
        kwargs: keyword arguments, with an `OperandRef` where an operand stands.
        outs: numbers of the results.
        n_positional: how many operands go by position, where others stand in `kwargs`; else -1.
        where: file and line of the user's.
        tracked: along which positional operands a gradient flows; empty where along none. Known before all passes.
    """

    op: Op
    args: tuple[int, ...]
    kwargs: Mapping[str, object]
    outs: tuple[int, ...]
    n_positional: int = -1
    where: str = ""
    tracked: tuple[bool, ...] = ()

    @property
    def is_dynamic(self) -> bool:
        """Whether operands stand in keyword arguments, which differ from run to run then."""
        return self.n_positional >= 0

    @property
    def positional(self) -> tuple[int, ...]:
        """The operands that go by position."""
        return self.args if self.n_positional < 0 else self.args[: self.n_positional]


@attrs.frozen(eq=False)
class FusedCall:
    """Elementwise calls, and reductions between them, that run as one group.

    See `passes.fusion`.

    Attributes:
        calls: in order.
        space: what all shapes in it broadcast to.
        reads: values from outside.
        defs: values that others read.
    """

    calls: tuple[Call, ...]
    space: Shape
    reads: tuple[int, ...]
    defs: tuple[int, ...]


@attrs.frozen(eq=False)
class AccumulateGrad:
    """A gradient arrives at a parameter.

    Attributes:
        sink: of the parameter.
        value: the gradient.
        fresh: it is the first since zero_grad and overwrites; else it adds.
    """

    sink: GradAccumulator
    value: int
    fresh: bool


@attrs.frozen(eq=False)
class ZeroGrad:
    """`zero_grad` of a parameter."""

    sink: GradAccumulator


@attrs.frozen(eq=False)
class HostCall:
    """A Python function that works on the parameters: an optimizer's step.

    Attributes:
        run: takes the arrays of the values `reads`.
        name: for `explain()`.
        owner: the optimizer.
        reads: values whose arrays it is given.
    """

    run: Callable[..., object]
    name: str
    owner: object = None
    reads: tuple[int, ...] = ()


@attrs.frozen(eq=False)
class FillRandom:
    """Random numbers that are written into a value at each run.

    `fill` writes them into the array of value `out`, read or not.
    """

    fill: Callable[[Array], object]
    out: int


@attrs.frozen(eq=False)
class Assert:
    """`check` looks at a value and raises. What follows must not happen before it."""

    check: Callable[[Array], object]
    value: int


@attrs.frozen(eq=False)
class AssignBuffer:
    """A Tensor that the step holds takes a new value at the end of the run.

    A running mean is such a Tensor.
    """

    tensor: Tensor
    value: int


Instruction: TypeAlias = Call | FusedCall | AccumulateGrad | ZeroGrad | FillRandom | Assert | HostCall | AssignBuffer


@attrs.frozen(eq=False)
class Graph:
    """A program in static single assignment: iterating gives the steps.

    Attributes:
        values: by number.
        steps: instructions in the order in which they happen.
        outputs: numbers of the values that are returned.
    """

    values: tuple[Value, ...]
    steps: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def calls(self) -> list[Call]:
        """The op calls among the steps, those in groups too."""
        calls: list[Call] = []
        for s in self.steps:
            calls.extend((s,) if isinstance(s, Call) else s.calls if isinstance(s, FusedCall) else ())
        return calls

    def replace_uses(
        self, steps: Sequence[Instruction], names: Mapping[int, int], values: Sequence[Value] | None = None
    ) -> Graph:
        """Make a graph of other steps with other names for values.

        Value k stands for value `names[k]` wherever it is used.
        """

        def now(k: int) -> int:
            while k in names:
                k = names[k]
            return k

        changed: list[Instruction] = []
        for s in steps:
            if isinstance(s, Call):
                args = tuple(now(a) for a in s.args)
                changed.append(s if args == s.args else attrs.evolve(s, args=args))
            elif isinstance(s, HostCall):
                reads = tuple(now(k) for k in s.reads)
                changed.append(s if reads == s.reads else attrs.evolve(s, reads=reads))
            elif isinstance(s, AccumulateGrad | Assert | AssignBuffer):
                changed.append(s if now(s.value) == s.value else attrs.evolve(s, value=now(s.value)))
            else:
                changed.append(s)
        return Graph(tuple(values or self.values), tuple(changed), tuple(now(k) for k in self.outputs))


def uses(step: Instruction) -> tuple[int, ...]:
    """The values that a step reads."""
    if isinstance(step, Call):
        return step.args
    if isinstance(step, HostCall | FusedCall):
        return step.reads
    return (step.value,) if isinstance(step, AccumulateGrad | Assert | AssignBuffer) else ()


def defs(step: Instruction) -> tuple[int, ...]:
    """The values that a step computes for others."""
    if isinstance(step, Call):
        return step.outs
    if isinstance(step, FusedCall):
        return step.defs
    return (step.out,) if isinstance(step, FillRandom) else ()


def eval_call(call: Call, operands: Sequence[Array]) -> tuple[Array, ...]:
    """The outputs of a call, by the op's own forward function."""
    kwargs = resolve_operands(call.kwargs, operands) if call.is_dynamic else call.kwargs
    y = call.op.forward(*operands[: len(call.positional)], **kwargs)
    return tuple(np.asarray(o) for o in y) if isinstance(y, tuple) else (np.asarray(y),)


def resolve_operands(kwargs: Mapping[str, object], operands: Sequence[Array]) -> dict[str, object]:
    """Keyword arguments with the numbers of operands in the places of references."""

    def resolve(x: object) -> object:
        if isinstance(x, OperandRef):
            return operands[x.operand]
        return tuple(resolve(y) for y in x) if isinstance(x, tuple) else x

    return {k: resolve(v) for k, v in kwargs.items()}
