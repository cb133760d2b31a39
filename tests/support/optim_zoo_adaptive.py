"""Published rules that adapt their step to each entry, row or parameter."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Objective, Segment, decay, number
from minigrad.typing import Array
from support.optim_zoo import MV, MVU, Rule, published


@published
class AdaBound(Rule):
    """Luo et al. 2019."""

    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "negation"})
    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    final: float = number(0.1, ge=0.0)
    gamma: float = number(1e-3, gt=0.0)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> MV:
        return MV(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        v = self.beta2 * state.v + (1 - self.beta2) * f.grad**2
        step = self.lr * (1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t)
        final = self.final * self.lr / 1e-3
        lower, upper = final * (1 - 1 / (self.gamma * t + 1)), final * (1 + 1 / (self.gamma * t))
        rate = np.clip(step / (np.sqrt(v) + self.eps), lower, upper)
        return w - rate * m, MV(m, v)


@published
class AdaMod(Rule):
    """Ding et al. 2019."""

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    beta3: float = decay(0.99)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> MVU:
        return MVU(np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MVU, t: int) -> tuple[Array, MVU]:
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        v = self.beta2 * state.v + (1 - self.beta2) * f.grad * f.grad
        step = self.lr * np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t) / (np.sqrt(v) + self.eps)
        u = self.beta3 * state.u + (1 - self.beta3) * step
        return w - np.minimum(step, u).astype(w.dtype) * m, MVU(m, v, u.astype(w.dtype))


@published
class Padam(Rule):
    """Chen et al. 2018."""

    lr: float = number(0.1, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    partial: float = number(0.125, ge=0.0, le=0.5)

    def init(self, w: Array) -> MVU:
        return MVU(np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MVU, t: int) -> tuple[Array, MVU]:
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        v = self.beta2 * state.v + (1 - self.beta2) * f.grad**2
        u = np.maximum(state.u, v)
        return w - self.lr * m / (u + 1e-8) ** self.partial, MVU(m, v, u)


@published
class DiffGrad(Rule):
    """Dubey et al. 2019."""

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> MVU:
        return MVU(np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MVU, t: int) -> tuple[Array, MVU]:
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        v = self.beta2 * state.v + (1 - self.beta2) * f.grad**2
        friction = 1.0 / (1.0 + np.exp(-np.abs(state.u - f.grad)))
        step = self.lr * (1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t)
        return w - step * friction * m / (np.sqrt(v) + self.eps), MVU(m, v, f.grad.copy())


@published
class LaProp(Rule):
    """Ziyin et al. 2020."""

    lr: float = number(4e-4, ge=0.0)
    mu: float = decay(0.9)
    nu: float = decay(0.999)
    eps: float = number(1e-15, gt=0.0)

    def init(self, w: Array) -> MV:
        return MV(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        v = self.nu * state.v + (1 - self.nu) * f.grad**2
        m = self.mu * state.m + (1 - self.mu) * f.grad / (np.sqrt(v / (1 - self.nu**t)) + self.eps)
        return w - self.lr * m / (1 - self.mu**t), MV(m, v)


@attrs.frozen
class Covers:
    rows: tuple[Array, ...]
    columns: tuple[Array, ...]


@published
class SM3(Rule):
    """Anil et al. 2019."""

    lr: float = number(0.1, ge=0.0)
    eps: float = number(1e-30, gt=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Covers:
        shapes = [s.shape if len(s.shape) == 2 else (s.size, 1) for s in self.layout]
        return Covers(tuple(np.zeros(a, w.dtype) for a, _ in shapes), tuple(np.zeros(b, w.dtype) for _, b in shapes))

    def update(self, w: Array, f: Objective, state: Covers, t: int) -> tuple[Array, Covers]:
        new, rows, columns = w.copy(), [], []
        for s, r, c in zip(self.layout, state.rows, state.columns, strict=True):
            g = s.of(f.grad).reshape(len(r), len(c))
            v = (np.minimum(r[:, None], c) if len(c) > 1 else r[:, None]) + g * g
            s.of(new).reshape(g.shape)[...] -= self.lr * g / np.sqrt(v + self.eps)
            rows.append(v.max(axis=1, initial=0.0))
            columns.append(v.max(axis=0, initial=0.0))
        return new, Covers(tuple(rows), tuple(columns))


@published
class FTRL(Rule):
    """McMahan et al. 2013, FTRL-Proximal."""

    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(0.1, ge=0.0)
    beta: float = number(1.0, gt=0.0)
    l1: float = number(0.0, ge=0.0)
    l2: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> MV:
        return MV(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        if self.lr == 0.0:
            return w.copy(), state
        n = state.v + f.grad**2
        sigma = (np.sqrt(n) - np.sqrt(state.v)) / self.lr
        # z keeps w's own start
        z = (state.m if t > 1 else -w * self.beta / self.lr) + f.grad - sigma * w
        new = -np.where(np.abs(z) <= self.l1, 0.0, (z - np.sign(z) * self.l1)) / (
            (self.beta + np.sqrt(n)) / self.lr + self.l2
        )
        return new.astype(w.dtype), MV(z.astype(w.dtype), n)


@attrs.frozen
class Distance:
    start: Array
    best: float
    total: float
    m: Array


@published
class DoWG(Rule):
    """Khaled et al. 2023."""

    lr: float = number(1.0, ge=0.0)
    initial: float = number(1e-4, gt=0.0)
    eps: float = number(1e-4, gt=0.0)

    def init(self, w: Array) -> Distance:
        return Distance(w.copy(), self.initial, 0.0, np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Distance, t: int) -> tuple[Array, Distance]:
        best = max(state.best, float(np.linalg.norm(w - state.start)))
        total = state.total + best**2 * float(f.grad @ f.grad)
        step = best**2 / (total**0.5 + self.eps)
        return w - self.lr * step * f.grad, Distance(state.start, best, total, state.m)


@attrs.frozen
class Bets:
    start: Array
    largest: Array
    total: Array
    reward: Array
    theta: Array


@published
class COCOB(Rule):
    """Orabona & Tommasi 2017; no learning rate."""

    alpha: float = number(100.0, gt=0.0)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> Bets:
        z = np.zeros_like(w)
        return Bets(w.copy(), z + self.eps, z.copy(), z.copy(), z.copy())

    def update(self, w: Array, f: Objective, state: Bets, t: int) -> tuple[Array, Bets]:
        g = -f.grad
        largest = np.maximum(state.largest, np.abs(g))
        total = state.total + np.abs(g)
        reward = np.maximum(state.reward + (w - state.start) * g, 0)
        theta = state.theta + g
        new = state.start + theta / (largest * np.maximum(total + largest, self.alpha * largest)) * (largest + reward)
        return new, Bets(state.start, largest, total, reward, theta)


@published
class AdamMini(Rule):
    """Zhang et al. 2024: one second moment for each parameter."""

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, gt=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> MV:
        return MV(np.zeros_like(w), np.zeros(len(self.layout), w.dtype))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        means = np.array([np.mean(s.of(f.grad) ** 2) if s.size else 0.0 for s in self.layout], w.dtype)
        v = self.beta2 * state.v + (1 - self.beta2) * means
        new = w.copy()
        for s, one in zip(self.layout, v, strict=True):
            p = s.of(new)
            p -= self.lr * s.of(m) / (1 - self.beta1**t) / (np.sqrt(one / (1 - self.beta2**t)) + self.eps)
        return new, MV(m, v)


@published
class MARS(Rule):
    """Yuan et al. 2024: the gradient's change, scaled and clipped, before Adam."""

    lr: float = number(3e-3, ge=0.0)
    beta1: float = decay(0.95)
    beta2: float = decay(0.99)
    gamma: float = number(0.025, ge=0.0)
    eps: float = number(1e-8, gt=0.0)

    def init(self, w: Array) -> MVU:
        return MVU(np.zeros_like(w), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MVU, t: int) -> tuple[Array, MVU]:
        c = f.grad + self.gamma * self.beta1 / (1 - self.beta1) * (f.grad - state.u)
        size = float(np.linalg.norm(c))
        c = c / size if size > 1 else c
        m = self.beta1 * state.m + (1 - self.beta1) * c
        v = self.beta2 * state.v + (1 - self.beta2) * c * c
        return w - self.lr * (m / (1 - self.beta1**t)) / (np.sqrt(v / (1 - self.beta2**t)) + self.eps), MVU(
            m, v, f.grad + 0.0
        )


@attrs.frozen
class Preconditioners:
    left: tuple[Array, ...]
    right: tuple[Array, ...]


@published
class Shampoo(Rule):
    """Gupta et al. 2018."""

    lr: float = number(0.1, ge=0.0)
    eps: float = number(1e-4, gt=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Preconditioners:
        shapes = [s.shape if len(s.shape) == 2 else (s.size, 1) for s in self.layout]
        small = [(min(a, 64), min(b, 64)) for a, b in shapes]
        return Preconditioners(
            tuple(self.eps * np.eye(a, dtype=w.dtype) for a, _ in small),
            tuple(self.eps * np.eye(b, dtype=w.dtype) for _, b in small),
        )

    def update(self, w: Array, f: Objective, state: Preconditioners, t: int) -> tuple[Array, Preconditioners]:
        new, left, right = w.copy(), [], []
        for s, a, b in zip(self.layout, state.left, state.right, strict=True):
            g = s.of(f.grad).reshape(-1, s.shape[1] if len(s.shape) == 2 else 1)
            if g.shape != (len(a), len(b)):
                d = g
            else:
                a, b = a + g @ g.T, b + g.T @ g
                d = root(a) @ g @ root(b)
            left.append(a)
            right.append(b)
            p = s.of(new)
            p -= self.lr * d.reshape(s.shape)
        return new, Preconditioners(tuple(left), tuple(right))


def root(a: Array) -> Array:
    values, vectors = np.linalg.eigh(a)
    inverse: Array = (vectors * np.maximum(values, 1e-12) ** -0.25) @ vectors.T
    return inverse
