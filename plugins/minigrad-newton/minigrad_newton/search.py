"""Line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.optim import Objective
from minigrad.typing import Array

__all__ = ["Found", "strong_wolfe"]


@attrs.frozen
class Found:
    """A point on the line: step length, parameters, value, gradient, and slope along the line."""

    step: float
    w: Array
    value: float
    grad: Array
    slope: float


_Look: TypeAlias = Callable[[float], Found]
_Test: TypeAlias = Callable[[Found], bool]


def strong_wolfe(
    f: Objective, w: Array, d: Array, *, first: float = 1.0, c1: float = 1e-4, c2: float = 0.9, limit: int = 30
) -> Found | None:
    """A step a with f(w + a d) <= f + c1 a g.d and |g(w + a d).d| <= c2 |g.d|, or None.

    Source: Nocedal & Wright 2006, algorithms 3.5 and 3.6, with cubic interpolation. Where differences of f drown in
    rounding, the first condition is replaced by its approximation from slopes (Hager & Zhang 2005). If `limit`
    evaluations do not find one, the lowest point seen that lies below the start is returned.

    Args:
        f: the function seen from `w`; needs value, gradient and `at`.
        d: direction of shape `(n,)`; None is returned unless f falls along it.
        first: step to try first.
    """
    start = Found(0.0, w, f.value(), f.grad, float(f.grad @ d))
    if not start.slope < 0.0:
        return None

    def look(a: float) -> Found:
        here = w + a * d
        there = f.at(here)
        value = there.value()
        if not math.isfinite(value):
            return Found(a, here, math.inf, f.grad, math.inf)
        grad = there.grad
        return Found(a, here, value, grad, float(grad @ d))

    def enough(p: Found) -> bool:
        return p.value <= start.value + c1 * p.step * start.slope

    noise = 4.0 * float(np.finfo(w.dtype).eps) * abs(start.value)

    def done(p: Found) -> bool:
        if abs(p.slope) > -c2 * start.slope:
            return False
        return enough(p) or (p.value <= start.value + noise and p.slope <= (2.0 * c1 - 1.0) * start.slope)

    low, step, best = start, first, start
    for count in range(limit):
        p = look(step)
        if p.value < best.value:
            best = p
        if done(p):
            return p
        if not enough(p) or (p.value >= low.value and count > 0):
            return _zoom(low, p, best, limit - count, look, enough, done)
        if p.slope >= 0.0:
            return _zoom(p, low, best, limit - count, look, enough, done)
        low, step = p, 2.0 * step
    return best if best.step > 0.0 else None


def _zoom(
    low: Found,
    high: Found,
    best: Found,
    limit: int,
    look: _Look,
    enough: _Test,
    done: _Test,
) -> Found | None:
    """Narrow the interval whose end `low` is the lower one and satisfies the first condition."""
    for _ in range(limit):
        p = look(_between(low, high))
        if p.value < best.value:
            best = p
        if done(p):
            return p
        if not enough(p) or p.value >= low.value:
            high = p
        else:
            if p.slope * (high.step - low.step) >= 0.0:
                high = low
            low = p
        if abs(high.step - low.step) <= 1e-14 * max(1.0, abs(low.step)):
            break
    return best if best.step > 0.0 else None


def _between(a: Found, b: Found) -> float:
    """Minimum of the cubic through both points and slopes, kept off the ends.

    The middle if there is none.
    """
    middle = 0.5 * (a.step + b.step)
    if not (math.isfinite(b.value) and math.isfinite(b.slope)):
        return middle
    d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if square < 0.0:
        return middle
    d2 = math.copysign(math.sqrt(square), b.step - a.step)
    divisor = b.slope - a.slope + 2.0 * d2
    if divisor == 0.0:
        return middle
    cubic = b.step - (b.step - a.step) * (b.slope + d2 - d1) / divisor
    margin = 0.1 * abs(b.step - a.step)
    return float(np.clip(cubic, min(a.step, b.step) + margin, max(a.step, b.step) - margin))
