"""Short forms that several tables of the gate's corpus are written in."""

# Rules are passed without types: on arrays and on Tensors alike.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, attr-defined"

from __future__ import annotations

import inspect

import numpy as np

import minigrad as mg
from support.gate_case import REAL, Tricky, array, honest, pair, unary

__all__ = [
    "along_axes", "axes_of", "by_matrix", "grown", "of_entries", "option_and_shape", "require_same_shape", "rows_of",
    "spread", "turned", "unbroadcast",
]  # fmt: skip


def turned(a):
    """The last two axes swapped."""
    return mg.swapaxes(a, -1, -2)


def grown(a):
    """One more axis at the end."""
    return mg.expand_dims(a, -1)


def axes_of(x, axis):
    """The axes that an option names, all counted from the front."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(a % x.ndim for a in axes)


def spread(g, x, axis, keepdims):
    """The gradient of a reduction over some axes, put back along them."""
    kept = tuple(1 if k in axes_of(x, axis) else n for k, n in enumerate(x.shape))
    return mg.broadcast_to(mg.reshape(g, kept), x.shape)


def unbroadcast(g, shape):
    """A gradient summed over the axes that an argument was broadcast along."""
    extra = g.ndim - len(shape)
    g = mg.sum(g, axis=tuple(range(extra))) if extra else g
    ones = tuple(k for k, n in enumerate(shape) if n == 1 and g.shape[k] != 1)
    return mg.sum(g, axis=ones, keepdims=True) if ones else g


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


def by_matrix(name, kind, matrix, flawed, params, *, shape=(3, 4), public=""):
    """A linear map of the last axis, given by its matrix for each length; the flawed rule multiplies by another."""
    option, position = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    options = [
        inspect.Parameter(p.name, option, default=p.default)
        for p in inspect.signature(matrix).parameters.values()
        if p.default is not p.empty
    ]

    def signature(*names):
        return inspect.Signature([*(inspect.Parameter(n, position) for n in names), *options])

    def forward(x, **o):
        return x @ matrix(x.shape[-1], **o).T.astype(x.dtype)

    def rule_of(m):
        def rule(g, y, x, **o):
            return g @ m(x.shape[-1], **o).astype(g.dtype)

        rule.__signature__ = signature("g", "y", "x")
        return rule

    forward.__signature__ = signature("x")
    return array(name, kind, forward, rule_of(matrix), rule_of(flawed), shape, params=params, public=public)


def rows_of(n, windows):
    """A matrix of n columns with a row for each window: its places and their weight."""
    m = np.zeros((len(windows), n))
    for row, (places, weight) in zip(m, windows, strict=True):
        row[list(places)] = weight
    return m
