"""Writes nodes: names, constants, shapes that depend on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.program.graph import Call, OperandRef
from minigrad.typing import Array
from minigrad_onnx.errors import OnnxExportError
from minigrad_onnx.traced import Dim, Length, TracedModel

__all__ = ["CallSite", "Writer"]


class Writer:
    """The nodes and initializers of a graph under construction.

    Attributes:
        onnx: the package.
        traced: what is written.
        nodes: so far.
        initializers: so far.
    """

    def __init__(self, onnx: Any, traced: TracedModel, parameter_names: dict[int, str]) -> None:
        self.onnx = onnx
        self.traced = traced
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.batch_of = ""  # name of an input whose first axis is the batch
        self.taken: set[str] = set()  # names of inputs, which nothing else may have
        self._parameter_names = parameter_names
        self._names: dict[int, str] = {}
        self._constants: dict[tuple[object, ...], str] = {}
        self._batch = ""
        self._count = 0

    # -- nodes -------------------------------------------------------------------------------------------------------
    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write a node with one output, and return its name."""
        self._count += 1
        name = self.free(f"{kind.lower()}_{self._count}")
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def free(self, name: str) -> str:
        """A name that no input has: `name`, or that with lines behind it."""
        while name in self.taken:
            name += "_"
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of an initializer that holds `value`; equal ones are written once."""
        array = np.asarray(value, dtype=dtype)
        key = (array.shape, array.dtype, tuple(array.flat) if array.dtype.kind == "O" else array.tobytes())
        if key not in self._constants:
            name = self.free(f"constant_{len(self._constants)}")
            self.initializers.append(
                self.onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            )
            self._constants[key] = name
        return self._constants[key]

    def integers(self, values: Sequence[int]) -> str:
        """The name of a vector of 64-bit integers."""
        return self.constant(list(values), np.int64)

    def cast(self, name: str, dtype: Any) -> str:
        """Convert to a dtype of NumPy's."""
        return self.node("Cast", name, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    # -- shapes ------------------------------------------------------------------------------------------------------
    def shape(self, lengths: Sequence[Length]) -> str:
        """The name of a vector with these lengths."""
        if all(isinstance(n, int) for n in lengths):
            return self.integers([n for n in lengths if isinstance(n, int)])
        return self.node("Concat", *map(self.length, lengths), axis=0)

    def length(self, length: Length) -> str:
        """The name of a vector with one length."""
        if isinstance(length, int):
            return self.integers([length])
        if not self._batch:
            self._batch = self.node("Shape", self.batch_of, start=0, end=1)
        name = self._batch
        if length.scale != 1:
            name = self.node("Mul", name, self.integers([length.scale]))
        return self.node("Add", name, self.integers([length.offset])) if length.offset else name

    def reshape(self, name: str, lengths: Sequence[Length]) -> str:
        """Arrange entries in another shape; one unknown length is left to ONNX."""
        unknown = [i for i, n in enumerate(lengths) if isinstance(n, Dim)]
        if len(unknown) == 1 and 0 not in lengths:
            return self.node("Reshape", name, self.integers([n if isinstance(n, int) else -1 for n in lengths]))
        return self.node("Reshape", name, self.shape(lengths), allowzero=1)

    # -- values of the trace -----------------------------------------------------------------------------------------
    def bind(self, value: int, name: str) -> None:
        """Say that a value of the first trace has this name."""
        self._names[value] = name

    def value(self, first: int, second: int, dtype: Any = None, where: str = "") -> str:
        """The name of a value, a constant or parameter being written where it is first used.

        Args:
            first: its number in the first trace.
            second: its number in the second.
            dtype: what it is read as.
            where: the user's line, for errors.
        """
        held, other = self.traced.values(first, second)
        if first not in self._names and held.tensor is not None:
            array = held.tensor.numpy()
            name = self.free(self._parameter_names.get(id(held.tensor), f"state_{first}"))
            self.initializers.append(self.onnx.numpy_helper.from_array(np.array(array, order="C"), name))
            self._names[first] = name
        if first not in self._names:
            if held.data is None or other.data is None:
                raise OnnxExportError(f"value {first} of the trace is used before it is computed")
            wanted = held.dtype if dtype is None else dtype
            return self._traced_constant(held.data.astype(wanted), other.data.astype(wanted), where)
        name = self._names[first]
        return name if dtype is None or held.dtype == dtype else self.cast(name, dtype)

    def _traced_constant(self, first: Array, second: Array, where: str) -> str:
        if first.shape == second.shape and np.array_equal(first, second, equal_nan=first.dtype.kind == "f"):
            return self.constant(first)
        lengths = tuple(self.traced._length(m, n) for m, n in zip(first.shape, second.shape, strict=True))
        # Rows that are the same for every batch are written once.
        grown = tuple(slice(0, 1) if isinstance(n, Dim) else slice(None) for n in lengths)
        one = first[grown]
        if first.ndim == second.ndim and all(np.array_equal(x, np.broadcast_to(one, x.shape)) for x in (first, second)):
            return self.node("Expand", self.constant(one), self.shape(lengths))
        if first.ndim == 1 and all(np.array_equal(a, np.arange(len(a))) for a in (first, second)):
            limit = self.node("Squeeze", self.length(lengths[0]))
            steps = self.node("Range", self.constant(0, np.int64), limit, self.constant(1, np.int64))
            return steps if first.dtype == np.int64 else self.cast(steps, first.dtype)
        if first.ndim == 0 and first.dtype.kind == "f" and (scaled := self._scaled_batch(first, second)):
            return scaled
        raise OnnxExportError(
            f"an array of shape {first.shape} depends on the size of the batch{f', at {where}' if where else ''}: pass "
            "dynamic_batch=False"
        )

    def _scaled_batch(self, first: Array, second: Array) -> str:
        """A number in proportion to a power of the batch, as means have; else an empty name."""
        small, large = self.traced.batches
        batch = self.cast(self.node("Squeeze", self.length(Dim(1, 0))), first.dtype)
        for power in (1.0, -1.0, 0.5, -0.5):
            if np.isclose(first * float(large) ** power, second * float(small) ** power, rtol=1e-6, atol=0.0):
                factor = self.constant(first / float(small) ** power, first.dtype)
                return self.node("Mul", self.node("Pow", batch, self.constant(power, first.dtype)), factor)
        return ""


class CallSite:
    """One op call, as the functions that write it see it.

    Attributes:
        writer: takes the nodes.
        call: in the first trace.
        twin: in the second.
    """

    def __init__(self, writer: Writer, call: Call, twin: Call) -> None:
        self.writer, self.call, self.twin = writer, call, twin
        slots: Any = call.kwargs.get("args") if call.is_dynamic else None
        self._slots = list(map(OperandRef, range(len(call.args)))) if slots is None else list(slots)

    @property
    def operands(self) -> int:
        """How many there are, constants of a call of NumPy's included."""
        return len(self._slots)

    @property
    def is_plain(self) -> bool:
        """Whether the operands stand by position: in those of NumPy's own functions, too."""
        plain = not self.call.is_dynamic or (self.call.op.name.startswith("numpy.") and not self.call.kwargs["kwargs"])
        return (
            plain and len(self.call.outs) == 1 and all(isinstance(s, OperandRef) or not np.ndim(s) for s in self._slots)
        )

    @property
    def where(self) -> str:
        """The user's line; empty where the library itself calls the op."""
        return "" if __package__ in self.call.where else self.call.where

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.writer.traced.graphs[0].values[self.call.outs[0]].dtype

    @property
    def lengths(self) -> tuple[Length, ...]:
        """The shape of the result."""
        return self.writer.traced.lengths(self.call.outs[0], self.twin.outs[0])

    def operand(self, position: int, dtype: Any = None) -> str:
        """The name of an operand."""
        slot = self._slots[position]
        if not isinstance(slot, OperandRef):
            return self.writer.constant(slot, self.operand_dtype(position) if dtype is None else dtype)
        position = slot.operand
        return self.writer.value(self.call.args[position], self.twin.args[position], dtype, self.where)

    def operand_lengths(self, position: int) -> tuple[Length, ...]:
        """The shape of an operand."""
        return self.writer.traced.lengths(self.call.args[position], self.twin.args[position])

    def operand_dtype(self, position: int) -> np.dtype[Any]:
        """The dtype of an operand; a plain number has that of the others."""
        slot = self._slots[position]
        if not isinstance(slot, OperandRef):
            others = [self.operand_dtype(i) for i, s in enumerate(self._slots) if isinstance(s, OperandRef)]
            return np.result_type(*others, np.asarray(slot).item())
        position = slot.operand
        return self.writer.traced.graphs[0].values[self.call.args[position]].dtype

    def data(self, position: int) -> Array | None:
        """The numbers of an operand that is a constant of the trace."""
        return self.writer.traced.graphs[0].values[self.call.args[position]].data

    def option(self, name: str) -> Any:
        """A keyword argument, which must not depend on the batch.

        Raises:
            OnnxExportError: it does.
        """
        first, second = self.call.kwargs[name], self.twin.kwargs[name]
        if repr(first) != repr(second):
            raise self.refusal(f"its {name} depends on the size of the batch (pass dynamic_batch=False)")
        return first

    def refusal(self, why: str) -> OnnxExportError:
        """The error that names the op and the user's line."""
        at = f", at {self.where}" if self.where else ""
        return OnnxExportError(f"op {self.call.op.name!r} has no counterpart in ONNX: {why}{at}"[:299])
