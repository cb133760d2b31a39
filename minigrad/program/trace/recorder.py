"""The recorder: the values and instructions of a graph that grows while a step is traced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from minigrad.core.memory import is_immutable
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import Call, Instruction, OperandRef, Value
from minigrad.program.trace.fake_array import FakeArray, fake_array, fake_below, has_sentinel
from minigrad.program.trace.guards import ArrayGuard
from minigrad.program.trace.numpy_calls import numpy_op
from minigrad.runtime.source_line import user_frame_location, with_source_text

__all__ = ["Recorder"]

_FREED: Array = np.empty(0)


class Recorder:
    """Values, what each was in the run that is traced, and the instructions that define them.

    The numbers of a result are kept as long as a fake array stands for it, so that tracing needs the memory of eager.

    Attributes:
        values: by number.
        numbers: of each value, in this run.
        steps: the instructions so far.
        array_guards: arrays that became constants and that someone else may still write to.
    """

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.numbers: list[Array] = []
        self.steps: list[Instruction] = []
        self.array_guards: list[ArrayGuard] = []
        self._constants: dict[int, int] = {}
        self._kept: list[object] = []
        self._fake_refs: Counter[int] = Counter()
        self._numpy_ops: dict[Callable[..., object], Op] = {}

    def add(self, value: Value, numbers: Array) -> int:
        """Enter a value; returns its number."""
        self.values.append(value)
        self.numbers.append(numbers)
        return len(self.values) - 1

    def fake(self, index: int) -> FakeArray:
        """A fake array for value `index`."""
        value = self.values[index]
        self._fake_refs[index] += 1
        return fake_array(self, index, value.shape, value.dtype)

    def released(self, index: int) -> None:
        """Let go of a result's numbers with its last fake array."""
        self._fake_refs[index] -= 1
        if self.numbers and not self._fake_refs[index] and self.values[index].kind == "result":
            self.numbers[index] = _FREED

    def index_of(self, array: Array) -> int:
        """Return the number of the value that a fake array stands for.

        Other arrays are entered as constants.

        Raises:
            TraceError: a fake array of another trace, or numbers copied out of one.
        """
        fake = array if isinstance(array, FakeArray) else fake_below(array)
        if fake is not None:
            whole = (fake.shape, fake.dtype) == (array.shape, array.dtype)
            if fake.owner is not self or fake.index < 0 or not whole:
                raise TraceError(
                    f"a value was derived from a traced one without an op, or belongs to another trace\n  at "
                    f"{with_source_text(user_frame_location())}\nUse minigrad's functions, which the program records"
                )
            return fake.index
        existing = self._constants.get(id(array))
        if existing is not None:
            return existing
        if has_sentinel(array):
            raise TraceError(
                f"a traced value was copied into an array\n  at {with_source_text(user_frame_location())}\nA program "
                "is repeated with other numbers: use minigrad's functions on the Tensor itself"
            )
        data = array
        if not is_immutable(array):
            data = array.copy()
            data.flags.writeable = False
            self.array_guards.append(ArrayGuard.of(array))
        self._kept.append(array)
        index = self.add(Value(array.shape, array.dtype, "constant", data=data), data)
        self._constants[id(array)] = index
        return index

    def record_call(
        self, op: Op, operands: Sequence[int], kwargs: Mapping[str, object], tracked: tuple[bool, ...] = ()
    ) -> tuple[tuple[int, ...], bool]:
        """Evaluate a call on the numbers of this run and write it down.

        Args:
            op: what is called.
            operands: numbers of the positional operands.
            kwargs: keyword arguments, in which fake arrays may stand.
            tracked: along which operands a gradient flows; empty where along none.

        Returns:
            The numbers of its outputs, and whether the op returns a tuple.
        """
        n_positional, all_operands = len(operands), list(operands)
        with_refs = {k: self._with_refs(v, all_operands) for k, v in kwargs.items()}
        dynamic = len(all_operands) > n_positional
        actual = {k: self._with_numbers(v) for k, v in kwargs.items()} if dynamic else kwargs
        args = tuple(self.numbers[k] for k in operands)
        try:
            with mode_override(interceptor=False):
                y = op.forward(*args, **actual)
        except Exception as error:
            raise op.describe_error(args, actual, error) from error
        numbers = tuple(np.asarray(o) for o in (y if isinstance(y, tuple) else (y,)))
        outs = tuple(self.add(Value(n.shape, n.dtype, "result"), n) for n in numbers)
        where = user_frame_location()
        n_positional = n_positional if dynamic else -1
        self.steps.append(Call(op, tuple(all_operands), with_refs, outs, n_positional, where, tracked))
        return outs, isinstance(y, tuple)

    def record_op(self, name: str, array: FakeArray, kwargs: Mapping[str, object]) -> FakeArray:
        """Record an op on a bare fake array, outside any Tensor."""
        outs, _ = self.record_call(REGISTRY[name], [self.index_of(array)], kwargs)
        return self.fake(outs[0])

    def record_numpy(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        """Record a call of a function of NumPy's on fake arrays, which no gradient flows through."""
        op = self._numpy_ops.get(function)
        if op is None:
            op = self._numpy_ops[function] = numpy_op(function)
        # A list, of arrays to join say, is changed by nothing from here on.
        call = {
            "function": function,
            "args": _frozen(args),
            "kwargs": tuple((k, _frozen(v)) for k, v in kwargs.items()),
        }
        outs, is_tuple = self.record_call(op, [], call)
        fakes = tuple(self.fake(k) for k in outs)
        return fakes if is_tuple else fakes[0]

    def forget_numbers(self) -> None:
        """Let go of the numbers of this run, and of the arrays that only the trace still held."""
        self.numbers.clear()
        self._kept.clear()

    def _with_refs(self, x: object, operands: list[int]) -> object:
        """Rewrite a keyword argument for the record.

        References stand in the places of fake arrays, and copies in those of arrays that may change.
        """
        if isinstance(x, tuple):
            return tuple(self._with_refs(y, operands) for y in x)
        array = x._node.value if isinstance(x, Tensor) else x
        if not isinstance(array, np.ndarray):
            return x
        index = self.index_of(array)
        data = self.values[index].data
        if data is not None:
            return data
        operands.append(index)
        return OperandRef(len(operands) - 1)

    def _with_numbers(self, x: object) -> object:
        """A keyword argument with this run's numbers in the places of fake arrays."""
        if isinstance(x, tuple):
            return tuple(self._with_numbers(y) for y in x)
        array = x._node.value if isinstance(x, Tensor) else x
        return self.numbers[self.index_of(array)] if isinstance(array, np.ndarray) else x


def _frozen(x: object) -> object:
    """Lists, however deep, as tuples."""
    return tuple(_frozen(y) for y in x) if isinstance(x, list | tuple) else x
