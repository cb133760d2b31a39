"""Optimizers that claim a law which they do not keep."""

from __future__ import annotations

import math
from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, number
from minigrad.typing import Array
from support.optim_lawful import Descent, Gallery

LAWLESS = Gallery()


@LAWLESS.breaks("D1")
class NormalisesYetClaimsElementwise(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad / (1e-8 + math.sqrt(float(f.grad @ f.grad)))


@LAWLESS.breaks("D1")
class TreatsTheFirstCoordinateApart(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * np.where(np.arange(w.size) == 0, 1.0, 0.5).astype(w.dtype)


@LAWLESS.breaks("D1")
class SkipsAllForOneNaN(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad if np.isfinite(f.grad).all() else np.zeros_like(w)


@LAWLESS.breaks("D1")
class CountsParameters(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad / math.sqrt(w.size)


@LAWLESS.breaks("D2")
class DecaysYetClaimsTranslation(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"translation"})
    weight_decay: ClassVar[float] = 0.0

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (1.0 + 0.1 * np.abs(w))


@LAWLESS.breaks("D3")
class PrefersOneSide(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"negation"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.where(f.grad > 0, f.grad, 0.5 * f.grad)


@LAWLESS.breaks("D4")
class PlainYetClaimsScaleInvariance(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"scale-invariant"})


@LAWLESS.breaks("D5")
class SignYetClaimsHomogeneity(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"homogeneous"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.sign(f.grad)


@attrs.frozen
class M:
    m: Array


@LAWLESS.breaks("D6")
@attrs.frozen
class CorrectsAllHistoryByTodaysBeta:
    """1 - beta^t, as in PyTorch and optax: wrong by a factor of up to 5.35 when beta is scheduled."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"constant-step"})
    lr: float = number(1e-2, ge=0.0)
    beta: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.beta * state.m + (1.0 - self.beta) * f.grad
        return w - self.lr * m / (1.0 - self.beta**t), M(m)


@attrs.frozen
class Mean:
    m: Moment


@LAWLESS.breaks("D6")
@attrs.frozen
class ForgetsBiasCorrection:
    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"constant-step"})
    lr: float = number(1e-2, ge=0.0)
    beta: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> Mean:
        return Mean(Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Mean, t: int) -> tuple[Array, Mean]:
        m = state.m.update(f.grad, self.beta)
        return w - self.lr * m.biased, Mean(m)


@LAWLESS.breaks("D7")
class DescentYetClaimsAffine(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"affine"})


@LAWLESS.breaks("D8")
class DescentYetClaimsOneStep(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"one-step-quadratic"})


@LAWLESS.breaks("D9")
class LooksYetRises(Descent):
    needs: ClassVar[Need] = Need.GRAD | Need.VALUE
    laws: ClassVar[frozenset[str]] = frozenset({"monotone"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad if f.value() < 1e9 else 0.5 * f.grad


@LAWLESS.breaks("D10")
class SignYetClaimsRotation(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"orthogonal"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.sign(f.grad)
