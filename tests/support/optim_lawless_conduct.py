"""Optimizers that change form or dtype, move wrongly, die early or disturb the process they run in."""

from __future__ import annotations

import math
import os
import random
import sys
import warnings
from typing import ClassVar

import numpy as np

from minigrad.optim import NoState, Objective
from minigrad.typing import Array
from support.optim_lawful import Descent, Gallery, Rolling, V

LAWLESS = Gallery()


# -- C5: form and dtype ----------------------------------------
@LAWLESS.breaks("C5")
class PromotesToDouble(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - np.float64(self.lr) * f.grad, state


@LAWLESS.breaks("C5")
class KeepsItsStateInDouble(Rolling):
    def init(self, w: Array) -> V:
        return V(np.zeros(w.size))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - (self.lr * v).astype(w.dtype), V(v)


@LAWLESS.breaks("C5")
class GrowsAHistory(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * f.grad, V(np.concatenate([state.v, f.grad]))


@LAWLESS.breaks("C1")
class ReturnsAColumn(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return (w - self.lr * f.grad)[:, None], state


@LAWLESS.breaks("C1")
class ForgetsToReturnTheState(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * f.grad  # type: ignore[return-value]


@LAWLESS.breaks("C1")
class ReturnsAnotherState(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * f.grad, {}  # type: ignore[return-value]


@LAWLESS.breaks("C1")
class KeepsAListInItsState(Rolling):
    def init(self, w: Array) -> V:
        return V([np.zeros_like(w)])  # type: ignore[arg-type]


# -- C6, C8, C9: movement ----------------------------------------
@LAWLESS.breaks("C6")
class HasASmallestStep(Descent):
    """As Rprop in PyTorch, and six optimizers of pytorch_optimizer."""

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - max(self.lr, 1e-6) * f.grad, state


@LAWLESS.breaks("C8")
class Drifts(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-3


@LAWLESS.breaks("C8")
class DecaysSecretly(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + 1e-2 * w


@LAWLESS.breaks("C9")
class Climbs(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return -f.grad


@LAWLESS.breaks("C9")
class StandsStill(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return 0.0 * f.grad


@LAWLESS.breaks("C9")
class OscillatesForEver(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return (w - self.lr if t % 2 else w + self.lr) if self.lr and f.grad.any() else w.copy(), state


# -- C10, C11, C12: runs ----------------------------------------
@LAWLESS.breaks("C10")
class DiesOfNaN(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * [1.0][int(f.grad[0] != f.grad[0])]


@LAWLESS.breaks("C11")
class StartsAtRandom(Rolling):
    draws: ClassVar[list[int]] = []

    def init(self, w: Array) -> V:
        self.draws.append(1)
        return V(np.full_like(w, len(self.draws)))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        return w - self.lr * f.grad, state


@LAWLESS.breaks("C12")
class ReadsTheWholeBuffer(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        whole: object = f.grad
        while isinstance(whole, np.ndarray) and isinstance(whole.base, np.ndarray):
            whole = whole.base
        assert isinstance(whole, np.ndarray)
        return f.grad / math.sqrt(1.0 + float(np.nansum(whole**2)))


@LAWLESS.breaks("C13")
class DividesByNothing(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        with np.errstate(all="ignore"):
            step: Array = f.grad / (f.grad - f.grad)
        return step


@LAWLESS.breaks("C1")
class UsesWhatItDidNotAskFor(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * f.value()


@LAWLESS.breaks("C1")
class Exits(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        sys.exit("no more")


# -- C14: the process ----------------------------------------
@LAWLESS.breaks("C14")
class Prints(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        print("step", t)
        return f.grad


@LAWLESS.breaks("C14")
class Warns(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        warnings.warn("I am deprecated, or so I believe", UserWarning, stacklevel=1)
        return f.grad


@LAWLESS.breaks("C14")
class SilencesNumPy(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        np.seterr(all="ignore")
        return f.grad


@LAWLESS.breaks("C14")
class SeedsEverybody(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        np.random.seed(0)
        return f.grad


@LAWLESS.breaks("C14")
class ShufflesPythonsRandom(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        random.seed(t)
        return f.grad


@LAWLESS.breaks("C14")
class SetsTheEnvironment(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        os.environ["OMP_NUM_THREADS"] = "96"
        return f.grad
