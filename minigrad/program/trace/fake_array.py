"""Fake arrays: what a traced step holds in the place of numbers.

A fake array has shape and dtype and nothing else. What NumPy computes from it is recorded, without a gradient, as in
eager; reading its numbers raises a TraceError that names the line. What slips past NumPy's hooks (`np.array(x)`) copies
a sentinel that the tracer recognizes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array, Shape, TensorBase
from minigrad.program.errors import TraceError
from minigrad.program.trace.numpy_calls import METHODS, function_name, is_recordable
from minigrad.runtime.source_line import user_frame_location, with_source_text

__all__ = ["FakeArray", "TraceOwner", "fake_array", "fake_below", "has_sentinel"]

_SENTINELS: Mapping[str, NDArray[np.generic]] = {
    "f8": np.array(0x7FF8_4D69_6E69_0001, np.uint64),
    "f4": np.array(0x7FCD_696E, np.uint32),
    "f2": np.array(0x7ECD, np.uint16),
    "c16": np.array([0x7FF8_4D69_6E69_0001] * 2, np.uint64),  # either part, copied alone, is a float's sentinel
    "c8": np.array([0x7FCD_696E] * 2, np.uint32),
    "i8": np.array(-0x4D69_6E69_6772_0001, np.int64),
    "i4": np.array(-0x4D69_6E69, np.int32),
    "b1": np.array(0xA5, np.uint8),
}
_NEAR = 1 << 16
"""Integers are told from what has been added to a sentinel this far."""
_SHAPE_ONLY = frozenset((np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like,
                         np.result_type, np.may_share_memory, np.shares_memory, np.can_cast))  # fmt: skip


class TraceOwner(Protocol):
    """The trace a fake array belongs to."""

    def record_op(self, name: str, value: FakeArray, kwargs: Mapping[str, object]) -> FakeArray:
        """Record the op `name` and return the fake array of its result.

        The op only moves or converts entries.
        """
        ...

    def record_numpy(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        """Record a call of a function of NumPy's, and return fake arrays of its results."""
        ...

    def released(self, index: int) -> None:
        """A fake array of value `index` is gone."""
        ...


class FakeArray(np.ndarray[Shape, np.dtype[np.float64]], TensorBase):  # so that ops record what is done with it
    """An array without numbers.

    `index` is that of the traced value, or -1 for what NumPy derived from one.
    """

    owner: TraceOwner | None = None
    index: int = -1

    def __array_finalize__(self, parent: object) -> None:
        self.owner = None
        self.index = -1

    def __del__(self) -> None:
        if self.owner is not None and self.index >= 0:
            self.owner.released(self.index)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        if any(isinstance(x, TensorBase) and not isinstance(x, FakeArray) for x in inputs):
            return NotImplemented
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at" or any(o is not None for o in _as_tuple(options.get("out"))):
            refuse(f"numpy.{ufunc.__name__} writes into an array")
        return self._record_numpy(function, inputs, options)

    def __array_function__(  # type: ignore[override]
        self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        if func in _SHAPE_ONLY:
            return func(*(_bare(a) for a in args), **{k: _bare(v) for k, v in kwargs.items()})
        if func is np.array2string:
            return f"traced value of shape {self.shape}"
        if not is_recordable(func, kwargs):
            refuse(f"numpy.{function_name(func)}")
        return self._record_numpy(func, args, kwargs)

    def __getitem__(self, key: object) -> object:  # type: ignore[override]
        return self._record_numpy(operator.getitem, (self, key), {})

    def __array__(self, *_: object, **__: object) -> NoReturn:
        refuse("as an array")

    def copy(self, order: object = "C") -> FakeArray:
        """Return self: a fake array is read-only, so a copy is never needed."""
        return self

    def astype(self, dtype: object, *args: object, **options: object) -> FakeArray:  # type: ignore[override]
        """The fake array of the converted value."""
        target = np.dtype(dtype)  # type: ignore[call-overload]
        return self if target == self.dtype else self._record("astype", {"dtype": target})

    def reshape(self, *shape: object, **options: object) -> FakeArray:  # type: ignore[override]
        """The fake array of the reshaped value."""
        target = shape[0] if len(shape) == 1 else shape
        return self._record("reshape", {"shape": target if isinstance(target, tuple) else (target,)})

    @property
    def T(self) -> FakeArray:
        """The fake array of the transposed value."""
        return self._record("transpose", {"axes": tuple(reversed(range(self.ndim)))})

    def _record_numpy(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        owner = self.owner
        if owner is None:
            owner = next((a.owner for a in args if isinstance(a, FakeArray) and a.owner is not None), None)
        if owner is None:
            refuse(f"{function_name(function)} of a derived array")
        return owner.record_numpy(function, args, kwargs)

    def _record(self, name: str, kwargs: Mapping[str, object]) -> FakeArray:
        if self.owner is None:
            refuse(f"{name} of a derived array")
        return self.owner.record_op(name, self, kwargs)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        refuse("a number of it")

    def _refuse_write(self, *_: object, **__: object) -> NoReturn:
        refuse("and wrote into it")

    item = tolist = tobytes = tofile = dump = dumps = view = byteswap = _refuse
    __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = __contains__ = _refuse
    __setitem__ = sort = partition = fill = put = itemset = setfield = resize = _refuse_write


def _method(name: str) -> Callable[..., object]:
    function = getattr(np.ndarray, name)

    def method(self: FakeArray, *args: object, **kwargs: object) -> object:
        return self._record_numpy(function, (self, *args), kwargs)

    return method


for _name in METHODS:
    setattr(FakeArray, _name, _method(_name))


def _part(function: Callable[..., object]) -> property:
    """A part of complex numbers, which NumPy would take from memory."""
    return property(lambda self: self._record_numpy(function, (self,), {}))


for _name, _function in (("real", np.real), ("imag", np.imag)):
    setattr(FakeArray, _name, _part(_function))


def _as_tuple(x: object) -> tuple[object, ...]:
    return x if isinstance(x, tuple) else (x,)


def refuse(what: str) -> NoReturn:
    """Raise the TraceError of a value that was read."""
    raise TraceError(
        f"a defined program read a traced value ({what})\n  at {with_source_text(user_frame_location())}\n"
        "A program is recorded once and repeated with other numbers, so Python cannot decide on them: return the value "
        "and look at it after the step, use mg.where for a choice, or leave @mg.define off"
    )


def fake_array(owner: TraceOwner, index: int, shape: Shape, dtype: np.dtype[np.generic]) -> FakeArray:
    """A fake array for value `index` of a trace."""
    mark = _SENTINELS.get(dtype.str[1:])
    memory = mark.tobytes() if mark is not None else b"\1" * dtype.itemsize
    fake = np.ndarray.__new__(FakeArray, shape, dtype, memory, 0, (0,) * len(shape))
    fake.owner = owner
    fake.index = index
    return fake


def has_sentinel(array: Array) -> bool:
    """Tell whether an array's first entry is a copy of a fake array's sentinel.

    Or an integer near it.
    """
    mark = _SENTINELS.get(array.dtype.str[1:])
    if mark is None or not array.size or isinstance(array, FakeArray):
        return False
    first = np.ascontiguousarray(array[(slice(0, 1),) * array.ndim]).view(mark.dtype).reshape(mark.shape)
    if array.dtype.kind == "i":
        return abs(int(first) - int(mark)) < _NEAR
    return bool(np.all(first == mark))


def fake_below(array: Array) -> FakeArray | None:
    """Find the fake array that a plain one stands for.

    `np.asarray` has handed it on as a plain one, or a view looks into it.
    """
    below: object = array
    while isinstance(below, np.ndarray) and not isinstance(below, FakeArray):
        below = below.base
    return below if isinstance(below, FakeArray) else None


def _bare(a: object) -> object:
    if isinstance(a, FakeArray):
        return np.broadcast_to(np.zeros((), a.dtype), a.shape)
    return a


def refuse_once(what: str) -> NoReturn:
    """Refuse what happens while a step is recorded, and would not happen again.

    Raises:
        TraceError: always; names the line.
    """
    raise TraceError(
        f"the step uses {what}\n  at {with_source_text(user_frame_location())}\nA program is recorded once, and each "
        "run would find it as it was then: do this outside the step, or leave @mg.define off"
    )
