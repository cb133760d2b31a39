"""Short forms that several tables of the gate's corpus are written in."""

# Rules are passed without types: on arrays and on Tensors alike.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import minigrad as mg
from support.gate_case import REAL, Tricky, honest, pair, unary

__all__ = ["along_axes", "grown", "of_entries", "option_and_shape", "require_same_shape", "turned"]


def turned(a):
    """The last two axes swapped."""
    return mg.swapaxes(a, -1, -2)


def grown(a):
    """One more axis at the end."""
    return mg.expand_dims(a, -1)


def require_same_shape(a, b):
    """Refuse arguments that would broadcast."""
    if a.shape != b.shape:
        raise ValueError("shapes differ")


def of_entries(name, f, rule, domain=REAL, kinks=()):
    """A right function of each entry by itself."""
    return Tricky(name, lambda: unary(f, rule, domain, kinks=kinks))


def along_axes(name, f, rule, shape=(3, 4), domain=REAL, params=({},), kinks=()):
    """A right function of one array of a given shape."""
    return honest(name, f, {"x": rule}, {"x": domain}, shapes=[(shape,)], params=params, kinks=kinks)


def option_and_shape(name, f, ok, bad, dom, **k):
    """A rule that is wrong where an option meets a shape, beside the right one."""
    return pair(name, "option and shape", f, ok, bad, dom, **k)
