"""The tape: ops, the registry, Tensors, the graph, backward.

Knows no formula and no op by name.

Read `op`, `graph`, `tensor`, `apply` and `backward`, in this order; the rest serves them.
"""

from typing import TYPE_CHECKING

from minigrad import lazy
from minigrad.core.backward import gradients
from minigrad.core.errors import (
    GradientError,
    GradientMismatch,
    InconclusiveCheck,
    InvalidRule,
    MinigradError,
    OpError,
    RegistrationError,
    ShapeError,
    StaleGraphError,
    UnregisteredOp,
    UnsupportedFunction,
)  # fmt: skip
from minigrad.core.mode import MODE, Interceptor, Mode, is_recording, mode_override
from minigrad.core.op import VJP, Argument, Claims, Op
from minigrad.core.registry import REGISTRY, Registry
from minigrad.core.tensor import Tensor, from_array, tensor

__all__ = [
    "MODE", "REGISTRY", "VJP", "Argument", "Claims", "GradientError", "GradientMismatch", "InconclusiveCheck",
    "Interceptor", "InvalidRule", "MinigradError", "Mode", "Op", "OpError", "RegistrationError", "Registry",
    "ShapeError", "StaleGraphError", "Tensor", "UnregisteredOp", "UnsupportedFunction", "from_array", "gradients",
    "is_recording", "mode_override", "tensor",
]  # fmt: skip

if not TYPE_CHECKING:  # a type checker would take it that any name is fine
    __getattr__ = lazy.renamed(
        __name__,
        {
            "Certificate": "minigrad.verify.certificate:Certificate",
            "Domain": "minigrad.verify.declare:Domain",
            "Power": "minigrad.verify.certificate:Power",
            "Rule": "VJP",
            "Sample": "minigrad.verify.declare:Sample",
            "admit": "minigrad.verify.register:admit",
            "adopt": "from_array",
            "no_grad": "minigrad.runtime.no_grad:no_grad",
            "op": "minigrad.verify.declare:op",
            "switched": "mode_override",
        },
    )
    del globals()["op"]  # the submodule, which would hide the old name of `minigrad.op`
