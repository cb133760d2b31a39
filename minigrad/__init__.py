"""minigrad: a small reverse-mode autograd framework in which no unverified gradient runs.

The public names live in `minigrad.api` and are loaded on first use, all at once; loading them verifies every op.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minigrad.api import (
        GradientError as GradientError,
    )
    from minigrad.api import (
        GradientMismatch as GradientMismatch,
    )
    from minigrad.api import (
        InconclusiveCheck as InconclusiveCheck,
    )
    from minigrad.api import (
        InvalidRule as InvalidRule,
    )
    from minigrad.api import (
        MinigradError as MinigradError,
    )
    from minigrad.api import (
        Op as Op,
    )
    from minigrad.api import (
        OpError as OpError,
    )
    from minigrad.api import (
        RegistrationError as RegistrationError,
    )
    from minigrad.api import (
        Sample as Sample,
    )
    from minigrad.api import (
        ShapeError as ShapeError,
    )
    from minigrad.api import (
        StaleGraphError as StaleGraphError,
    )
    from minigrad.api import (
        Tensor as Tensor,
    )
    from minigrad.api import (
        UnregisteredOp as UnregisteredOp,
    )
    from minigrad.api import (
        UnsupportedFunction as UnsupportedFunction,
    )
    from minigrad.api import (
        abs as abs,
    )
    from minigrad.api import (
        absolute as absolute,
    )
    from minigrad.api import (
        add as add,
    )
    from minigrad.api import (
        boolean as boolean,
    )
    from minigrad.api import (
        broadcast_to as broadcast_to,
    )
    from minigrad.api import (
        clip as clip,
    )
    from minigrad.api import (
        concatenate as concatenate,
    )
    from minigrad.api import (
        cos as cos,
    )
    from minigrad.api import (
        distinct as distinct,
    )
    from minigrad.api import (
        divide as divide,
    )
    from minigrad.api import (
        dot as dot,
    )
    from minigrad.api import (
        exp as exp,
    )
    from minigrad.api import (
        expand_dims as expand_dims,
    )
    from minigrad.api import (
        expm1 as expm1,
    )
    from minigrad.api import (
        integer_index as integer_index,
    )
    from minigrad.api import (
        log as log,
    )
    from minigrad.api import (
        log1p as log1p,
    )
    from minigrad.api import (
        log_softmax as log_softmax,
    )
    from minigrad.api import (
        logsumexp as logsumexp,
    )
    from minigrad.api import (
        matmul as matmul,
    )
    from minigrad.api import (
        max as max,
    )
    from minigrad.api import (
        maximum as maximum,
    )
    from minigrad.api import (
        mean as mean,
    )
    from minigrad.api import (
        min as min,
    )
    from minigrad.api import (
        minimum as minimum,
    )
    from minigrad.api import (
        moveaxis as moveaxis,
    )
    from minigrad.api import (
        multiply as multiply,
    )
    from minigrad.api import (
        negative as negative,
    )
    from minigrad.api import (
        no_grad as no_grad,
    )
    from minigrad.api import (
        nonzero as nonzero,
    )
    from minigrad.api import (
        op as op,
    )
    from minigrad.api import (
        optimizer as optimizer,
    )
    from minigrad.api import (
        positive as positive,
    )
    from minigrad.api import (
        power as power,
    )
    from minigrad.api import (
        ravel as ravel,
    )
    from minigrad.api import (
        real as real,
    )
    from minigrad.api import (
        reciprocal as reciprocal,
    )
    from minigrad.api import (
        register as register,
    )
    from minigrad.api import (
        relu as relu,
    )
    from minigrad.api import (
        reshape as reshape,
    )
    from minigrad.api import (
        sigmoid as sigmoid,
    )
    from minigrad.api import (
        sign as sign,
    )
    from minigrad.api import (
        sin as sin,
    )
    from minigrad.api import (
        softmax as softmax,
    )
    from minigrad.api import (
        softplus as softplus,
    )
    from minigrad.api import (
        spd as spd,
    )
    from minigrad.api import (
        sqrt as sqrt,
    )
    from minigrad.api import (
        square as square,
    )
    from minigrad.api import (
        square_wellconditioned as square_wellconditioned,
    )
    from minigrad.api import (
        squeeze as squeeze,
    )
    from minigrad.api import (
        stack as stack,
    )
    from minigrad.api import (
        std as std,
    )
    from minigrad.api import (
        subtract as subtract,
    )
    from minigrad.api import (
        sum as sum,
    )
    from minigrad.api import (
        swapaxes as swapaxes,
    )
    from minigrad.api import (
        take as take,
    )
    from minigrad.api import (
        tanh as tanh,
    )
    from minigrad.api import (
        tensor as tensor,
    )
    from minigrad.api import (
        transpose as transpose,
    )
    from minigrad.api import (
        unit as unit,
    )
    from minigrad.api import (
        var as var,
    )
    from minigrad.api import (
        where as where,
    )

__version__ = "0.1.0"

_ROOMS = frozenset(
    ("calculus", "checkpoint", "core", "data", "linalg", "nn", "ops", "optim", "program", "train", "verify")
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Public names, rooms (`minigrad.nn`), and ops that users and plugins have registered, by name."""
        if name in _ROOMS:
            return import_module(f"minigrad.{name}")
        if name.startswith("__"):
            raise AttributeError(name)
        api = import_module("minigrad.api")
        public = {n: getattr(api, n) for n in api.__all__}
        globals().update(public)
        if name in public:
            return public[name]
        from minigrad.core import REGISTRY
        from minigrad.core.errors import nearest

        found = REGISTRY.get(name)
        if found is not None:
            return found
        known = {*public, *_ROOMS, *(op.name for op in REGISTRY)}
        raise AttributeError(f"module 'minigrad' has no {name!r}.{nearest(name, known)}")

    def __dir__() -> list[str]:
        return sorted({*import_module("minigrad.api").__all__, *_ROOMS, "__version__"})
