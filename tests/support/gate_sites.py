"""Calls of rules that mutations act on, and what they make of gradients and of derivatives of gradients."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.core.backward import gradients
from minigrad.core.tensor import Tensor, as_array
from minigrad.typing import Array
from minigrad.verify.mutation.mutants import Change, Site

__all__ = ["changed", "numbers", "site", "slopes"]


def numbers(*shape: int) -> Array:
    """Numbers between 1.0 and 19, all different, none whole, in no order."""
    count = int(np.prod(shape))
    rising = np.linspace(1.0625, 18.3, count)
    return rising[np.argsort(np.sin(np.arange(count) * 12.9898 + 1.0))].reshape(shape)


def site(x: object, g: object = None, *others: object, **kwargs: object) -> Site:
    """A call of a rule for its first argument; the output gradient has both signs unless given."""
    shape = np.shape(as_array(x))
    default = np.where(np.arange(as_array(x).size).reshape(shape) % 2, -0.75, 1.5)
    return Site(default if g is None else g, x, (x, *others), kwargs)


def changed(change: Change, at: Site, r: Array | None = None) -> Array:
    """Which entries of a gradient are changed."""
    due = np.full(at.value.shape, 3.0, at.value.dtype) if r is None else r
    return np.asarray(as_array(change(at, due)) != due)


def slopes(change: Change, numbers: Array) -> tuple[Array, Array, Array]:
    """What becomes of r = x^3: its value, its derivative and its second derivative."""
    x = mg.tensor(numbers, requires_grad=True)
    r = change(site(x), x * x * x)
    assert isinstance(r, Tensor)
    if not r.requires_grad:
        return r.data, 0.0 * numbers, 0.0 * numbers
    ones = np.ones(numbers.shape)
    (first,) = gradients([r], [ones], [x], create_graph=True)
    assert isinstance(first, Tensor)
    second = gradients([first], [ones], [x], create_graph=False)[0] if first.requires_grad else 0.0 * ones
    assert second is not None
    return r.data, first.data, as_array(second)
