"""From a program's group to a kernel.

With the arrays it reads and writes in the order of the call.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from minigrad.engines import ElementwiseCall, FusionGroup, Input, convert, masked_multiply, select, sum_squares
from minigrad.typing import Array
from minigrad_cc.functions import FUNCTIONS
from minigrad_cc.kernel import TYPES, KernelIR, KernelStep, Operand, collapsed, type_of

__all__ = ["Translated", "Unknown", "translated"]

_NAMES: dict[object, str] = {
    **{getattr(np, name): name for name in FUNCTIONS if isinstance(getattr(np, name, None), np.ufunc)},
    np.fabs: "absolute",
    select: "where",
    masked_multiply: "masked_multiply",
    convert: "positive",
}
_ANY_TYPE = frozenset(("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"))
_LOGICAL = frozenset(("logical_not", "logical_and", "logical_or"))
_REDUCTIONS: dict[object, str] = {np.add: "sum", np.maximum: "max", np.minimum: "min"}
_FLOATS = frozenset(("f4", "f8"))
_FEW_AXES = 6


class Unknown(Exception):
    """A group holds something that kernels do not do.

    Never leaves the engine: the group is declined.
    """


@attrs.frozen(eq=False)
class Translated:
    """A kernel with its memory.

    Attributes:
        reads: memory of each array read, or a function that gives it at each run; shaped as the grid before axes were
            joined, with 1 where numbers are repeated.
        writes: memory of the results shaped as the grid.
        totals: memory of the results of reductions over the whole grid.
        strides: in bytes, along the kernel's axes: of what is read, then of what is written.
    """

    kernel: KernelIR
    space: tuple[int, ...]
    reads: tuple[Array | Callable[[], Array], ...]
    writes: tuple[Array, ...]
    totals: tuple[Array, ...]
    strides: tuple[tuple[int, ...], ...]


def translated(group: FusionGroup) -> Translated:
    """The kernel of a group.

    Raises:
        Unknown: there is no kernel; says why.
    """
    return _Translator(_merged(group.flattened())).made()


class _Translator:
    def __init__(self, group: FusionGroup) -> None:
        self.group = group
        self.space = group.space
        self.count = len(group.inputs)
        if len(self.space) > _FEW_AXES:
            raise Unknown(f"{len(self.space)} axes")
        self.reduces = any(c.axes and not self._is_total(c) for c in group.calls)
        self.number = {k: k for k in range(self.count)}
        self.rows = [self.reduces and not self._has_columns(i.shape) for i in group.inputs]
        self.steps: list[KernelStep] = []
        self.totals: list[tuple[str, int, Array]] = []

    def made(self) -> Translated:
        types = [self._type(i.dtype) for i in self.group.inputs]
        outputs = {o.value: o.array for o in self.group.outputs}
        for n, call in enumerate(self.group.calls):
            value = self.count + n
            if self._is_total(call):
                if value not in outputs:
                    raise Unknown("a total that goes nowhere")
                self._total(call, outputs[value])
            else:
                self._step(value, call, types)
        writes = [(self.number[o.value], o.array) for o in self.group.outputs if o.value in self.number]
        return self._bound(types, writes)

    def _bound(self, types: list[str], writes: list[tuple[int, Array]]) -> Translated:
        reads = [i.array if i.array is not None else i.fetch for i in self.group.inputs]
        strides = [_strides(i.shape, _input_strides(i), self.space) for i in self.group.inputs]
        strides += [_strides(array.shape, array.strides, self.space) for _, array in writes]
        shape, joined = collapsed(self.space, strides, keep_last=self.reduces)
        kinds = [*types[: self.count], *(self._type(array.dtype) for _, array in writes)]
        numbers = [*map(_never_nan, self.group.inputs), *(False for _ in writes)]
        operands = [
            Operand(kind, tuple(_elements(s, kind) for s in axes), number)
            for kind, axes, number in zip(kinds, joined, numbers, strict=True)
        ]
        kernel = KernelIR(
            shape,
            tuple(operands[: self.count]),
            tuple(self.steps),
            tuple((k, operand) for (k, _), operand in zip(writes, operands[self.count :], strict=True)),
            tuple((f, k, Operand(self._type(array.dtype), (0,) * len(shape))) for f, k, array in self.totals),
        )
        return Translated(
            kernel,
            self.space,
            tuple(r for r in reads if r is not None),
            tuple(array for _, array in writes),
            tuple(array for _, _, array in self.totals),
            tuple(joined),
        )

    # -- calls -------------------------------------------------------------------------------------------------------
    def _step(self, value: int, call: ElementwiseCall, types: list[str]) -> None:
        operands = tuple(self.number[v] for v in call.operands)
        kind = self._type(call.dtype)
        if call.axes:
            name = _REDUCTIONS.get(call.function)
            if name is None or call.axes != (len(self.space) - 1,) or kind not in _FLOATS or self.rows[operands[0]]:
                raise Unknown(f"{call.name} over axes {call.axes}")
            if types[operands[0]] != kind:
                raise Unknown(f"{call.name} from {types[operands[0]]} to {kind}")
            given, row = kind, True
        else:
            name = _NAMES.get(call.function)
            if name is None:
                raise Unknown(call.name)
            given = self._given(name, call, [types[k] for k in operands], kind)
            row = self.reduces and not self._has_columns(call.shape)
        if row and not call.axes and not all(self.rows[k] for k in operands):
            raise Unknown(f"{call.name} makes one number of a row")
        self.steps.append(KernelStep(name, operands, kind, given, row))
        self.number[value] = self.count + len(self.steps) - 1
        types.append(kind)
        self.rows.append(row)

    def _given(self, name: str, call: ElementwiseCall, types: list[str], kind: str) -> str:
        """The type that operands are converted to first: as NumPy does."""
        if name in _LOGICAL:
            if any(t != "b1" for t in types):
                raise Unknown(f"{name} of {types}")
            return "b1"
        if name in _ANY_TYPE:
            dtypes = [self.group.dtype(v) for v in call.operands]
            return self._type(np.result_type(*dtypes))
        if name == "where" and types[0] != "b1":
            raise Unknown(f"where({types[0]})")
        if kind not in _FLOATS:
            raise Unknown(f"{name} in {kind}")
        return kind

    def _total(self, call: ElementwiseCall, array: Array) -> None:
        k = self.number[call.operands[0]]
        if call.function not in (np.add, sum_squares) or self.rows[k] or self._type(array.dtype) not in _FLOATS:
            raise Unknown(f"{call.name} over everything")
        if self._type(self.group.dtype(call.operands[0])) not in _FLOATS:
            raise Unknown(f"{call.name} of {self.group.dtype(call.operands[0])}")
        self.totals.append(("sum" if call.function is np.add else "sum_squares", k, array))

    # -- shapes and types ----------------------------------------------------------------------------------------------
    def _is_total(self, call: ElementwiseCall) -> bool:
        return len(call.axes) == len(self.space)

    def _has_columns(self, shape: tuple[int, ...]) -> bool:
        """Whether a value of this shape has numbers of its own along the last axis."""
        return bool(shape) and (shape[-1] != 1 or (self.space[-1] == 1 and len(shape) == len(self.space)))

    def _type(self, dtype: np.dtype[np.generic]) -> str:
        c_type = type_of(dtype)
        if c_type is None:
            raise Unknown(f"dtype {dtype}")
        return c_type


def _merged(group: FusionGroup) -> FusionGroup:
    """Return the group with its last axes as one, where reductions run over several."""
    axes = {c.axes for c in group.calls if 1 < len(c.axes) < len(group.space)}
    rank = len(group.space)
    if len(axes) != 1:
        return group
    (chosen,) = axes
    first, n = rank - len(chosen), int(np.prod(group.space[rank - len(chosen) :]))
    if chosen != tuple(range(first, rank)):
        return group
    space = (*group.space[:first], n)
    if any(0 < len(c.axes) < rank and c.axes != chosen for c in group.calls):  # an axis of length 1 by itself
        raise Unknown(f"reductions over axes {chosen} and over others")

    def shape(old: tuple[int, ...]) -> tuple[int, ...]:
        full = (*(1,) * (rank - len(old)), *old)
        if full[first:] not in (group.space[first:], (1,) * (rank - first)):
            raise Unknown(f"shape {old} among reductions over axes {chosen}")
        return (*full[:first], int(np.prod(full[first:])))

    def memory(a: Array) -> Array:
        if not a.ndim:
            return a
        view = a.reshape(shape(a.shape))
        if not np.may_share_memory(view, a):
            raise Unknown("strides that do not join")
        return view

    def now(i: Input) -> Input:
        if not i.shape:
            return i
        fetch = i.fetch
        return attrs.evolve(
            i,
            shape=shape(i.shape),
            array=None if i.array is None else memory(i.array),
            fetch=None if fetch is None else lambda: memory(fetch()),
        )

    calls = tuple(
        attrs.evolve(
            c,
            shape=shape(c.shape) if c.shape else (),
            axes=() if not c.axes else tuple(range(first + 1)) if len(c.axes) == rank else (first,),
        )
        for c in group.calls
    )
    outputs = tuple(attrs.evolve(o, array=memory(o.array)) for o in group.outputs)
    return FusionGroup(space, tuple(map(now, group.inputs)), calls, outputs, group.name)


def _strides(shape: tuple[int, ...], strides: tuple[int, ...], space: tuple[int, ...]) -> tuple[int, ...]:
    """Strides over the whole space, in bytes; 0 where a number is repeated."""
    own = tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))
    return (*(0,) * (len(space) - len(shape)), *own)


def _input_strides(i: Input) -> tuple[int, ...]:
    """Return the strides of the array of each run.

    It is contiguous where it is not always the same one.
    """
    if i.array is not None:
        return i.array.strides
    return tuple(int(np.prod(i.shape[k + 1 :])) * i.dtype.itemsize for k in range(len(i.shape)))


def _never_nan(i: Input) -> bool:
    """Whether it is one number that stays as it is, and is one."""
    return i.constant and i.array is not None and i.array.size == 1 and not np.isnan(i.array).any()


def _elements(stride: int, kind: str) -> int:
    size = np.dtype(TYPES[kind]).itemsize
    if stride % size:
        raise Unknown(f"a stride of {stride} bytes")
    return stride // size
