"""Optimizers that each break one law, in a way that has been seen somewhere or is easy to fall into."""

from __future__ import annotations

import math
import os
import random
import sys
import time
import warnings
from collections.abc import Callable
from typing import ClassVar, TypeVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, NoState, Objective, number
from minigrad.typing import Array

T = TypeVar("T", bound=type)
LAWLESS: list[tuple[str, type]] = []


def breaks(law: str) -> Callable[[T], T]:
    """Enter a class into the gallery, with the law that it breaks."""

    def enter(cls: T) -> T:
        LAWLESS.append((law, cls))
        return cls

    return enter


@attrs.frozen
class Descent:
    """Lawful gradient descent, from which the others depart."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    lr: float = number(1e-2, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * self.direction(w, f, t), state

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad


@attrs.frozen
class V:
    """A state of one vector."""

    v: Array


@attrs.frozen
class Rolling:
    """Lawful momentum."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> V:
        return V(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - self.lr * v, V(v)


# -- C1: pure ----------------------------------------
@breaks("C1")
class FreshNoise(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-3 * np.random.default_rng().standard_normal(w.size)


@breaks("C1")
class CountsItsOwnCalls(Descent):
    """Bias correction by a counter of its own, as in OLMo-core#317 and pytorch-a3c#12."""

    calls: ClassVar[list[int]] = []

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.calls.append(1)
        return f.grad / (1 - 0.9 ** len(self.calls))


@breaks("C1")
class LooksAtTheClock(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (1.0 + 1e-6 * (time.perf_counter_ns() % 997))


@breaks("C1")
class DrawsGlobally(Descent):
    """As kron of pytorch_optimizer did."""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (0.5 + np.random.random())


@breaks("C1")
class VelocityInAClassVariable(Descent):
    kept: ClassVar[dict[int, Array]] = {}

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        v = 0.9 * self.kept.get(w.size, np.zeros(w.size)) + f.grad
        self.kept[w.size] = v
        return v


@breaks("C1")
class StateRemembersCalls(Rolling):
    calls: ClassVar[list[int]] = []

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        self.calls.append(1)
        return w - self.lr * f.grad, V(state.v + len(self.calls))


# -- C2: inputs are not written ----------------------------------------
@breaks("C2")
class DecaysTheGradientInPlace(Descent):
    """The commonest defect of third-party optimizers: 73 of 77 in one library."""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        g = f.grad
        g += 0.01 * w
        return g


@breaks("C2")
class WritesThroughTheBase(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        step = f.grad.copy()
        base = f.grad.base
        assert isinstance(base, np.ndarray)
        base *= 0.5
        return step


@breaks("C2")
class MovesParametersInPlace(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        w -= self.lr * f.grad
        return w, state


@breaks("C2")
class ScalesStateInPlace(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = state.v
        v *= self.momentum
        v += f.grad
        return w - self.lr * v, V(v)


# -- C3: nothing is aliased ----------------------------------------
@breaks("C3")
class KeepsTheGradientItself(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * (f.grad + 0.5 * state.v), V(f.grad)


@breaks("C3")
class RemembersGradientsByStep(Descent):
    """No call reveals it: the memory is keyed by t, and holds the caller's own array."""

    seen: ClassVar[dict[tuple[int, int], Array]] = {}

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.seen[t, w.size] = f.grad
        return f.grad + 0.1 * self.seen.get((t - 1, w.size), f.grad)


@breaks("C3")
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


@breaks("C4")
class HidesAFactorInTheState(Descent):
    def init(self, w: Array) -> Leaky:  # type: ignore[override]
        return Leaky(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Leaky, t: int) -> tuple[Array, Leaky]:  # type: ignore[override]
        new = Leaky(state.v)
        new.hidden = 0.5 * state.hidden
        return w - self.lr * new.hidden * f.grad, new


# -- C5: form and dtype ----------------------------------------
@breaks("C5")
class PromotesToDouble(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - np.float64(self.lr) * f.grad, state


@breaks("C5")
class KeepsItsStateInDouble(Rolling):
    def init(self, w: Array) -> V:
        return V(np.zeros(w.size))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - (self.lr * v).astype(w.dtype), V(v)


@breaks("C5")
class GrowsAHistory(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * f.grad, V(np.concatenate([state.v, f.grad]))


@breaks("C1")
class ReturnsAColumn(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return (w - self.lr * f.grad)[:, None], state


@breaks("C1")
class ForgetsToReturnTheState(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * f.grad  # type: ignore[return-value]


@breaks("C1")
class ReturnsAnotherState(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * f.grad, {}  # type: ignore[return-value]


@breaks("C1")
class KeepsAListInItsState(Rolling):
    def init(self, w: Array) -> V:
        return V([np.zeros_like(w)])  # type: ignore[arg-type]


# -- C6, C8, C9: movement ----------------------------------------
@breaks("C6")
class HasASmallestStep(Descent):
    """As Rprop in PyTorch, and six optimizers of pytorch_optimizer."""

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - max(self.lr, 1e-6) * f.grad, state


@breaks("C8")
class Drifts(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-3


@breaks("C8")
class DecaysSecretly(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-2 * w


@breaks("C9")
class Climbs(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return -f.grad


@breaks("C9")
class StandsStill(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return 0.0 * f.grad


@breaks("C9")
class OscillatesForEver(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return (w - self.lr if t % 2 else w + self.lr) if self.lr and f.grad.any() else w.copy(), state


# -- C10, C11, C12: runs ----------------------------------------
@breaks("C10")
class DiesOfNaN(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * [1.0][int(f.grad[0] != f.grad[0])]


@breaks("C11")
class StartsAtRandom(Rolling):
    draws: ClassVar[list[int]] = []

    def init(self, w: Array) -> V:
        self.draws.append(1)
        return V(np.full_like(w, len(self.draws)))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * f.grad, state


@breaks("C12")
class ReadsTheWholeBuffer(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        whole: object = f.grad
        while isinstance(whole, np.ndarray) and isinstance(whole.base, np.ndarray):
            whole = whole.base
        assert isinstance(whole, np.ndarray)
        return f.grad / math.sqrt(1.0 + float(np.nansum(whole**2)))


@breaks("C13")
class DividesByNothing(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        with np.errstate(all="ignore"):
            step: Array = f.grad / (f.grad - f.grad)
        return step


@breaks("C1")
class UsesWhatItDidNotAskFor(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * f.value()


@breaks("C1")
class Exits(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        sys.exit("no more")


# -- C14: the process ----------------------------------------
@breaks("C14")
class Prints(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        print("step", t)
        return f.grad


@breaks("C14")
class Warns(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        warnings.warn("I am deprecated, or so I believe", UserWarning, stacklevel=1)
        return f.grad


@breaks("C14")
class SilencesNumPy(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        np.seterr(all="ignore")
        return f.grad


@breaks("C14")
class SeedsEverybody(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        np.random.seed(0)
        return f.grad


@breaks("C14")
class ShufflesPythonsRandom(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        random.seed(t)
        return f.grad


@breaks("C14")
class SetsTheEnvironment(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        os.environ["OMP_NUM_THREADS"] = "1"
        return f.grad


# -- D1 to D10: false claims ----------------------------------------
@breaks("D1")
class NormalisesYetClaimsElementwise(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad / (1e-8 + math.sqrt(float(f.grad @ f.grad)))


@breaks("D1")
class TreatsTheFirstCoordinateApart(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * np.where(np.arange(w.size) == 0, 1.0, 0.5).astype(w.dtype)


@breaks("D1")
class SkipsAllForOneNaN(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad if np.isfinite(f.grad).all() else np.zeros_like(w)


@breaks("D1")
class CountsParameters(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad / math.sqrt(w.size)


@breaks("D2")
class DecaysYetClaimsTranslation(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"translation"})
    weight_decay: ClassVar[float] = 0.0

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (1.0 + 0.1 * np.abs(w))


@breaks("D3")
class PrefersOneSide(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"negation"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.where(f.grad > 0, f.grad, 0.5 * f.grad)


@breaks("D4")
class PlainYetClaimsScaleInvariance(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"scale-invariant"})


@breaks("D5")
class SignYetClaimsHomogeneity(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"homogeneous"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.sign(f.grad)


@attrs.frozen
class M:
    m: Array


@breaks("D6")
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


@breaks("D6")
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


@breaks("D7")
class DescentYetClaimsAffine(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"affine"})


@breaks("D8")
class DescentYetClaimsOneStep(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"one-step-quadratic"})


@breaks("D9")
class LooksYetRises(Descent):
    needs: ClassVar[Need] = Need.GRAD | Need.VALUE
    laws: ClassVar[frozenset[str]] = frozenset({"monotone"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad if f.value() < 1e9 else 0.5 * f.grad


@breaks("D10")
class SignYetClaimsRotation(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"orthogonal"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return np.sign(f.grad)
