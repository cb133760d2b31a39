"""The numbers of a rule, recorded.

What becomes of t, of scheduled hyperparameters and of the state's counters.
A recorded update is repeated with other numbers. A Number is a Python number that writes down the arithmetic done with
it, so that the repetition can do the same to new ones, bit for bit. A decision that the rule bases on it (`if t == 1`)
is written down too, as a condition under which the recording holds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

__all__ = ["Plain", "ScalarProgram", "TracedScalar"]

_Two: TypeAlias = Callable[..., object]
"""Takes two arguments."""
Plain: TypeAlias = float | int | bool
_Step: TypeAlias = tuple[_Two, int, int, int, bool]


class ScalarProgram:
    """Arithmetic on cells: first the inputs, then constants and results as they are made."""

    def __init__(self, inputs: Sequence[Plain]) -> None:
        self.cells: list[object] = list(inputs)
        self.inputs = [TracedScalar(self, k, value) for k, value in enumerate(inputs)]
        self.steps: list[_Step] = []
        self.exact = True

    def record(self, function: _Two, a: object, b: object) -> TracedScalar:
        """`function(a, b)`, of Numbers and constants."""
        i, j = self._cell(a), self._cell(b)
        value = function(self.cells[i], self.cells[j])
        self.cells.append(value)
        self.steps.append((function, i, j, len(self.cells) - 1, False))
        return TracedScalar(self, len(self.cells) - 1, value)

    def guard(self, function: _Two, a: object, b: object) -> bool:
        """The truth of `function(a, b)`, which has to be the same at each replay."""
        i, j = self._cell(a), self._cell(b)
        truth = bool(function(self.cells[i], self.cells[j]))
        self.steps.append((function, i, j, -1, truth))
        return truth

    def replay(self, inputs: Sequence[Plain]) -> bool:
        """Repeat the arithmetic on other numbers, into `cells`.

        False if a decision would fall otherwise.
        """
        cells = self.cells
        cells[: len(inputs)] = inputs
        try:
            for function, i, j, out, truth in self.steps:
                if out >= 0:
                    cells[out] = function(cells[i], cells[j])
                elif bool(function(cells[i], cells[j])) is not truth:
                    return False
        except ArithmeticError:
            return False
        return True

    def arithmetic(self) -> list[tuple[str, int, int, int, bool]] | None:
        """The steps by name: `cells[out] = name(cells[i], cells[j])`.

        With out -1 it is a condition, and its truth.

        None where a step is no arithmetic that doubles do alike.
        """
        named: list[tuple[str, int, int, int, bool]] = []
        for function, i, j, out, truth in self.steps:
            name = _NAMES.get(function)
            operands = [self.cells[i]] if name in _ONE else [self.cells[i], self.cells[j]]
            exact = all(type(x) is float or (type(x) is int and abs(x) < _EXACT) for x in operands)
            if name is None or not exact or (name == "power" and all(type(x) is int for x in operands)):
                return None
            named.append((name, i, j, out, truth))
        return named

    def _cell(self, x: object) -> int:
        if isinstance(x, TracedScalar):
            return x.index
        self.cells.append(x)
        return len(self.cells) - 1


def _unary(function: Callable[..., object]) -> _Two:
    return lambda a, _: function(a)


def _same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b


_negative, _positive, _absolute = _unary(operator.neg), _unary(operator.pos), _unary(abs)
_truth = _unary(bool)
_NAMES: Mapping[object, str] = MappingProxyType(
    {
        operator.add: "add",
        operator.sub: "subtract",
        operator.mul: "multiply",
        operator.truediv: "divide",
        operator.pow: "power",
        _negative: "negative",
        _positive: "positive",
        _absolute: "absolute",
        operator.eq: "equal",
        operator.ne: "not_equal",
        operator.lt: "less",
        operator.le: "less_equal",
        operator.gt: "greater",
        operator.ge: "greater_equal",
        _truth: "truth",
    }
)
_ONE = frozenset(("negative", "positive", "absolute", "truth"))
_EXACT = 1 << 53


class TracedScalar:
    """A number on a ScalarProgram. `value` is what it was when it was recorded."""

    __slots__ = ("index", "tape", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tape: ScalarProgram, index: int, value: object) -> None:
        self.tape = tape
        self.index = index
        self.value = value

    def _with(self, function: _Two, other: object) -> TracedScalar:
        return self.tape.record(function, self, other) if _is_plain(other) else NotImplemented

    def _after(self, function: _Two, other: object) -> TracedScalar:
        return self.tape.record(function, other, self) if _is_plain(other) else NotImplemented

    def __add__(self, other: object) -> TracedScalar:
        return self._with(operator.add, other)

    def __radd__(self, other: object) -> TracedScalar:
        return self._after(operator.add, other)

    def __sub__(self, other: object) -> TracedScalar:
        return self._with(operator.sub, other)

    def __rsub__(self, other: object) -> TracedScalar:
        return self._after(operator.sub, other)

    def __mul__(self, other: object) -> TracedScalar:
        return self._with(operator.mul, other)

    def __rmul__(self, other: object) -> TracedScalar:
        return self._after(operator.mul, other)

    def __truediv__(self, other: object) -> TracedScalar:
        return self._with(operator.truediv, other)

    def __rtruediv__(self, other: object) -> TracedScalar:
        return self._after(operator.truediv, other)

    def __floordiv__(self, other: object) -> TracedScalar:
        return self._with(operator.floordiv, other)

    def __rfloordiv__(self, other: object) -> TracedScalar:
        return self._after(operator.floordiv, other)

    def __mod__(self, other: object) -> TracedScalar:
        return self._with(operator.mod, other)

    def __rmod__(self, other: object) -> TracedScalar:
        return self._after(operator.mod, other)

    def __pow__(self, other: object) -> TracedScalar:
        return self._with(operator.pow, other)

    def __rpow__(self, other: object) -> TracedScalar:
        return self._after(operator.pow, other)

    def __neg__(self) -> TracedScalar:
        return self.tape.record(_negative, self, None)

    def __pos__(self) -> TracedScalar:
        return self.tape.record(_positive, self, None)

    def __abs__(self) -> TracedScalar:
        return self.tape.record(_absolute, self, None)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **options: object) -> object:
        """A ufunc of numbers alone is arithmetic too."""
        if method != "__call__" or options or not 1 <= ufunc.nin <= 2 or not all(map(_is_plain, inputs)):
            return NotImplemented
        if ufunc.nin == 1:
            return self.tape.record(_unary(ufunc), self, None)
        return self.tape.record(ufunc, *inputs)

    def __eq__(self, other: object) -> bool:
        return self.tape.guard(operator.eq, self, other)

    def __ne__(self, other: object) -> bool:
        return self.tape.guard(operator.ne, self, other)

    def __lt__(self, other: object) -> bool:
        return self.tape.guard(operator.lt, self, other)

    def __le__(self, other: object) -> bool:
        return self.tape.guard(operator.le, self, other)

    def __gt__(self, other: object) -> bool:
        return self.tape.guard(operator.gt, self, other)

    def __ge__(self, other: object) -> bool:
        return self.tape.guard(operator.ge, self, other)

    def __bool__(self) -> bool:
        return self.tape.guard(_truth, self, None)

    def concretize(self) -> object:
        """The value itself, for what cannot be recorded: the recording holds for this value only."""
        self.tape.guard(_same, self, self.value)
        self.tape.exact = False
        return self.value

    def __float__(self) -> float:
        return float(self.concretize())  # type: ignore[arg-type]

    def __int__(self) -> int:
        return int(self.concretize())  # type: ignore[call-overload, no-any-return]

    def __index__(self) -> int:
        return operator.index(self.concretize())  # type: ignore[arg-type]

    def __round__(self, digits: int | None = None) -> object:
        return round(self.concretize(), digits)  # type: ignore[call-overload]


def _is_plain(x: object) -> bool:
    return isinstance(x, TracedScalar | float | int | np.generic)
