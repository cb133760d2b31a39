"""Rules of several momenta, and rules that bound what a denominator can do."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, Optimizer, decay, number, share
from minigrad.typing import Array

__all__ = ["ADOPT", "MADGRAD", "Adan", "AggMo", "QHAdam"]

_ELEMENTWISE = frozenset({"elementwise", "negation", "translation"})


@attrs.frozen
class AdanState:
    """Averages of the gradient, of its differences and of their squares; the last gradient."""

    m: Moment
    d: Moment
    v: Moment
    last: Array


@attrs.frozen
class Adan:
    """w <- w - lr (m^ + b2 d^) / (sqrt(v^) + eps), with d the mean change of the gradient.

    v is the mean square of g + b2 (g - g_last). Source: Xie et al. 2022, algorithm 1, as in the authors' code: betas
    are shares of the past.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant", "constant-step"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.98)
    beta2: float = decay(0.92)
    beta3: float = decay(0.99)
    eps: float = number(1e-8, ge=0.0)

    def init(self, w: Array) -> AdanState:
        """Empty averages."""
        return AdanState(Moment.zeros(w), Moment.zeros(w), Moment.zeros(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: AdanState, t: int) -> tuple[Array, AdanState]:
        """A step along the gradient and where it is heading."""
        g = f.grad
        change = g - (g if t == 1 else state.last)
        m, d = state.m.update(g, self.beta1), state.d.update(change, self.beta2)
        v = state.v.update((g + self.beta2 * change) ** 2, self.beta3)
        step = (m.hat + self.beta2 * d.hat) / (np.sqrt(v.hat) + self.eps)
        return w - self.lr * step, AdanState(m, d, v, g.copy())


@attrs.frozen
class QHState:
    """First and second moment of the gradient."""

    m: Moment
    v: Moment


@attrs.frozen
class QHAdam:
    """Adam whose averages are mixed with the present gradient.

    nu m^ + (1 - nu) g, and likewise below the root.

    Source: Ma & Yarats 2019, section 4, with their recommended nu1 = 0.7; nu1 = nu2 = 1 is Adam.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant", "constant-step"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    nu1: float = share(0.7)
    nu2: float = share(1.0)
    eps: float = number(1e-8, ge=0.0)

    def init(self, w: Array) -> QHState:
        """Empty moments."""
        return QHState(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: QHState, t: int) -> tuple[Array, QHState]:
        """A step between Adam's and that of the present gradient."""
        g = f.grad
        m, v = state.m.update(g, self.beta1), state.v.update(g**2, self.beta2)
        above = self.nu1 * m.hat + (1.0 - self.nu1) * g
        below = np.sqrt(self.nu2 * v.hat + (1.0 - self.nu2) * g**2) + self.eps
        return w - self.lr * above / below, QHState(m, v)


@attrs.frozen
class Velocities:
    """A medium and a slow velocity."""

    medium: Array
    slow: Array


@attrs.frozen
class AggMo:
    """The mean of three momenta.

    v_i <- b_i v_i + g with b = 0, b1, b2, then w <- w - lr mean(v_i).

    Source: Lucas et al. 2019, with their usual three. A slow momentum gives speed, the quick ones damp it.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"homogeneous", "orthogonal"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = number(0.9, ge=0.0, lt=1.0)
    beta2: float = number(0.99, ge=0.0, lt=1.0)

    def init(self, w: Array) -> Velocities:
        """At rest."""
        return Velocities(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Velocities, t: int) -> tuple[Array, Velocities]:
        """One step of the mean velocity."""
        medium = self.beta1 * state.medium + f.grad
        slow = self.beta2 * state.slow + f.grad
        return w - self.lr / 3.0 * (f.grad + medium + slow), Velocities(medium, slow)


@attrs.frozen
class DualAverages:
    """Weighted sums of gradients and of their squares, and the starting point."""

    s: Array
    square: Array
    origin: Array


@attrs.frozen
class MADGRAD:
    """Dual averaging: z = w_0 - s / (cbrt(v) + eps), w <- momentum w + (1 - momentum) z.

    s and v are sums of g and g^2 weighted by lr sqrt(t). Source: Defazio & Jelassi 2022, algorithm 1. The authors' code
    adds eps to lr.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE

    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    eps: float = number(1e-6, gt=0.0)

    def init(self, w: Array) -> DualAverages:
        """Empty sums."""
        return DualAverages(np.zeros_like(w), np.zeros_like(w), w.copy())

    def update(self, w: Array, f: Objective, state: DualAverages, t: int) -> tuple[Array, DualAverages]:
        """Towards the point that all gradients so far lead to from the start."""
        weight: float = self.lr * t**0.5
        s, square = state.s + weight * f.grad, state.square + weight * f.grad**2
        moved = w + (1.0 - self.momentum) * ((state.origin - w) - s / (np.cbrt(square) + self.eps))
        return moved, DualAverages(s, square, state.origin)


@attrs.frozen
class AdoptState:
    """Mean normalised gradient, and second moment of the gradients before it.

    The second moment leaves the present gradient out; neither is corrected.
    """

    m: Array
    v: Array


@attrs.frozen
class ADOPT:
    """Adam that divides each gradient by the second moment of those before it.

    It converges for any beta2.

    m <- b1 m + (1 - b1) clip(g / max(sqrt(v), eps), t^(1/4)), w <- w - lr m, then v <- b2 v + (1 - b2) g^2. The first
    step only sets v = g^2. Source: Taniguchi et al. 2024, algorithm 2.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = number(0.9, ge=0.0, lt=1.0)
    beta2: float = number(0.9999, ge=0.0, lt=1.0)
    eps: float = number(1e-6, gt=0.0)

    def init(self, w: Array) -> AdoptState:
        """Nothing seen."""
        return AdoptState(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: AdoptState, t: int) -> tuple[Array, AdoptState]:
        """A step along gradients measured by their predecessors."""
        g = f.grad
        if t == 1:
            return w.copy(), AdoptState(state.m.copy(), g**2)
        bound: float = (t - 1) ** 0.25
        normalized = np.clip(g / np.maximum(np.sqrt(state.v), self.eps), -bound, bound)
        m = self.beta1 * state.m + (1.0 - self.beta1) * normalized
        return w - self.lr * m, AdoptState(m, self.beta2 * state.v + (1.0 - self.beta2) * g**2)


_adan: Optimizer[AdanState] = Adan()
_qhadam: Optimizer[QHState] = QHAdam()
_aggmo: Optimizer[Velocities] = AggMo()
_madgrad: Optimizer[DualAverages] = MADGRAD()
_adopt: Optimizer[AdoptState] = ADOPT()
