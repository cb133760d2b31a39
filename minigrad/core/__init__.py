"""The tiny core: ops, the registry, Tensors, the tape, backward, NumPy dispatch. Knows no formula and imports no op."""

from minigrad.core.backward import gradients
from minigrad.core.certificate import Certificate, Power
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
)
from minigrad.core.mode import MODE, Interceptor, Mode, is_recording, no_grad, switched
from minigrad.core.op import Argument, Claims, Domain, Op, Rule, Sample, op
from minigrad.core.registry import REGISTRY, Registry
from minigrad.core.tensor import Tensor, adopt, tensor
from minigrad.runtime.fastpath import admit
from minigrad.runtime.malloc import keep_freed_memory

__all__ = [
    "MODE",
    "REGISTRY",
    "Argument",
    "Certificate",
    "Claims",
    "Domain",
    "GradientError",
    "GradientMismatch",
    "InconclusiveCheck",
    "Interceptor",
    "InvalidRule",
    "MinigradError",
    "Mode",
    "Op",
    "OpError",
    "Power",
    "RegistrationError",
    "Registry",
    "Rule",
    "Sample",
    "ShapeError",
    "StaleGraphError",
    "Tensor",
    "UnregisteredOp",
    "UnsupportedFunction",
    "admit",
    "adopt",
    "gradients",
    "is_recording",
    "no_grad",
    "op",
    "switched",
    "tensor",
]

keep_freed_memory()
