"""Adam's relatives, which divide each coordinate's mean gradient by a measure of its size."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, Optimizer, decay, number
from minigrad.typing import Array

__all__ = ["AdEMAMix", "AdaBelief", "Adadelta", "Adamax", "NAdam", "RAdam", "Yogi"]

_ELEMENTWISE = frozenset({"elementwise", "negation", "translation"})


@attrs.frozen
class Moments:
    """First and second moment of the gradient."""

    m: Moment
    v: Moment


@attrs.frozen
class NAdamState:
    """Moments, and the product of all momenta so far."""

    m: Moment
    v: Moment
    product: float


@attrs.frozen
class NAdam:
    """Adam with Nesterov momentum, mu_t = b1 (1 - 0.96^(t psi) / 2).

    w <- w - lr [(1 - mu_t) g / (1 - prod mu) + mu_{t+1} m / (1 - prod mu mu_{t+1})] / (sqrt(v^) + eps).
    Source: Dozat 2016, algorithm 2, with its momentum schedule, as in PyTorch and Keras; optax leaves that out.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant"}

    lr: float = number(2e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)
    momentum_decay: float = number(4e-3, ge=0.0)

    def init(self, w: Array) -> NAdamState:
        """Empty moments."""
        return NAdamState(Moment.zeros(w), Moment.zeros(w), 1.0)

    def update(self, w: Array, f: Objective, state: NAdamState, t: int) -> tuple[Array, NAdamState]:
        """A step along the gradient and the momentum to come."""
        g = f.grad
        m, v = state.m.update(g, self.beta1), state.v.update(g**2, self.beta2)
        now, after = self._momentum(t), self._momentum(t + 1)
        product = state.product * now
        ahead = (1.0 - now) / (1.0 - product) * g + after / (1.0 - product * after) * m.value
        return w - self.lr * ahead / (np.sqrt(v.hat) + self.eps), NAdamState(m, v, product)

    def _momentum(self, t: int) -> float:
        power: float = 0.96 ** (t * self.momentum_decay)
        return self.beta1 * (1.0 - 0.5 * power)


@attrs.frozen
class RAdam:
    """Adam whose denominator waits until its variance is tractable, and is then rectified.

    Source: Liu et al. 2020, algorithm 2, with PyTorch's threshold rho > 5 and place of eps (inside the correction).
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)

    def init(self, w: Array) -> Moments:
        """Empty moments."""
        return Moments(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """Plain momentum at first, rectified Adam later."""
        m, v = state.m.update(f.grad, self.beta1), state.v.update(f.grad**2, self.beta2)
        limit = 2.0 / (1.0 - self.beta2) - 1.0
        rho = limit - 2.0 * t * (1.0 - v.weight) / v.weight
        if rho <= 5.0:
            return w - self.lr * m.hat, Moments(m, v)
        rectified = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
        # ** and not math.sqrt, which wants to know the number: so the update is recorded once for all steps.
        scale: float = self.lr * (rectified * v.weight) ** 0.5
        return w - scale * m.hat / (np.sqrt(v.value) + self.eps), Moments(m, v)


@attrs.frozen
class AdamaxState:
    """Mean gradient, and its decaying largest size."""

    m: Moment
    u: Array


@attrs.frozen
class Adamax:
    """u <- max(b2 u, |g| + eps), w <- w - lr m^ / u.

    Source: Kingma & Ba 2015, algorithm 2, as in PyTorch.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant", "constant-step"}

    lr: float = number(2e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> AdamaxState:
        """Nothing seen."""
        return AdamaxState(Moment.zeros(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: AdamaxState, t: int) -> tuple[Array, AdamaxState]:
        """Mean gradient over largest gradient."""
        m = state.m.update(f.grad, self.beta1)
        u = np.maximum(self.beta2 * state.u, np.abs(f.grad) + self.eps)
        return w - self.lr * m.hat / u, AdamaxState(m, u)


@attrs.frozen
class AdadeltaState:
    """Averages of squared gradients and of squared steps."""

    square: Moment
    steps: Moment


@attrs.frozen
class Adadelta:
    """d = g sqrt(E[d^2] + eps) / sqrt(E[g^2] + eps), w <- w - lr d.

    Source: Zeiler 2012, algorithm 1, as in PyTorch.
    The averages are not bias-corrected. Slow to start: the first steps have the size sqrt(eps).
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE

    lr: float = number(1.0, ge=0.0)
    decay: float = number(0.9, ge=0.0, lt=1.0)
    eps: float = number(1e-6, gt=0.0)

    def init(self, w: Array) -> AdadeltaState:
        """Empty averages."""
        return AdadeltaState(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: AdadeltaState, t: int) -> tuple[Array, AdadeltaState]:
        """A step in the units of the parameters."""
        square = state.square.update(f.grad**2, self.decay)
        step = np.sqrt(state.steps.value + self.eps) / np.sqrt(square.value + self.eps) * f.grad
        return w - self.lr * step, AdadeltaState(square, state.steps.update(step**2, self.decay))


@attrs.frozen
class AdaBelief:
    """Adam whose second moment is that of the surprise g - m.

    Source: Zhuang et al. 2020, algorithm 2, as in optax. `floor` is added to the second moment's average at every step;
    eps stands outside the root.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-16, ge=0.0)
    floor: float = number(1e-16, ge=0.0)

    def init(self, w: Array) -> Moments:
        """Empty moments."""
        return Moments(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """Long steps where the gradient is as expected."""
        m = state.m.update(f.grad, self.beta1)
        s = state.v.update((f.grad - m.value) ** 2, self.beta2)
        s = Moment.of(s.value + self.floor, s.weight)
        return w - self.lr * m.hat / (np.sqrt(s.hat) + self.eps), Moments(m, s)


@attrs.frozen
class Yogi:
    """Adam whose second moment moves additively: v <- v - (1 - b2) sign(v - g^2) g^2.

    Source: Zaheer et al. 2018.
    As in optax, v starts at `initial`, both averages are bias-corrected, and eps is 1e-3. optax starts the mean
    gradient there too (`initial_mean=1e-6`), which makes it drift without any gradient.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE

    lr: float = number(1e-2, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-3, ge=0.0)
    initial: float = number(1e-6, ge=0.0)
    initial_mean: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> Moments:
        """The averages at their initial values."""
        return Moments(Moment(np.full_like(w, self.initial_mean)), Moment(np.full_like(w, self.initial)))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """Adam's step, with a second moment that changes slowly when gradients shrink."""
        m = state.m.update(f.grad, self.beta1)
        square = f.grad**2
        raw = state.v.value - (1.0 - self.beta2) * np.sign(state.v.value - square) * square
        v = Moment(raw, self.beta2 * state.v.weight + (1.0 - self.beta2))
        return w - self.lr * m.hat / (np.sqrt(v.hat) + self.eps), Moments(m, v)


@attrs.frozen
class MixState:
    """A fast and a slow mean of the gradient, and its second moment."""

    fast: Moment
    slow: Moment
    v: Moment


@attrs.frozen
class AdEMAMix:
    """AdamW with a second, slow mean.

    W <- w - lr [(m1^ + alpha m2) / (sqrt(v^) + eps) + weight_decay w].
    Source: Pagliardini, Ablin & Grangier 2024, algorithm 1. m2 is not bias-corrected, as there. Their warm-ups are
    schedules here: `alpha=WarmUp(Constant(5.0), steps)`, and one for `beta3`.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant"}

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    beta3: float = decay(0.9999)
    alpha: float = number(5.0, ge=0.0)
    eps: float = number(1e-8, ge=0.0)
    weight_decay: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> MixState:
        """Empty moments."""
        return MixState(Moment.zeros(w), Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: MixState, t: int) -> tuple[Array, MixState]:
        """A step along recent and long past gradients."""
        g = f.grad
        fast, slow = state.fast.update(g, self.beta1), state.slow.update(g, self.beta3)
        v = state.v.update(g**2, self.beta2)
        step = (fast.hat + self.alpha * slow.value) / (np.sqrt(v.hat) + self.eps)
        return w - self.lr * (step + self.weight_decay * w), MixState(fast, slow, v)


_nadam: Optimizer[NAdamState] = NAdam()
_radam: Optimizer[Moments] = RAdam()
_adamax: Optimizer[AdamaxState] = Adamax()
_adadelta: Optimizer[AdadeltaState] = Adadelta()
_adabelief: Optimizer[Moments] = AdaBelief()
_yogi: Optimizer[Moments] = Yogi()
_ademamix: Optimizer[MixState] = AdEMAMix()
