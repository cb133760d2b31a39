"""Rules that estimate what others are told: the curvature, or the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, Objective, Optimizer, count, decay, flag, number
from minigrad.typing import Array

__all__ = ["Prodigy", "SophiaH"]


@attrs.frozen
class SophiaState:
    """Mean gradient, and mean of the estimated diagonal of the Hessian."""

    m: Array
    h: Array


@attrs.frozen
class SophiaH:
    """w <- w - lr clip(m / max(h, eps), bound), h the mean of z * Hz for random signs z.

    Source: Liu et al. 2023, algorithm 3, with Hutchinson's estimator (algorithm 1) at every `every`-th step, as in the
    common implementations; neither average is corrected. The signs of step t are those of
    `numpy.random.default_rng([seed, t])`, so that a run can be repeated. Needs a closure.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.HVP
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant"})
    trial: ClassVar[Mapping[str, object]] = {"lr": 1.0}

    lr: float = number(6e-2, ge=0.0)
    beta1: float = decay(0.96)
    beta2: float = decay(0.99)
    bound: float = number(1e-2, gt=0.0)
    eps: float = number(1e-12, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    every: int = count(10, ge=1)
    seed: int = count(0)

    def init(self, w: Array) -> SophiaState:
        """Nothing seen."""
        return SophiaState(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: SophiaState, t: int) -> tuple[Array, SophiaState]:
        """A Newton step along each axis, within bounds."""
        m = self.beta1 * state.m + (1.0 - self.beta1) * f.grad
        h = state.h
        if (t - 1) % self.every == 0:
            z = np.random.default_rng([self.seed, t]).choice([-1.0, 1.0], w.size).astype(w.dtype)
            h = self.beta2 * h + (1.0 - self.beta2) * (z * f.hvp(z))
        step = np.clip(m / np.maximum(h, self.eps), -self.bound, self.bound)
        return w * (1.0 - self.lr * self.weight_decay) - self.lr * step, SophiaState(m, h)


@attrs.frozen
class ProdigyState:
    """Adam's moments of d g, the starting point, and what d is made of."""

    m: Array
    v: Array
    s: Array
    start: Array
    d: float
    numerator: float


@attrs.frozen
class Prodigy:
    """Adam whose rate d grows to the distance from start to solution; lr multiplies it.

    Source: Mishchenko & Defazio 2023, algorithm 4 (the Adam version), as in the authors' code: d is the largest
    estimate so far, beta3 is sqrt(beta2), eps counts in units of d. One d for all parameters of a group and dtype.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant"})

    lr: float = number(1.0, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    initial: float = number(1e-6, gt=0.0)
    coefficient: float = number(1.0, gt=0.0)
    bias_correction: bool = flag(False)

    def init(self, w: Array) -> ProdigyState:
        """At the start, with the smallest d."""
        zeros = np.zeros_like(w)
        return ProdigyState(zeros, zeros.copy(), zeros.copy(), w.copy(), self.initial, 0.0)

    def update(self, w: Array, f: Objective, state: ProdigyState, t: int) -> tuple[Array, ProdigyState]:
        """Estimate the distance, and step in proportion to it."""
        g, d, beta3 = f.grad, state.d, math.sqrt(self.beta2)
        correction = math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t) if self.bias_correction else 1.0
        rate = d * self.lr * correction
        ratio = d / self.initial
        numerator = beta3 * state.numerator + ratio * rate * float(g @ (state.start - w))
        m = self.beta1 * state.m + (1.0 - self.beta1) * d * g
        v = self.beta2 * state.v + (1.0 - self.beta2) * d * d * (g * g)
        s = beta3 * state.s + ratio * rate * g
        total = float(np.abs(s).sum())
        if total == 0.0:
            return w.copy(), ProdigyState(m, v, s, state.start, d, numerator)
        now = max(d, self.coefficient * numerator / total)
        root = np.sqrt(v) + now * self.eps
        step = np.divide(m, root, out=np.zeros_like(m), where=root > 0.0)
        moved = w * (1.0 - rate * self.weight_decay) - rate * step
        return moved, ProdigyState(m, v, s, state.start, now, numerator)


_sophia: Optimizer[SophiaState] = SophiaH()
_prodigy: Optimizer[ProdigyState] = Prodigy()
