"""Masks of attention: what they mean, and several of them as one."""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import BoolArray, Shape
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_constant import equal, greater

__all__ = ["Mask", "allowed", "join_masks"]

Mask: TypeAlias = "Tensor | BoolArray | None"
"""Booleans, where attention is allowed; or numbers, which are added to the scores."""


def allowed(forbidden: Mask) -> Any:
    """The opposite of booleans; numbers are what they are."""
    assert forbidden is not None
    if forbidden.dtype != np.bool_:
        return forbidden
    return equal(forbidden, False) if isinstance(forbidden, Tensor) else ~forbidden


def join_masks(layer: object, masks: list[Mask], shape: Shape) -> Mask:
    """One mask of all: what each allows, with all numbers added.

    Raises:
        ShapeError: one does not broadcast to `shape`, (N, heads, targets, sources).
    """
    present = [mask for mask in masks if mask is not None]
    for mask in present:
        try:
            fits = np.broadcast_shapes(mask.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"{layer!r}: a mask of shape {mask.shape} does not broadcast to {shape}")
    return reduce(_join, present) if present else None


def _join(a: Any, b: Any) -> Any:
    if a.dtype == np.bool_ and b.dtype == np.bool_:
        both_arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return a & b if both_arrays else greater(where(a, b, False), False)
    if a.dtype != np.bool_ and b.dtype != np.bool_:
        return a + b
    truth, numbers = (a, b) if a.dtype == np.bool_ else (b, a)
    return where(truth, numbers, -np.inf)
