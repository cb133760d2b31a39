"""Recording an elementwise update: what a rule does to one vector as a list of ufunc calls.

The rule runs on Lanes instead of arrays. A Lane stands for "any part of this vector", so whatever cannot be said of a
part alone (a sum, a comparison used in an `if`, an index) raises NotElementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, TypeAlias

import attrs
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["Call", "Function", "Lane", "NotElementwise", "Recorder", "select"]

Function: TypeAlias = Callable[..., object]
_SHORT = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class NotElementwise(TypeError):
    """The rule did something that a part of a vector cannot do. Never leaves the optimizer: the rule runs untiled."""


@attrs.frozen
class Call:
    """`function(*operands, out=result)`: an operand is the number of a lane, or a constant wrapped in a 1-tuple.

    Attributes:
        dtype: of the result. in_place: whether the result may overwrite an operand.
    """

    function: Function
    operands: tuple[int | tuple[object], ...]
    dtype: np.dtype[np.generic]
    in_place: bool = True


class Recorder:
    """The calls so far. Lane k < inputs is an input vector, lane inputs + i the result of call i."""

    def __init__(self, dtypes: tuple[np.dtype[np.generic], ...]) -> None:
        self.calls: list[Call] = []
        self.inputs = [Lane(self, k, np.ones(1, dtype)) for k, dtype in enumerate(dtypes)]

    def add(self, function: Function, operands: tuple[object, ...], sample: object, in_place: bool) -> Lane:
        """Record one call; `sample` is its result on one-element vectors."""
        if not isinstance(sample, np.ndarray) or sample.shape != (1,):
            raise NotElementwise(f"{function} does not give a vector")
        places = tuple(o.index if isinstance(o, Lane) else (_constant(o),) for o in operands)
        self.calls.append(Call(function, places, sample.dtype, in_place))
        return Lane(self, len(self.inputs) + len(self.calls) - 1, sample)


class Lane(NDArrayOperatorsMixin):
    """A vector, any part of it, with a one-element sample from which NumPy tells the dtype of results."""

    __slots__ = ("index", "recorder", "sample")

    def __init__(self, recorder: Recorder, index: int, sample: np.ndarray[tuple[int], np.dtype[np.generic]]) -> None:
        self.recorder = recorder
        self.index = index
        self.sample = sample

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """NumPy dtype."""
        return self.sample.dtype

    def copy(self) -> Lane:
        """The same values: lanes are never written to."""
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> Lane:
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotElementwise(f"{ufunc.__name__}.{method} with {list(options)} is not elementwise")
        if ufunc is np.power and not isinstance(inputs[1], Lane):
            short = _SHORT.get(inputs[1]) if isinstance(inputs[1], int | float) else None
            if short is not None:  # as ndarray's own ** does
                ufunc, inputs = short, inputs[:1]
        return self.recorder.add(ufunc, inputs, ufunc(*map(_sample, inputs)), True)

    def __array_function__(
        self, function: Function, types: object, args: tuple[object, ...], options: Mapping[str, object]
    ) -> Lane:
        if function is np.where and len(args) == 3 and not options:
            sample = np.where(*map(_sample, args))  # type: ignore[call-overload]
            return self.recorder.add(select, args, sample, False)
        if function is np.clip and len(args) == 3 and not options:
            limited: Lane = np.minimum(np.maximum(args[0], args[1]), args[2])  # type: ignore[call-overload]
            return limited
        raise NotElementwise(f"{getattr(function, '__name__', function)} is not elementwise")

    def _refuse(self, *_: object) -> NoReturn:
        raise NotElementwise("a part of a vector has no truth value, length, items or array of its own")

    __array__ = __bool__ = __float__ = __getitem__ = __index__ = __int__ = __iter__ = __len__ = _refuse


def select(condition: object, a: object, b: object, out: np.ndarray[tuple[int], np.dtype[np.generic]]) -> None:
    """np.where with an output."""
    np.copyto(out, b)  # type: ignore[arg-type]
    np.copyto(out, a, where=condition)  # type: ignore[arg-type]


def _sample(operand: object) -> object:
    return operand.sample if isinstance(operand, Lane) else operand


def _constant(operand: object) -> object:
    if isinstance(operand, np.ndarray) and operand.ndim:
        raise NotElementwise("a constant vector has parts of its own")
    return operand
