"""Kernels: NumPy calls that write an op's result into an array that is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from minigrad.program.graph import Call, Value
from minigrad.program.kernels.kernel import Kernel, Make
from minigrad.program.kernels.moves import MOVES
from minigrad.program.kernels.numeric import NUMERIC
from minigrad.program.kernels.windows import WINDOWS

__all__ = ["Kernel", "kernel_of"]

_OWN = ("minigrad.ops.", "minigrad.program.", "numpy")
_KERNELS: Mapping[str, Make] = MappingProxyType({**NUMERIC, **MOVES, **WINDOWS})


def kernel_of(call: Call, values: Sequence[Value]) -> Kernel | None:
    """The kernel for a call, or None where only the forward function will do."""
    if call.is_dynamic or len(call.outs) != 1 or not call.op.module.startswith(_OWN):
        return None
    out = values[call.outs[0]]
    if out.dtype.kind != "f" or not out.nbytes:
        return None
    forward = call.op.forward
    if isinstance(forward, np.ufunc) and forward.nin == len(call.args) and forward.nout == 1:
        return Kernel(forward, in_place=True, routine="ufunc", details={"name": forward.__name__})
    make = _KERNELS.get(call.op.name)
    return None if make is None else make(call, [values[a] for a in call.args], out)
