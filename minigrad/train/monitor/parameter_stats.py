"""What a step did to a parameter, in figures."""

from __future__ import annotations

import math

import numpy as np

from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array

__all__ = ["PARAMETER_COLUMNS", "gradient_of", "parameter_stats"]

PARAMETER_COLUMNS = (
    "update_ratio", "update_rms", "weight_rms", "gradient_rms", "gradient_zero", "nonfinite"
)  # fmt: skip
"""Columns of a parameter: ratio of its update, root mean squares, share of zeros.

And the number of entries that are not finite.
"""


def parameter_stats(old: Array, t: Tensor) -> tuple[float, ...]:
    """The figures of one parameter, by `PARAMETER_COLUMNS`."""
    w, g, n = t._node.value, gradient_of(t), max(t.size, 1)
    before = float(np.vdot(old, old))
    moved = w - old
    update = float(np.vdot(moved, moved))
    slope = 0.0 if g is None else float(np.vdot(g, g))
    zero = 1.0 if g is None else np.count_nonzero(g == 0.0) / n  # on booleans: several times as fast as on floats
    bad = (
        0
        if math.isfinite(update + slope)
        else sum(int(np.count_nonzero(~np.isfinite(a))) for a in (w, g) if a is not None)
    )
    ratio = math.sqrt(update / before) if before else (math.inf if update else 0.0)
    return ratio, math.sqrt(update / n), math.sqrt(before / n), math.sqrt(slope / n), zero, float(bad)


def gradient_of(t: Tensor) -> Array | None:
    """The gradient that has arrived at `t`, without a copy."""
    sink = t._own_sink()
    if sink is None or not sink.has_grad:
        return None
    return sink.buffer if sink.grad is None else as_array(sink.grad)
