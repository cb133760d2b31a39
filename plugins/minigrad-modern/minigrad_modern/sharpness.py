"""Rules that look at the neighbourhood or the size of the weights before they step."""

from __future__ import annotations

import math
from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, Optimizer, Segment, decay, number
from minigrad.typing import Array

__all__ = ["LARS", "SAM", "CautiousAdamW", "CautiousLion"]


@attrs.frozen
class Velocity:
    """A momentum buffer, shape `(n,)`."""

    v: Array


@attrs.frozen
class SAM:
    """Momentum along the gradient at w + rho g / |g|, the steepest point nearby.

    Source: Foret et al. 2021, algorithm 1, over all parameters at once. Needs a closure, which is evaluated twice.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.REEVAL
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation", "orthogonal"})

    lr: float = number(1e-2, ge=0.0)
    rho: float = number(0.05, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> Velocity:
        """At rest."""
        return Velocity(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Velocity, t: int) -> tuple[Array, Velocity]:
        """Climb a little, look, and descend from where it was."""
        g = f.grad
        size = math.sqrt(float(g @ g))
        steep = f.at(w + (self.rho / size) * g).grad if size > 0.0 else g
        v = self.momentum * state.v + steep
        return w - self.lr * v, Velocity(v)


@attrs.frozen
class LARS:
    """Momentum whose gradients are scaled for each matrix by ratio |w| / |g + weight_decay w|.

    Source: You, Gitman & Ginsburg 2017. As in the common implementations vectors (biases, gains) are neither scaled
    nor decayed.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation"})

    lr: float = number(1e-1, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    ratio: float = number(1e-3, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Velocity:
        """At rest."""
        return Velocity(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Velocity, t: int) -> tuple[Array, Velocity]:
        """A step of the same relative length for each matrix."""
        scaled = f.grad.copy()
        for part in self.layout or (Segment("w", 0, w.shape),):
            if len(part.shape) < 2:
                continue
            weights = part.of(w)
            direction = part.of(f.grad) + self.weight_decay * weights
            size, length = (math.sqrt(float(np.sum(a * a))) for a in (weights, direction))
            part.of(scaled)[...] = direction * (self.ratio * size / length if size > 0.0 and length > 0.0 else 1.0)
        v = self.momentum * state.v + scaled
        return w - self.lr * v, Velocity(v)


@attrs.frozen
class Moments:
    """First and second moment of the gradient."""

    m: Moment
    v: Moment


@attrs.frozen
class CautiousAdamW:
    """AdamW that leaves out entries whose step points against their gradient.

    It makes up for them in the others.

    Source: Liang et al. 2024, algorithm 2: within each parameter the n entries' steps are masked by m g > 0 and
    multiplied by n / (number kept + 1).
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "scale-invariant"})

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)
    weight_decay: float = number(1e-2, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Moments:
        """Empty moments."""
        return Moments(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """Adam's step where it agrees with the gradient."""
        g = f.grad
        m, v = state.m.update(g, self.beta1), state.v.update(g**2, self.beta2)
        agrees = _agreement(m.total, g, self.layout)
        step = m.hat / (np.sqrt(v.hat) + self.eps)
        return (1.0 - self.lr * self.weight_decay) * w - self.lr * (agrees * step), Moments(m, v)


@attrs.frozen
class Mean:
    """Mean gradient."""

    m: Moment


@attrs.frozen
class CautiousLion:
    """Lion that leaves out entries whose step points against their gradient.

    Source: Liang et al. 2024, as in the authors' code: signs first, then the mask.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant", "constant-step"})

    lr: float = number(1e-4, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.99)
    weight_decay: float = number(0.0, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Mean:
        """An empty mean."""
        return Mean(Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Mean, t: int) -> tuple[Array, Mean]:
        """A step of the same length in every coordinate that agrees."""
        g = f.grad
        step = np.sign(state.m.update(g, self.beta1).biased)
        step *= _agreement(step, g, self.layout)
        return (1.0 - self.lr * self.weight_decay) * w - self.lr * step, Mean(state.m.update(g, self.beta2))


def _agreement(step: Array, g: Array, layout: tuple[Segment, ...]) -> Array:
    """Factors for a step: 0 where it points against the gradient, above 1 elsewhere.

    Their mean is about 1 in each parameter.
    """
    agrees = (step * g > 0.0).astype(g.dtype)
    for part in layout or (Segment("w", 0, g.shape),):
        kept = part.of(agrees)
        kept *= part.size / (float(kept.sum()) + 1.0)
    return agrees


_sam: Optimizer[Velocity] = SAM()
_lars: Optimizer[Velocity] = LARS()
_cautious: Optimizer[Moments] = CautiousAdamW()
_cautious_lion: Optimizer[Mean] = CautiousLion()
