"""Tracing an elementwise update.

What a rule does to one vector, as a list of calls for an engine.
The rule runs on TracedVectors instead of arrays. Each stands for "any part of this vector", so whatever cannot be said
of a part alone (a sum, a comparison used in an `if`, an index) raises NotElementwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigrad.core.types import Array
from minigrad.engines import ElementwiseCall, Input, select
from minigrad.engines.group import Function
from minigrad.optim.compiled.traced_scalar import TracedScalar
from minigrad.optim.moment import Scaled

__all__ = ["NotElementwise", "TracedVector", "UpdateTracer"]

_SHORT = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class NotElementwise(TypeError):
    """The rule did something that a part of a vector cannot do.

    Never leaves the optimizer: the rule runs untiled.
    """


class UpdateTracer:
    """The calls so far, on a group's values: vectors, then numbers, then results.

    While calls are recorded it is open how many numbers there will be: number k has the index `-1 - k` (see `calls`).

    Attributes:
        traced: a TracedVector for each vector.
        numbers: 0-d arrays that the calls read.
        sources: for each of them the cell of the tape it comes from, or None if it never changes.
    """

    def __init__(self, vectors: Sequence[Array], spread: bool = False) -> None:
        self.vectors = vectors
        self.spread = spread
        self.traced = [TracedVector(self, k, np.ones(1, v.dtype)) for k, v in enumerate(vectors)]
        self.numbers: list[Array] = []
        self.sources: list[int | None] = []
        self._known: dict[tuple[object, str], int] = {}
        self._calls: list[tuple[Function, tuple[int, ...], np.dtype[np.generic]]] = []

    def add(self, function: Function, operands: tuple[object, ...], sample: object) -> TracedVector:
        """Record one call; `sample` is its result on one-element vectors."""
        if not isinstance(sample, np.ndarray) or sample.shape != (1,):
            raise NotElementwise(f"{function} does not give a vector")
        dtype = sample.dtype if function is select else _common_dtype(operands)
        places = tuple(o.index if isinstance(o, TracedVector) else self._number(o, dtype) for o in operands)
        self._calls.append((function, places, sample.dtype))
        return TracedVector(self, len(self.vectors) + len(self._calls) - 1, sample)

    def inputs(self) -> tuple[Input, ...]:
        """The inputs of the group: the vectors and the numbers."""
        numbers = (Input.of(a, source is None) for a, source in zip(self.numbers, self.sources, strict=True))
        return (*map(Input.of, self.vectors), *numbers)

    def calls(self) -> tuple[ElementwiseCall, ...]:
        """The calls of the group."""
        shape = self.vectors[0].shape
        return tuple(
            ElementwiseCall(f, tuple(map(self.value, places)), shape, dtype) for f, places, dtype in self._calls
        )

    def value(self, index: int) -> int:
        """The group's number for a TracedVector's index."""
        count = len(self.vectors)
        if index < 0:
            return count - 1 - index
        return index if index < count else index + len(self.numbers)

    def _number(self, operand: object, dtype: np.dtype[np.generic]) -> int:
        if isinstance(operand, np.ndarray) and operand.ndim:
            raise NotElementwise("a constant vector has parts of its own")
        value = operand.value if isinstance(operand, TracedScalar) else operand
        source = operand.index if isinstance(operand, TracedScalar) else None
        # A recording that is made anew at each step keeps all its numbers apart, so that they can change.
        key = (("cell", source) if source is not None else (type(value), repr(value)), dtype.str)
        if self.spread or key not in self._known:
            self._known[key] = -1 - len(self.numbers)
            self.numbers.append(np.array(value, dtype))
            self.sources.append(-1 if self.spread else source)
        return self._known[key]


def _common_dtype(operands: tuple[object, ...]) -> np.dtype[np.generic]:
    """The dtype in which NumPy brings operands together.

    Python numbers adapt themselves to vectors.
    """
    return np.result_type(*(o.dtype if isinstance(o, TracedVector) else _sample(o) for o in operands))  # type: ignore[arg-type]


class TracedVector(NDArrayOperatorsMixin):
    """Any part of a vector, with a one-element sample that tells the dtype of results."""

    __slots__ = ("index", "recorder", "sample")

    def __init__(
        self, recorder: UpdateTracer, index: int, sample: np.ndarray[tuple[int], np.dtype[np.generic]]
    ) -> None:
        self.recorder = recorder
        self.index = index
        self.sample = sample

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """NumPy dtype."""
        return self.sample.dtype

    def copy(self) -> TracedVector:
        """These values: traced vectors are never written to."""
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        if any(isinstance(x, Scaled) for x in inputs):
            return NotImplemented  # it knows better when to multiply
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotElementwise(f"{ufunc.__name__}.{method} with {list(options)} is not elementwise")
        if ufunc is np.power and not isinstance(inputs[1], TracedVector):
            exponent = inputs[1].concretize() if isinstance(inputs[1], TracedScalar) else inputs[1]
            inputs = (inputs[0], exponent)
            short = _SHORT.get(exponent) if isinstance(exponent, int | float) else None
            if short is not None:  # as ndarray's own ** does
                ufunc, inputs = short, inputs[:1]
        return self.recorder.add(ufunc, inputs, ufunc(*map(_sample, inputs)))

    def __array_function__(
        self, function: Function, types: object, args: tuple[object, ...], options: Mapping[str, object]
    ) -> TracedVector:
        if function is np.where and len(args) == 3 and not options:
            sample = np.where(*map(_sample, args))  # type: ignore[call-overload]
            return self.recorder.add(select, args, sample)
        if function is np.clip and len(args) == 3 and not options:
            limited: TracedVector = np.minimum(np.maximum(args[0], args[1]), args[2])  # type: ignore[call-overload]
            return limited
        raise NotElementwise(f"{getattr(function, '__name__', function)} is not elementwise")

    def _refuse(self, *_: object) -> NoReturn:
        raise NotElementwise("a part of a vector has no truth value, length, items or array of its own")

    __array__ = __bool__ = __float__ = __getitem__ = __index__ = __int__ = __iter__ = __len__ = _refuse


def _sample(operand: object) -> object:
    if isinstance(operand, TracedVector):
        return operand.sample
    return operand.value if isinstance(operand, TracedScalar) else operand
