"""Solving f(x) = 0 by Newton's method, with derivatives by minigrad."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

import minigrad as mg
from minigrad.core.errors import MinigradError
from minigrad.typing import Array, Tensor

__all__ = ["Root", "RootError", "root"]


class RootError(MinigradError, ArithmeticError):
    """The iteration cannot go on, or did not converge."""


@attrs.frozen(eq=False)
class Root:
    """Where the iteration ended.

    Attributes:
        x: of the shape of the start.
        residual: largest |f(x)|.
        steps: how many were taken.
        path: all x, from the start.
    """

    x: Array
    residual: float
    steps: int
    path: tuple[Array, ...]


def root(f: Callable[[Tensor], Tensor], start: float | Array, *, tolerance: float = 1e-12, steps: int = 50) -> Root:
    """x <- x - f(x) / f'(x), or x - J^-1 f(x) for several unknowns, until |f(x)| <= tolerance.

    Source: Newton 1669, Raphson 1690; the course notes' first formula for Newton's method. Double precision.

    Args:
        f: maps a Tensor to a Tensor of the same shape, scalar or `(n,)`.
        start: where to begin.

    Raises:
        RootError: the derivative is zero or singular, where f is not finite, and after `steps` steps.
    """
    x = np.array(start, dtype=np.float64)
    path = [x]
    for count in range(steps + 1):
        here = mg.tensor(x, requires_grad=True)
        y = f(here)
        if y.shape != x.shape:
            raise RootError(f"f maps shape {x.shape} to {y.shape}: there must be as many equations as unknowns")
        value = y.numpy()
        residual = float(np.abs(value).max()) if value.size else 0.0
        if not np.isfinite(residual):
            raise RootError(f"f is not finite at x = {x.tolist()}, after {count} steps")
        if residual <= tolerance:
            return Root(x, residual, count, tuple(path))
        if count < steps:
            x = x - _solved(_slope(here, y), value, x, count)
            path.append(x)
    raise RootError(f"no root after {steps} steps: |f(x)| = {residual:.3g} at x = {x.tolist()}; start nearer to one")


def _slope(x: Tensor, y: Tensor) -> Array:
    """Jacobian, shape `(n, n)`, one backward pass for each equation."""
    rows = []
    for unit in np.eye(y.size):
        x.zero_grad()
        if y.requires_grad:
            y.backward(unit.reshape(y.shape))
        rows.append(np.zeros(x.size) if x.grad is None else x.grad.numpy().reshape(-1))
    return np.array(rows)


def _solved(slope: Array, value: Array, x: Array, count: int) -> Array:
    try:
        return np.asarray(np.linalg.solve(slope, value.reshape(-1)), dtype=np.float64).reshape(x.shape)
    except np.linalg.LinAlgError:
        raise RootError(f"the derivative is singular at x = {x.tolist()}, after {count} steps") from None
