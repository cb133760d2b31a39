"""What an engine is told of the calls that are no groups: names, and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.engines.plan import ArrayCall, Operand
from minigrad.program.compile.aliasing import contiguous_form
from minigrad.program.compile.liveness import Roots
from minigrad.program.graph import AccumulateGrad, Assert, Call, Value
from minigrad.program.kernels import Kernel
from minigrad.runtime.effects import IntegersWithin

__all__ = ["ArrayCalls"]


@attrs.define(eq=False)
class ArrayCalls:
    """Descriptions of the calls of one graph.

    Attributes:
        values: of the graph.
        registers: the arrays of all values.
        fixed: values whose array is the same at each run.
        forms: of values that are views, an array of the same strides (see `aliasing`).
        roots: for each value those in whose memory it may lie.
        fetches: for each value that comes with the arguments, what gives its array.
    """

    values: tuple[Value, ...]
    registers: list[Array]
    fixed: set[int]
    forms: Mapping[int, Array]
    roots: Roots
    fetches: dict[int, Callable[[], Array]] = attrs.field(factory=dict)

    def of_kernel(self, call: Call, kernel: Kernel, out: Array) -> ArrayCall | None:
        """A call with a kernel, into `out`."""
        operands = [self.operand(k) for k in call.args]
        named = [o for o in operands if o is not None]
        if not kernel.routine or len(named) < len(operands) or kernel.more:
            return None
        return ArrayCall(kernel.routine, tuple(named), out, kernel.details)

    def of_check(self, step: Assert) -> ArrayCall | None:
        """A look at integers."""
        operand = self.operand(step.value)
        if operand is None or not isinstance(step.check, IntegersWithin):
            return None
        return ArrayCall("within", (operand,), None, {"high": step.check.high, "ignored": step.check.ignored})

    def of_delivery(self, step: AccumulateGrad) -> ArrayCall | None:
        """A gradient that is copied to where the optimizer wants it."""
        operand, buffer = self.operand(step.value), step.sink.buffer
        if operand is None or buffer is None or not step.fresh or operand.form.shape != buffer.shape:
            return None
        return ArrayCall("copy", (operand,), buffer)

    def operand(self, k: int) -> Operand | None:
        """Where value k is; None if that cannot be said before the run."""
        if k in self.fixed:
            return Operand(self.registers[k])
        if self._comes_in(k):
            return Operand(contiguous_form(self.values[k].shape, self.values[k].dtype), self.fetch(k))
        form = self.forms.get(k)
        if form is None:
            return None
        (base,) = self.roots[k]  # a view looks into one value's memory
        if not self._comes_in(base):
            return None
        return Operand(form, self.fetch(base), form.ctypes.data - self.forms[base].ctypes.data)

    def fetch(self, k: int) -> Callable[[], Array]:
        """What gives the array of value k, contiguous in C order: one function for each value."""
        if k not in self.fetches:
            self.fetches[k] = lambda: _contiguous(self.registers[k])
        return self.fetches[k]

    def _comes_in(self, k: int) -> bool:
        return self.values[k].kind in ("input", "state") and k not in self.fixed


def _contiguous(x: Array) -> Array:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)
