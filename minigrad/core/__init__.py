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
from minigrad.core.mode import MODE, Interceptor, Mode, is_recording, mode_override, no_grad
from minigrad.core.op import VJP, Argument, Claims, Domain, Op, Sample, op
from minigrad.core.registry import REGISTRY, Registry
from minigrad.core.tensor import Tensor, from_array, tensor
from minigrad.runtime.fastpath import admit
from minigrad.runtime.malloc import raise_mmap_threshold

__all__ = [
    "MODE",
    "REGISTRY",
    "VJP",
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
    "Sample",
    "ShapeError",
    "StaleGraphError",
    "Tensor",
    "UnregisteredOp",
    "UnsupportedFunction",
    "admit",
    "from_array",
    "gradients",
    "is_recording",
    "mode_override",
    "no_grad",
    "op",
    "tensor",
]

raise_mmap_threshold()
