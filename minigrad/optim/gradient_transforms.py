"""What the driver does to a gradient before any rule sees it.

Sign, averaging, clipping, coupled weight decay.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import number
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import Segment

__all__ = ["Clip", "ClipAdaptive", "ClipNorm", "ClipValue", "norm", "with_weight_decay"]


def norm(vectors: Sequence[Array]) -> float:
    """Euclidean norm of all entries together, without overflow."""
    squares = sum(float(np.vdot(v, v)) for v in vectors)
    if math.isfinite(squares):
        return math.sqrt(squares)
    peak = max(float(np.abs(v).max()) for v in vectors if v.size)
    return peak * math.sqrt(sum(float(np.sum((v.astype(np.float64) / peak) ** 2)) for v in vectors))


class Clip(ABC):
    """A bound on gradients."""

    @abstractmethod
    def __call__(
        self, gradients: Sequence[Array], weights: Sequence[Array], layouts: Sequence[tuple[Segment, ...]]
    ) -> list[Array]:
        """New gradients for all buckets, given their gradients, parameters and layouts.

        Writes into none of them.
        """


@attrs.frozen
class ClipValue(Clip):
    """Each entry into [-bound, bound]."""

    bound: float = number(1.0, gt=0.0)

    def __call__(
        self, gradients: Sequence[Array], weights: Sequence[Array], layouts: Sequence[tuple[Segment, ...]]
    ) -> list[Array]:
        return [np.clip(g, -self.bound, self.bound) for g in gradients]


@attrs.frozen
class ClipNorm(Clip):
    """All gradients together to a norm of at most `bound`, keeping their direction.

    Pascanu et al. 2013.
    """

    bound: float = number(1.0, gt=0.0)

    def __call__(
        self, gradients: Sequence[Array], weights: Sequence[Array], layouts: Sequence[tuple[Segment, ...]]
    ) -> list[Array]:
        size = norm(gradients)
        return list(gradients) if size <= self.bound else [g * (self.bound / size) for g in gradients]


@attrs.frozen
class ClipAdaptive(Clip):
    """Each unit's gradient to `ratio` times the norm of that unit's weights.

    Source: Brock et al. 2021, equation 3. A unit is the last axis' index of a matrix stored (inputs, outputs), and a
    whole vector or scalar. `floor` replaces the norm of weights smaller than it, so that fresh zeros can move.
    """

    ratio: float = number(1e-2, gt=0.0)
    floor: float = number(1e-3, gt=0.0)

    def __call__(
        self, gradients: Sequence[Array], weights: Sequence[Array], layouts: Sequence[tuple[Segment, ...]]
    ) -> list[Array]:
        return [self._clip_bucket(g, w, layout) for g, w, layout in zip(gradients, weights, layouts, strict=True)]

    def _clip_bucket(self, g: Array, w: Array, layout: tuple[Segment, ...]) -> Array:
        clipped = g.copy()
        for segment in layout:
            part, weight = segment.of(clipped), segment.of(w)
            axes = tuple(range(part.ndim - 1)) if part.ndim > 1 else None
            size = np.sqrt(np.sum(part * part, axis=axes, keepdims=True))
            limit = self.ratio * np.maximum(np.sqrt(np.sum(weight * weight, axis=axes, keepdims=True)), self.floor)
            part *= np.where(size > limit, limit / np.where(size > 0.0, size, 1.0), 1.0)
        return clipped


def with_weight_decay(f: Objective, w: Array, sign: float, decay: float) -> Objective:
    """`sign * f + decay / 2 |w|^2` as an Objective at `w`; f itself where that is the same."""
    if sign == 1.0 and decay == 0.0:
        return f
    # Residuals are left out: neither a maximum nor weight decay is a sum of squares of the same residuals.
    return Objective(
        lambda: sign * f.grad + decay * w,
        value=lambda: sign * f.value() + 0.5 * decay * float(w @ w),
        at=lambda there: with_weight_decay(f.at(there), there, sign, decay),
        hvp=lambda v: sign * f.hvp(v) + decay * v,
        hessian=lambda: sign * f.hessian() + decay * np.eye(w.size, dtype=w.dtype),
    )
