"""Published rules that average, project, draw noise or take signs."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import NoState, Objective, Segment, count, decay, number, share
from minigrad.typing import Array
from support.optim_zoo import MV, MVU, M, Rule, published


@published
class Signum(Rule):
    """Bernstein et al. 2018."""

    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "translation", "negation", "scale-invariant"})
    lr: float = number(1e-2, ge=0.0)
    momentum: float = decay(0.9)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.momentum * state.m + (1 - self.momentum) * f.grad
        return w - self.lr * np.sign(m), M(m)


@attrs.frozen
class Averaged:
    mean: Array
    steps: int


@published
class ASGD(Rule):
    """Polyak & Juditsky 1992, with PyTorch's schedules."""

    lr: float = number(1e-2, ge=0.0)
    lambd: float = number(1e-4, ge=0.0)
    alpha: float = number(0.75, ge=0.0)
    t0: float = number(1e6, ge=0.0)

    def init(self, w: Array) -> Averaged:
        return Averaged(w.copy(), 0)

    def update(self, w: Array, f: Objective, state: Averaged, t: int) -> tuple[Array, Averaged]:
        eta = self.lr / (1.0 + self.lambd * self.lr * (t - 1)) ** self.alpha
        new = w * (1.0 - self.lambd * eta) - eta * f.grad
        mu = 1.0 / max(1.0, t - self.t0)
        return new, Averaged(state.mean + mu * (new - state.mean), state.steps + 1)

    def average(self, w: Array, state: Averaged) -> Array:
        return state.mean


@published
class PID(Rule):
    """An et al. 2018."""

    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    derivative: float = number(1.0, ge=0.0)

    def init(self, w: Array) -> MVU:
        return MVU(np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MVU, t: int) -> tuple[Array, MVU]:
        i = self.momentum * state.m + f.grad
        d = self.momentum * state.v + (1 - self.momentum) * ((f.grad - state.u) if t > 1 else 0.0 * f.grad)
        return w - self.lr * (f.grad + i + self.derivative * d), MVU(i, d, np.array(f.grad))


@published
class AccSGD(Rule):
    """Kidambi et al. 2018."""

    lr: float = number(1e-3, ge=0.0)
    kappa: float = number(1000.0, gt=1.0)
    xi: float = number(10.0, gt=0.0)

    def init(self, w: Array) -> M:
        return M(w.copy())

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        large = self.lr * self.kappa / 0.7
        alpha = 1.0 - 0.49 * self.xi / self.kappa
        beta = 1.0 - alpha
        slow = state.m * alpha + beta * (w - large * f.grad)
        zeta = 0.7 / (0.7 + beta)
        return (w - self.lr * f.grad) * zeta + slow * (1 - zeta), M(slow)


@published
class SGDP(Rule):
    """Heo et al. 2021."""

    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    delta: float = number(0.1, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.momentum * state.m + f.grad
        step = m.copy()
        for s in self.layout:
            if len(s.shape) < 2:
                continue
            p, g, d = s.of(w), s.of(f.grad), s.of(step)
            cosine = abs(np.sum(p * g)) / (np.linalg.norm(p) * np.linalg.norm(g) + 1e-8)
            if cosine < self.delta / np.sqrt(s.size):
                n = p / (np.linalg.norm(p) + 1e-8)
                d -= n * np.sum(n * d)
        return w - self.lr * step, M(m)


@published
class SGDW(Rule):
    """Loshchilov & Hutter 2017."""

    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    weight_decay: float = number(1e-2, ge=0.0)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.momentum * state.m + f.grad
        return w - self.lr * m - self.lr * self.weight_decay * w, M(m)


@published
class SGLD(Rule):
    """Welling & Teh 2011; noise from seed and t."""

    lr: float = number(1e-2, ge=0.0)
    temperature: float = number(1e-4, ge=0.0)
    seed: int = count(0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        noise = np.random.default_rng([self.seed, t]).standard_normal(w.size).astype(w.dtype)
        return w - self.lr * f.grad + (2 * self.lr * self.temperature) ** 0.5 * noise, state


@published
class SGHMC(Rule):
    """Chen et al. 2014."""

    lr: float = number(1e-2, ge=0.0)
    friction: float = share(0.1)
    temperature: float = number(1e-4, ge=0.0)
    seed: int = count(0)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        noise = np.random.default_rng([self.seed, t]).standard_normal(w.size).astype(w.dtype)
        v = (
            (1 - self.friction) * state.m
            - self.lr * f.grad
            + (2 * self.friction * self.lr * self.temperature) ** 0.5 * noise
        )
        return w + v, M(v)


@published
class DualAveraging(Rule):
    """Nesterov 2009; Xiao 2010."""

    lr: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> MV:
        return MV(w.copy(), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        z = state.v + f.grad
        return state.m - self.lr / t**0.5 * z, MV(state.m, z)


@published
class Grokfast(Rule):
    """Lee et al. 2024."""

    lr: float = number(1e-2, ge=0.0)
    alpha: float = decay(0.98)
    lamb: float = number(2.0, ge=0.0)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.alpha * state.m + (1 - self.alpha) * f.grad
        return w - self.lr * (f.grad + self.lamb * m), M(m)


@published
class Normalised(Rule):
    """Normalised gradient descent with momentum: Cutkosky & Mehta 2020."""

    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation", "scale-invariant", "orthogonal"})
    lr: float = number(1e-2, ge=0.0)
    beta: float = decay(0.9)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.beta * state.m + (1 - self.beta) * f.grad
        size = float(np.linalg.norm(m))
        return w - self.lr * (m / size if size > 0 else m), M(m)


@published
class Fromage(Rule):
    """Bernstein et al. 2020."""

    lr: float = number(1e-2, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        new = w.copy()
        for s in self.layout:
            p, g = s.of(new), s.of(f.grad)
            pn, gn = float(np.linalg.norm(p)), float(np.linalg.norm(g))
            if gn > 0:
                p -= self.lr * g * (pn / gn if pn > 0 else 1.0)
                p /= (1 + self.lr**2) ** 0.5
        return new, state


@published
class Centralised(Rule):
    """Gradient centralisation: Yong et al. 2020."""

    lr: float = number(1e-2, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        g = f.grad.copy()
        for s in self.layout:
            if len(s.shape) > 1:
                p = s.of(g)
                p -= p.mean(axis=tuple(range(1, p.ndim)), keepdims=True)
        return w - self.lr * g, state


@published
class Tiger(Rule):
    """Su 2023."""

    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(1e-3, ge=0.0)
    beta: float = decay(0.965)
    weight_decay: float = number(0.01, ge=0.0)

    def init(self, w: Array) -> M:
        return M(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: M, t: int) -> tuple[Array, M]:
        m = self.beta * state.m + (1 - self.beta) * f.grad
        return w - self.lr * (np.sign(m) + self.weight_decay * w), M(m)


@published
class MirrorDescent(Rule):
    """Hypentropy mirror map: Ghai et al. 2020; works for either sign."""

    lr: float = number(1e-2, ge=0.0)
    beta: float = number(1.0, gt=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        if self.lr == 0.0 or not f.grad.any():
            return w.copy(), state
        return self.beta * np.sinh(np.arcsinh(w / self.beta) - self.lr * f.grad), state
