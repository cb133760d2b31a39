"""Fake arrays: what a traced step holds in the place of numbers.

A fake array has shape and dtype and nothing else. Reading its numbers raises a TraceError that names the line; what
slips past NumPy's hooks (`np.array(x)`) copies a sentinel that the tracer recognizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array, Shape, TensorBase
from minigrad.program.errors import TraceError
from minigrad.runtime.source_line import user_frame_location, with_source_text

__all__ = ["FakeArray", "TraceOwner", "fake_array", "has_sentinel"]

_SENTINELS: Mapping[str, NDArray[np.generic]] = {
    "f8": np.array(0x7FF8_4D69_6E69_0001, np.uint64),
    "f4": np.array(0x7FCD_696E, np.uint32),
    "f2": np.array(0x7ECD, np.uint16),
    "i8": np.array(-0x4D69_6E69_6772_0001, np.int64),
    "i4": np.array(-0x4D69_6E69, np.int32),
}
_SHAPE_ONLY = frozenset((np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like,
                         np.result_type, np.may_share_memory, np.shares_memory, np.can_cast))  # fmt: skip


class TraceOwner(Protocol):
    """The trace a fake array belongs to."""

    def record_op(self, name: str, value: FakeArray, kwargs: Mapping[str, object]) -> FakeArray:
        """Record the op `name`, which only moves or converts entries, and return the fake array of its result."""
        ...

    def released(self, index: int) -> None:
        """A fake array of value `index` is gone."""
        ...


class FakeArray(np.ndarray[Shape, np.dtype[np.float64]]):
    """An array without numbers. `index` is that of the traced value, or -1 for what NumPy derived from one."""

    owner: TraceOwner | None
    index: int

    def __array_finalize__(self, parent: object) -> None:
        self.owner = None
        self.index = -1

    def __del__(self) -> None:
        if self.owner is not None and self.index >= 0:
            self.owner.released(self.index)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        if any(isinstance(x, TensorBase) for x in inputs):
            return NotImplemented
        return refuse(f"numpy.{ufunc.__name__}{'' if method == '__call__' else '.' + method}")

    def __array_function__(  # type: ignore[override]
        self, func: Callable[..., object], types: object, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        if func in _SHAPE_ONLY:
            return func(*(_bare(a) for a in args), **{k: _bare(v) for k, v in kwargs.items()})
        if func is np.array2string:
            return f"traced value of shape {self.shape}"
        return refuse(f"numpy.{func.__name__}")

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

    def _record(self, name: str, kwargs: Mapping[str, object]) -> FakeArray:
        if self.owner is None:
            refuse(f"{name} of a derived array")
        return self.owner.record_op(name, self, kwargs)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        refuse("a number of it")

    item = tolist = tobytes = argmax = argmin = argsort = _refuse
    __bool__ = __float__ = __int__ = __index__ = __complex__ = __getitem__ = __iter__ = _refuse
    __contains__ = _refuse


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
    """Whether the first entry of an array is a copy of a fake array's mark."""
    mark = _SENTINELS.get(array.dtype.str[1:])
    if mark is None or not array.size or isinstance(array, FakeArray):
        return False
    first = np.ascontiguousarray(array[(0,) * array.ndim]).view(mark.dtype)
    return bool(first == mark)


def _bare(a: object) -> object:
    if isinstance(a, FakeArray):
        return np.broadcast_to(np.zeros((), a.dtype), a.shape)
    return a
