"""Common subexpressions: the same op on the same values is computed once."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from minigrad.program.graph import AssignBuffer, Call, Graph, HostCall, Instruction, OperandRef
from minigrad.program.passes.rewrite import VIEW_OPS

_SMALL = 64


def eliminate_common_subexpressions(graph: Graph) -> Graph:
    """Replace repeated calls by the first one.

    A call is repeated if op, values and keyword arguments are equal; of views of weights and buffers, which move with
    these, if nothing has moved them in between.
    """
    names: dict[int, int] = {}
    same = _equal_constants(graph)
    first: dict[Hashable, Call] = {}
    kept: list[Instruction] = []
    lent = {k for k, value in enumerate(graph.values) if value.kind in ("parameter", "state")}
    writes = 0
    for step in graph.steps:
        writes += isinstance(step, HostCall | AssignBuffer)
        if isinstance(step, Call):
            key = _key(step, same)
            if not lent.isdisjoint(step.args) and key is not None:
                key = (writes, key)
                lent.update(step.outs if step.op.name in VIEW_OPS else ())
            earlier = None if key is None else first.setdefault(key, step)
            if earlier is not None and earlier is not step:
                replaced = dict(zip(step.outs, earlier.outs, strict=True))
                names.update(replaced)
                same.update(replaced)
                continue
        kept.append(step)
    return graph.replace_uses(kept, names) if names else graph


def _equal_constants(graph: Graph) -> dict[int, int]:
    """For each small constant the first one with the same bits."""
    seen: dict[Hashable, int] = {}
    equal = {}
    for i, value in enumerate(graph.values):
        if value.data is not None and value.data.size <= _SMALL:
            j = seen.setdefault((value.shape, value.dtype, value.data.tobytes()), i)
            if j != i:
                equal[i] = j
    return equal


def _key(call: Call, same: dict[int, int]) -> Hashable:
    """What a call computes; None where that cannot be compared.

    `same`: for a value an earlier one that is equal.
    """
    args = [same.get(a, a) for a in call.args]
    try:
        return (
            id(call.op),
            tuple(args),
            call.n_positional,
            tuple((k, _frozen(v)) for k, v in sorted(call.kwargs.items())),
        )
    except TypeError:
        return None


def _frozen(x: object) -> Hashable:
    """Metadata as a key. Raises TypeError for what cannot be compared."""
    if isinstance(x, slice):
        return ("slice", _frozen(x.start), _frozen(x.stop), _frozen(x.step))
    if isinstance(x, tuple):
        return tuple(_frozen(y) for y in x)
    if isinstance(x, np.ndarray):
        if x.size > _SMALL:
            return ("array", id(x))
        return ("array", x.shape, x.dtype.str, x.tobytes())
    if isinstance(x, OperandRef):
        return ("slot", x.operand)
    if isinstance(x, list | dict | set):
        raise TypeError(type(x))
    hash(x)
    return (type(x), x)
