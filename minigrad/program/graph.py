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

__all__ = ["Call", "Clear", "Deliver", "Draw", "Fused", "Graph", "Guard", "Slot", "Step", "Store", "Update", "Value"]


@attrs.frozen(eq=False)
class Value:
    """What is known of a value before it is computed.

    Attributes:
        kind: "input" (an argument), "parameter" and "state" (numbers of a Tensor that the step holds), "constant",
            or "result" of a call.
        number: for a constant, its numbers. holder: for parameter and state, the Tensor.
    """

    shape: Shape
    dtype: np.dtype[np.generic]
    kind: str
    number: Array | None = None
    holder: Tensor | None = None

    @property
    def is_computed(self) -> bool:
        """Whether the numbers are known during a run only: not those of a constant or of a Tensor that is held."""
        return self.number is None and self.holder is None

    def empty(self) -> Array:
        """An array for the numbers."""
        array: Array = np.empty(self.shape, self.dtype)
        return array

    @property
    def nbytes(self) -> int:
        """Bytes that the numbers take."""
        return prod(self.shape) * self.dtype.itemsize


@attrs.frozen
class Slot:
    """The place of a traced value inside metadata: operand number `operand` of the call."""

    operand: int


@attrs.frozen(eq=False)
class Call:
    """`outs = op(*args, **meta)`. Operands from `extra` on stand in metadata, where `Slot`s say."""

    op: Op
    args: tuple[int, ...]
    meta: Mapping[str, object]
    outs: tuple[int, ...]
    extra: int = -1
    where: str = ""

    @property
    def positional(self) -> tuple[int, ...]:
        """The operands that go by position."""
        return self.args if self.extra < 0 else self.args[: self.extra]


@attrs.frozen(eq=False)
class Fused:
    """Elementwise calls, and reductions between them, that run as one group: see `passes.fuse`.

    Attributes:
        space: what all shapes in it broadcast to. reads: values from outside. makes: values that others read.
    """

    calls: tuple[Call, ...]
    space: Shape
    reads: tuple[int, ...]
    makes: tuple[int, ...]


@attrs.frozen(eq=False)
class Deliver:
    """A gradient arrives at a parameter. `fresh`: it is the first since zero_grad, and overwrites; else it adds."""

    sink: GradAccumulator
    value: int
    fresh: bool


@attrs.frozen(eq=False)
class Clear:
    """`zero_grad` of a parameter."""

    sink: GradAccumulator


@attrs.frozen(eq=False)
class Update:
    """Something done with the parameters: an optimizer's step.

    Attributes:
        run: does it, given the arrays of the values `reads`.
        owner, name: whose doing it is.
    """

    run: Callable[..., object]
    name: str
    owner: object = None
    reads: tuple[int, ...] = ()


@attrs.frozen(eq=False)
class Draw:
    """Random numbers: `fill` writes them into the array of value `out` at each run, read or not."""

    fill: Callable[[Array], object]
    out: int


@attrs.frozen(eq=False)
class Guard:
    """`check` looks at a value and raises. What follows must not happen before it."""

    check: Callable[[Array], object]
    value: int


@attrs.frozen(eq=False)
class Store:
    """A Tensor that the step holds (a running mean, say) takes a new value at the end of the run."""

    holder: Tensor
    value: int


Step: TypeAlias = Call | Fused | Deliver | Clear | Draw | Guard | Update | Store


@attrs.frozen(eq=False)
class Graph:
    """Values, steps, and the values that are returned. Iterating gives the steps."""

    values: tuple[Value, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def calls(self) -> list[Call]:
        """The op calls among the steps, those in groups too."""
        found: list[Call] = []
        for s in self.steps:
            found.extend((s,) if isinstance(s, Call) else s.calls if isinstance(s, Fused) else ())
        return found

    def renamed(self, steps: Sequence[Step], names: Mapping[int, int], values: Sequence[Value] | None = None) -> Graph:
        """Other steps, in which value k stands for value `names[k]` wherever it is used."""

        def now(k: int) -> int:
            while k in names:
                k = names[k]
            return k

        changed: list[Step] = []
        for s in steps:
            if isinstance(s, Call):
                args = tuple(now(a) for a in s.args)
                changed.append(s if args == s.args else attrs.evolve(s, args=args))
            elif isinstance(s, Update):
                reads = tuple(now(k) for k in s.reads)
                changed.append(s if reads == s.reads else attrs.evolve(s, reads=reads))
            elif isinstance(s, Deliver | Guard | Store):
                changed.append(s if now(s.value) == s.value else attrs.evolve(s, value=now(s.value)))
            else:
                changed.append(s)
        return Graph(tuple(values or self.values), tuple(changed), tuple(now(k) for k in self.outputs))


def used(step: Step) -> tuple[int, ...]:
    """The values that a step reads."""
    if isinstance(step, Call):
        return step.args
    if isinstance(step, Update | Fused):
        return step.reads
    return (step.value,) if isinstance(step, Deliver | Guard | Store) else ()


def makes(step: Step) -> tuple[int, ...]:
    """The values that a step computes for others."""
    if isinstance(step, Call):
        return step.outs
    if isinstance(step, Fused):
        return step.makes
    return (step.out,) if isinstance(step, Draw) else ()


def evaluate(call: Call, operands: Sequence[Array]) -> tuple[Array, ...]:
    """The outputs of a call, by the op's own forward function."""
    count = len(call.positional)
    y = call.op.forward(*operands[:count], **filled(call.meta, operands) if call.extra >= 0 else call.meta)
    return tuple(np.asarray(o) for o in y) if isinstance(y, tuple) else (np.asarray(y),)


def filled(meta: Mapping[str, object], operands: Sequence[Array]) -> dict[str, object]:
    """Metadata with the numbers of traced values in their places."""

    def part(x: object) -> object:
        if isinstance(x, Slot):
            return operands[x.operand]
        return tuple(part(y) for y in x) if isinstance(x, tuple) else x

    return {k: part(v) for k, v in meta.items()}
