"""Published rules that look at the loss, its curvature or other points."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, count, decay, number
from minigrad.typing import Array
from support.optim_zoo import MV, Rule, published


@attrs.frozen
class Back:
    w: Array
    g: Array


@published
class BarzilaiBorwein(Rule):
    """Barzilai & Borwein 1988."""

    lr: float = number(1e-2, ge=0.0)
    most: float = number(10.0, gt=0.0)

    def init(self, w: Array) -> Back:
        return Back(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Back, t: int) -> tuple[Array, Back]:
        step = self.lr
        if t > 1 and self.lr > 0:
            s, y = w - state.w, f.grad - state.g
            sy = float(s @ y)
            step = min(float(s @ s) / sy, self.most) if sy > 0 else self.lr
        return w - step * f.grad, Back(w.copy(), f.grad.copy())


@published
class PolyakStep(Rule):
    """Polyak 1969; Loizou et al. 2021: the loss over the gradient's square."""

    needs: ClassVar[Need] = Need.GRAD | Need.VALUE
    lr: float = number(1.0, ge=0.0)
    least: float = number(-100.0)
    most: float = number(0.1, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        square = float(f.grad @ f.grad)
        step = min((f.value() - self.least) / square, self.most) if square > 0 else 0.0
        return w - self.lr * step * f.grad, state


@published
class Armijo(Rule):
    """Armijo 1966: backtracking."""

    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL
    laws: ClassVar[frozenset[str]] = frozenset({"monotone"})
    lr: float = number(1.0, ge=0.0)
    shrink: float = number(0.5, gt=0.0, lt=1.0)
    slope: float = number(1e-4, gt=0.0, lt=1.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        step, here, square = self.lr, f.value(), float(f.grad @ f.grad)
        for _ in range(60):
            new = w - step * f.grad
            if f.at(new).value() <= here - self.slope * step * square:
                return new, state
            step *= self.shrink
        return w.copy(), state


@attrs.frozen
class Direction:
    d: Array
    g: Array


@published
class NonlinearCG(Rule):
    """Polak & Ribière 1969, with backtracking."""

    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL
    lr: float = number(1.0, ge=0.0)

    def init(self, w: Array) -> Direction:
        return Direction(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Direction, t: int) -> tuple[Array, Direction]:
        g, old = f.grad, float(state.g @ state.g)
        beta = max(0.0, float(g @ (g - state.g)) / old) if old > 0 else 0.0
        d = -g + beta * state.d
        if float(d @ g) >= 0:
            d = -g
        step, here = self.lr, f.value()
        while step > 1e-12 and f.at(w + step * d).value() > here + 1e-4 * step * float(d @ g):
            step *= 0.5
        return w + step * d, Direction(d, g.copy())


@attrs.frozen
class Inverse:
    h: Array
    w: Array
    g: Array


@published
class BFGS(Rule):
    """Broyden, Fletcher, Goldfarb, Shanno 1970, with backtracking."""

    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL
    laws: ClassVar[frozenset[str]] = frozenset({"monotone"})

    def init(self, w: Array) -> Inverse:
        return Inverse(np.eye(w.size, dtype=w.dtype), np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Inverse, t: int) -> tuple[Array, Inverse]:
        h, g = state.h, f.grad
        if t > 1:
            s, y = w - state.w, g - state.g
            sy = float(s @ y)
            if sy > 1e-10:
                v = np.eye(w.size, dtype=w.dtype) - np.outer(s, y) / sy
                h = v @ h @ v.T + np.outer(s, s) / sy
        d = -h @ g
        step, here, slope = 1.0, f.value(), float(d @ g)
        for _ in range(50):
            if f.at(w + step * d).value() <= here + 1e-4 * step * slope:
                return w + step * d, Inverse(h, w.copy(), g.copy())
            step *= 0.5
        return w.copy(), Inverse(h, w.copy(), g.copy())


@published
class AdaHessian(Rule):
    """Yao et al. 2021: Hutchinson's diagonal, signs from seed and t."""

    needs: ClassVar[Need] = Need.GRAD | Need.HVP
    lr: float = number(0.1, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-4, gt=0.0)
    seed: int = count(0)

    def init(self, w: Array) -> MV:
        return MV(np.zeros_like(w), np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: MV, t: int) -> tuple[Array, MV]:
        z = np.random.default_rng([self.seed, t]).choice([-1.0, 1.0], w.size).astype(w.dtype)
        h = np.abs(z * f.hvp(z))
        m = self.beta1 * state.m + (1 - self.beta1) * f.grad
        v = self.beta2 * state.v + (1 - self.beta2) * h * h
        c = (1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t)
        return w - self.lr * c * m / (np.sqrt(v) + self.eps), MV(m, v)


@published
class ASAM(Rule):
    """Kwon et al. 2021."""

    needs: ClassVar[Need] = Need.GRAD | Need.REEVAL
    lr: float = number(1e-2, ge=0.0)
    rho: float = number(0.05, ge=0.0)
    eta: float = number(0.01, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        scale = np.abs(w) + self.eta
        size = float(np.linalg.norm(scale * f.grad))
        if size == 0.0:
            return w - self.lr * f.grad, state
        return w - self.lr * f.at(w + self.rho * scale**2 * f.grad / size).grad, state


@attrs.frozen
class Region:
    radius: Array


@published
class TrustRegion(Rule):
    """Dogleg: Powell 1970, with a radius that is learned."""

    needs: ClassVar[Need] = Need.GRAD | Need.VALUE | Need.REEVAL | Need.HESSIAN
    radius: float = number(1.0, gt=0.0)

    def init(self, w: Array) -> Region:
        return Region(np.full(1, self.radius, w.dtype))

    def update(self, w: Array, f: Objective, state: Region, t: int) -> tuple[Array, Region]:
        g, h, r = f.grad, f.hessian(), float(state.radius[0])
        square, curvature = float(g @ g), float(g @ h @ g)
        if square == 0.0:
            return w.copy(), state
        cauchy = -(square / curvature if curvature > 0 else r / square**0.5) * g
        try:
            newton = -np.linalg.solve(h, g)
        except np.linalg.LinAlgError:
            newton = cauchy
        if float(newton @ g) < 0 and np.linalg.norm(newton) <= r:
            p = newton
        elif np.linalg.norm(cauchy) >= r or float(newton @ g) >= 0:
            p = cauchy * min(1.0, r / float(np.linalg.norm(cauchy)))
        else:
            d = newton - cauchy
            a, b, c = float(d @ d), 2 * float(cauchy @ d), float(cauchy @ cauchy) - r * r
            p = cauchy + d * ((-b + (b * b - 4 * a * c) ** 0.5) / (2 * a) if a > 0 else 0.0)
        model = -(float(g @ p) + 0.5 * float(p @ h @ p))
        gain = f.value() - f.at(w + p).value()
        good = gain > 0.1 * model
        r = 2 * r if gain > 0.75 * model else (r if good else 0.25 * r)
        return (w + p if good else w.copy()), Region(np.full(1, r, w.dtype))
