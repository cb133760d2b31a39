"""minigrad: a small reverse-mode autograd framework in which no unverified gradient runs.

Importing it registers the op library; every op is compared with finite differences on the way in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.core import (
    REGISTRY,
    GradientError,
    GradientMismatch,
    InconclusiveCheck,
    InvalidRule,
    MinigradError,
    Op,
    OpError,
    RegistrationError,
    Sample,
    ShapeError,
    StaleGraphError,
    Tensor,
    UnregisteredOp,
    UnsupportedFunction,
    no_grad,
    op,
    tensor,
)
from minigrad.core.errors import nearest
from minigrad.ops.contract import matmul
from minigrad.ops.elementwise import (
    absolute,
    add,
    cos,
    divide,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from minigrad.ops.functions import (
    broadcast_to,
    clip,
    concatenate,
    dot,
    expand_dims,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    moveaxis,
    ravel,
    reshape,
    softmax,
    squeeze,
    stack,
    std,
    sum,
    swapaxes,
    take,
    transpose,
    var,
)
from minigrad.verify import (
    boolean,
    distinct,
    integer_index,
    nonzero,
    positive,
    real,
    register,
    spd,
    square_wellconditioned,
    unit,
)

__version__ = "0.1.0"
abs = absolute

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Ops that were registered by users and plugins are found here by name."""
        found = REGISTRY.get(name)
        if found is not None:
            return found
        raise AttributeError(f"minigrad has no {name!r}.{nearest(name, {*globals(), *(o.name for o in REGISTRY)})}")


__all__ = [name for name in dir() if not name.startswith("_") and name not in ("TYPE_CHECKING", "annotations", "nearest")]
