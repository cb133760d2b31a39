"""Groups: elementwise calls over one iteration space, with the memory they read and write.

What an engine is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, cast

import attrs
import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.runtime.numpy_fast import may_hold_nan

__all__ = [
    "ElementwiseCall",
    "Function",
    "FusionGroup",
    "Input",
    "Output",
    "convert",
    "masked_multiply",
    "select",
    "sum_squares",
]

Function: TypeAlias = Callable[..., object]
"""A NumPy ufunc, or `select`, `masked_multiply`, `convert`, `sum_squares` of this file.

Called as `function(*operands, out=result)`.
"""


_BITS: Mapping[str, type[np.signedinteger[Any]]] = MappingProxyType({"f4": np.int32, "f8": np.int64})
_MANY = 256


def select(condition: Array, a: Array, b: Array, out: Array) -> None:
    """np.where with an output, which must not be an operand.

    Many numbers are chosen bit by bit, b ^ ((a ^ b) & mask): without branches, up to a tenth of the time.
    """
    kind = _BITS.get(out.dtype.str[1:])
    if kind is None or out.size < _MANY or not a.dtype == b.dtype == out.dtype:
        np.copyto(out, b)
        np.copyto(out, a, where=condition)
        return
    mask = np.negative(condition.view(np.int8), dtype=kind)
    bits, other = out.view(kind), b.view(kind)
    np.bitwise_xor(a.view(kind), other, out=bits)
    np.bitwise_and(bits, mask, out=bits)
    np.bitwise_xor(bits, other, out=bits)


def masked_multiply(x: Array, mask: Array, out: Array) -> None:
    """x * mask, and 0 where `mask` is 0 whatever x is. The output must not be an operand."""
    np.multiply(x, mask, out)
    if may_hold_nan(out):
        np.copyto(out, 0.0, where=np.equal(mask, 0.0))


def convert(x: Array, out: Array) -> None:
    """The entries of `x` as numbers of `out`'s dtype."""
    np.copyto(out, x, casting="unsafe")


class _SumSquares:
    """The sum of the squares of all entries, without a warning where it overflows.

    A reduction over all axes.
    """

    __name__ = "sum_squares"

    def __call__(self, x: Array, out: Array) -> None:
        flat = x.reshape(-1)
        out[...] = np.vdot(flat, flat)

    def reduce(self, x: Array, axis: tuple[int, ...], keepdims: bool, out: Array) -> None:
        """Reduce `x` over all its axes, to the one entry of `out`."""
        self(x, out)


sum_squares = _SumSquares()


class _Reducible(Protocol):
    def reduce(self, x: Array, /, *, axis: tuple[int, ...], keepdims: bool, out: Array) -> object: ...


@attrs.frozen(eq=False)
class Input:
    """What a group reads.

    Attributes:
        shape: broadcasts against the group's space; `()` is a single number.
        array: the memory, the same at each run (its numbers change), of any strides; or None (see `fetch`).
        fetch: gives the array of this run, contiguous in C order, where it is another one each time.
        constant: the numbers of `array` never change: an engine may write them into its code.
    """

    shape: Shape
    dtype: np.dtype[np.generic]
    array: Array | None = None
    fetch: Callable[[], Array] | None = None
    constant: bool = False

    @classmethod
    def of(cls, array: Array, constant: bool = False) -> Input:
        """An input that stays where it is."""
        return cls(array.shape, array.dtype, array, None, constant)


@attrs.frozen(eq=False)
class ElementwiseCall:
    """One elementwise or reducing call of a group.

    It is `function(*operands)`, or `function.reduce(operand, axis=axes, keepdims=True)` if `axes` are given.

    Attributes:
        operands: numbers of values: inputs come first, then the results of calls in order.
        shape: of the result, broadcasting against the space; a reduction leaves 1 at its axes.
        axes: of the space, which has as many axes as the operand; never axis 0, unless they are all axes: then the
            function is np.add or `sum_squares`, and no call of the group reads the result.
        where: the user's line.
        any_order: a sum may be added up in whatever order is quickest.
    """

    function: Function
    operands: tuple[int, ...]
    shape: Shape
    dtype: np.dtype[np.generic]
    axes: tuple[int, ...] = ()
    where: str = ""
    any_order: bool = False

    @property
    def name(self) -> str:
        """The name of the function."""
        return str(getattr(self.function, "__name__", self.function))

    def reduce(self, x: Array, out: Array) -> None:
        """Make the reduction."""
        cast(_Reducible, self.function).reduce(x, axis=self.axes, keepdims=True, out=out)


@attrs.frozen(eq=False)
class Output:
    """An output of a group: value `value` goes to `array`.

    The array is fixed memory of the value's own shape and dtype, in C order. Rows of it may lie apart, as part of a
    larger array, for engines that say so with version 1.2 of the contract.

    It may be the memory of an input of the same shape: each entry is written after the last read of that entry.
    """

    value: int
    array: Array


@attrs.frozen(eq=False)
class FusionGroup:
    """Calls over `space`.

    Every entry of the results depends on the entries at the same place only.

    (With reductions: on the same place along axis 0, except for reductions over all axes.) Every result has the whole
    length of axis 0.

    Attributes:
        space: at least one axis; no axis has length 0.
        name: for `explain()` and for errors.
    """

    space: Shape
    inputs: tuple[Input, ...]
    calls: tuple[ElementwiseCall, ...]
    outputs: tuple[Output, ...]
    name: str = "group"

    @property
    def size(self) -> int:
        """Number of places in the space."""
        return int(np.prod(self.space, dtype=np.int64))

    @property
    def flat(self) -> bool:
        """Whether every value is as large as the space, a single number or a full reduction.

        A full reduction runs over all axes.
        """
        shapes = [*(i.shape for i in self.inputs), *(c.shape for c in self.calls if not c.axes)]
        total = all(len(c.axes) in (0, len(self.space)) for c in self.calls)
        return total and all(s in ((), self.space) for s in shapes)

    def flattened(self) -> FusionGroup:
        """Return this group over one axis, where every array allows it.

        Each array is contiguous and has the shape of the space or ().
        """
        fixed = [*(i.array for i in self.inputs if i.array is not None), *(o.array for o in self.outputs)]
        if not (self.flat and len(self.space) > 1 and all(a.flags.c_contiguous for a in fixed)):
            return self
        space = (self.size,)
        return FusionGroup(
            space,
            tuple(_flat_input(i) for i in self.inputs),
            tuple(
                attrs.evolve(c, shape=(1,), axes=(0,)) if c.axes else attrs.evolve(c, shape=space) for c in self.calls
            ),
            tuple(Output(o.value, o.array.reshape(-1)) for o in self.outputs),
            self.name,
        )

    def without_dead_calls(self) -> FusionGroup:
        """Return this group without calls that no output needs."""
        n = len(self.inputs)
        needed = {o.value for o in self.outputs}
        for k in range(len(self.calls) - 1, -1, -1):
            if n + k in needed:
                needed.update(self.calls[k].operands)
        kept = [k for k in range(len(self.calls)) if n + k in needed]
        number = {**{v: v for v in range(n)}, **{n + k: n + i for i, k in enumerate(kept)}}
        return attrs.evolve(
            self,
            calls=tuple(
                attrs.evolve(self.calls[k], operands=tuple(number[v] for v in self.calls[k].operands)) for k in kept
            ),
            outputs=tuple(Output(number[o.value], o.array) for o in self.outputs),
        )

    def dtype(self, value: int) -> np.dtype[np.generic]:
        """Of value number `value`."""
        n = len(self.inputs)
        return self.inputs[value].dtype if value < n else self.calls[value - n].dtype

    def shape(self, value: int) -> Shape:
        """Of value number `value`."""
        n = len(self.inputs)
        return self.inputs[value].shape if value < n else self.calls[value - n].shape


def _flat_input(i: Input) -> Input:
    if not i.shape:
        return i
    fetch = i.fetch
    return attrs.evolve(
        i,
        shape=(int(np.prod(i.shape)),),
        array=None if i.array is None else i.array.reshape(-1),
        fetch=None if fetch is None else lambda: fetch().reshape(-1),
    )
