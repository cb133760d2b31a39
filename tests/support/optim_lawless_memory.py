"""Optimizers that write, keep or remember what they may not, in ways seen somewhere or easy to fall into."""

from __future__ import annotations

import time
from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import NoState, Objective
from minigrad.typing import Array
from support.optim_lawful import Descent, Gallery, Rolling, V

LAWLESS = Gallery()


# -- C1: pure ----------------------------------------
@LAWLESS.breaks("C1")
class FreshNoise(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-3 * np.random.default_rng().standard_normal(w.size)


@LAWLESS.breaks("C1")
class CountsItsOwnCalls(Descent):
    """Bias correction by a counter of its own, as in OLMo-core#317 and pytorch-a3c#12."""

    calls: ClassVar[list[int]] = []

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.calls.append(1)
        return f.grad / (1 - 0.9 ** len(self.calls))


@LAWLESS.breaks("C1")
class LooksAtTheClock(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (1.0 + 1e-6 * (time.perf_counter_ns() % 997))


@LAWLESS.breaks("C1")
class DrawsGlobally(Descent):
    """As kron of pytorch_optimizer did."""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (0.5 + np.random.random())


@LAWLESS.breaks("C1")
class VelocityInAClassVariable(Descent):
    kept: ClassVar[dict[int, Array]] = {}

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        v = 0.9 * self.kept.get(w.size, np.zeros(w.size)) + f.grad
        self.kept[w.size] = v
        return v


@LAWLESS.breaks("C1")
class StateRemembersCalls(Rolling):
    calls: ClassVar[list[int]] = []

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        self.calls.append(1)
        return w - self.lr * f.grad, V(state.v + len(self.calls))


# -- C2: inputs are not written ----------------------------------------
@LAWLESS.breaks("C2")
class DecaysTheGradientInPlace(Descent):
    """The commonest defect of third-party optimizers: 73 of 77 in one library."""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        g = f.grad
        g += 0.01 * w
        return g


@LAWLESS.breaks("C2")
class WritesThroughTheBase(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        step = f.grad.copy()
        base = f.grad.base
        assert isinstance(base, np.ndarray)
        base *= 0.5
        return step


@LAWLESS.breaks("C2")
class MovesParametersInPlace(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        w -= self.lr * f.grad
        return w, state


@LAWLESS.breaks("C2")
class ScalesStateInPlace(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = state.v
        v *= self.momentum
        v += f.grad
        return w - self.lr * v, V(v)


# -- C3: nothing is aliased ----------------------------------------
@LAWLESS.breaks("C3")
class KeepsTheGradientItself(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * (f.grad + 0.5 * state.v), V(f.grad)


@LAWLESS.breaks("C3")
class RemembersGradientsByStep(Descent):
    """No call reveals it: the memory is keyed by t, and holds the caller's own array."""

    seen: ClassVar[dict[tuple[int, int], Array]] = {}

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.seen[t, w.size] = f.grad
        return f.grad + 0.1 * self.seen.get((t - 1, w.size), f.grad)


@LAWLESS.breaks("C3")
class KeepsASliceOfTheParameters(Rolling):
    def init(self, w: Array) -> V:
        return V(w.copy())

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * f.grad, V(w[:])


# -- C4: state is all there is ----------------------------------------
@attrs.define
class Leaky:
    v: Array
    hidden: float = attrs.field(default=1.0, init=False)


@LAWLESS.breaks("C4")
class HidesAFactorInTheState(Descent):
    def init(self, w: Array) -> Leaky:  # type: ignore[override]
        return Leaky(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Leaky, t: int) -> tuple[Array, Leaky]:  # type: ignore[override]
        new = Leaky(state.v)
        new.hidden = 0.5 * state.hidden
        return w - self.lr * new.hidden * f.grad, new
