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

__all__ = ["Clip", "ClipAdaptive", "ClipNorm", "ClipValue", "least_square", "norm", "with_weight_decay"]


def norm(vectors: Sequence[Array]) -> float:
    """Euclidean norm of all entries together, without overflow or underflow."""
    squares = [float(np.vdot(v, v)) for v in vectors]
    if all(least_square(v.dtype, v.size) <= s < math.inf for v, s in zip(vectors, squares, strict=True)):
        return math.sqrt(sum(squares))
    peak = max((float(np.abs(v).max()) for v in vectors if v.size), default=0.0)
    if peak == 0.0 or not math.isfinite(peak):
        return peak
    return peak * math.sqrt(sum(float(np.sum((v.astype(np.float64) / peak) ** 2)) for v in vectors))


def least_square(dtype: np.dtype[np.floating], size: int) -> float:
    """Return the sum of squares from which on no term can have been lost.

    A term is lost by being too small for the dtype.
    """
    info = np.finfo(dtype)
    return size * float(info.tiny) / float(info.eps)


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
        if size <= self.bound:
            return list(gradients)
        if math.isinf(size):  # a norm beyond the largest number, of gradients that may be finite
            peak = max(float(np.abs(g).max()) for g in gradients if g.size)
            return self([g / peak * self.bound for g in gradients], weights, layouts)
        root = math.sqrt(self.bound / size)  # the ratio itself may be too small for float32
        return [g * (root * root) if root > 1e-12 else g * root * root for g in gradients]


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
            unit, size = _norms(part, axes)
            scale, length = _norms(weight, axes)
            limit = self.ratio * np.maximum(scale * length, self.floor)
            shorter = part / unit * (limit / np.where(size > 0.0, size, 1.0))
            part[...] = np.where(size > limit / unit, shorter, part)
        return clipped


def _norms(a: Array, axes: tuple[int, ...] | None) -> tuple[float, Array]:
    """Norms over `axes` in float64: a common factor, and what it multiplies.

    The axes stay, with length 1.
    """
    peak = float(np.abs(a).max(initial=0.0)) or 1.0
    return peak, np.sqrt(np.sum((a.astype(np.float64) / peak) ** 2, axis=axes, keepdims=True))


def with_weight_decay(f: Objective, w: Array, sign: float, decay: float | Array) -> Objective:
    """`sign * f + |w|^2 decay / 2` as an Objective at `w`; f itself where that is the same.

    Args:
        decay: one number, or one for each entry of `w`.
    """
    plain = isinstance(decay, float) and decay == 0.0
    if sign == 1.0 and plain:
        return f
    root = np.sqrt(np.broadcast_to(np.asarray(decay, w.dtype), w.shape))
    # sqrt(decay) w are residuals too. What is maximised is no sum of squares.
    squares = sign == 1.0
    return Objective(
        lambda: sign * f.grad + decay * w,
        value=lambda: sign * f.value() + 0.5 * float((decay * w) @ w),
        at=lambda there: with_weight_decay(f.at(there), there, sign, decay),
        hvp=lambda v: sign * f.hvp(v) + decay * v,
        hessian=lambda: sign * f.hessian() + np.diag(root * root),
        residual=(lambda: np.concatenate([f.residual(), root * w])) if squares else None,
        jacobian=(lambda: np.concatenate([f.jacobian(), np.diag(root)])) if squares else None,
    )
