"""Who owns the memory of a value: what may be handed out as it is, and what only as a copy."""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array


def is_private(value: Array) -> bool:
    """True when nobody can write to the memory of `value`: it and all arrays it is a view of are read-only."""
    owner: object = value
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None


def exposed(value: Array) -> Array:
    """`value` in a form that can be handed out: read-only down to the array that owns the memory.

    Results of ops stay writeable until somebody looks at them, which keeps the flag off the hot path. Memory that no
    array owns belongs to an optimizer's flat buffer (or a file), whose owner goes on writing to it: hand out a copy.
    """
    chain: list[Array] = []
    owner: object = value
    while isinstance(owner, np.ndarray):
        chain.append(owner)
        owner = owner.base
    if owner is not None:
        value = value.copy()
        chain = [value]
    for a in chain:
        a.flags.writeable = False
    return value
