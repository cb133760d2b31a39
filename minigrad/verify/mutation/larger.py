"""An op on larger arrays: what is right for three entries can be wrong for six."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import attrs
import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Shape
from minigrad.verify.cases import base_shapes, draw
from minigrad.verify.declare import declaration_of
from minigrad.verify.seeded_random import SeededRandom

Grow = Callable[[int], int]


def enlarged(op: Op, factor: int) -> Op | str:
    """A twin of `op` with larger shapes, or why there is none.

    Lengths of 1 stay, others are multiplied by `factor` or, where the forward function will not have that (a kernel
    longer than its input, an odd split), raised by it. Metadata that fits the declared shapes only is left out.
    """
    if declaration_of(op).samples is not None:
        return "its samples= prescribe the arguments"
    twin = copy.copy(op)
    twin._certificate = None
    twin.apply = twin.unregistered
    if op.claims.elementwise and not declaration_of(op).shapes:
        return twin
    for grow in _growths(factor):
        shapes = tuple(tuple(tuple(grow(n) for n in s) for s in case) for case in base_shapes(op))
        params = tuple(m for m in declaration_of(op).params if _accepts(op, shapes[0], m))
        if params:
            rest = tuple(case for case in shapes[1:] if _accepts(op, case, params[0]))
            twin.declaration = attrs.evolve(declaration_of(op), shapes=(shapes[0], *rest), params=params)
            return twin
    return "its metadata fit the declared shapes only"


def _growths(factor: int) -> Iterator[Grow]:
    yield lambda n: n * factor if n > 1 else n
    yield lambda n: n + factor if n > 1 else n
    yield lambda n: n + factor if n > 2 else n


def _accepts(op: Op, shapes: tuple[Shape, ...], kwargs: object) -> bool:
    try:
        outputs = op.forward(*draw(op, SeededRandom(0), shapes), **op.bind_kwargs(kwargs))  # type: ignore[arg-type]
    except RegistrationError:
        raise
    except Exception:  # whatever the op says to arguments that nobody declared
        return False
    return all(np.all(np.isfinite(o)) for o in (outputs if isinstance(outputs, tuple) else (outputs,)))
