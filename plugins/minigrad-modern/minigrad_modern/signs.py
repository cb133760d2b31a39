"""Rules that look at signs only."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, Optimizer, decay, number
from minigrad.typing import Array

__all__ = ["Lion", "Rprop"]

_ELEMENTWISE = frozenset({"elementwise", "negation", "translation"})


@attrs.frozen
class LionState:
    """Mean gradient."""

    m: Moment


@attrs.frozen
class Lion:
    """w <- w - lr [sign(b1 m + (1 - b1) g) + weight_decay w], then m <- b2 m + (1 - b2) g.

    Source: Chen et al. 2023, algorithm 2. The mean needs no bias correction, because only its sign counts. Wants a
    learning rate three to ten times smaller than Adam's.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant", "constant-step"}

    lr: float = number(1e-4, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.99)
    weight_decay: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> LionState:
        """An empty mean."""
        return LionState(Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: LionState, t: int) -> tuple[Array, LionState]:
        """A step of the same length in every coordinate."""
        step = np.sign(state.m.update(f.grad, self.beta1).value)
        return w - self.lr * (step + self.weight_decay * w), LionState(state.m.update(f.grad, self.beta2))


@attrs.frozen
class RpropState:
    """The last gradient (0 where it was ignored), and each coordinate's step length."""

    last: Array
    length: Array


@attrs.frozen
class Rprop:
    """Each step length grows by `up` while its gradient keeps its sign, or shrinks by `down`.

    Source: Riedmiller & Braun 1993, in the variant without weight-backtracking (iRprop-, Igel & Huesken 2000), as in
    PyTorch. `lr` is the first step length; lengths stay in [min(shortest, lr), longest]. For full batches only.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = _ELEMENTWISE | {"scale-invariant"}

    lr: float = number(1e-2, ge=0.0)
    down: float = number(0.5, gt=0.0, lt=1.0)
    up: float = number(1.2, gt=1.0)
    shortest: float = number(1e-6, ge=0.0)
    longest: float = number(50.0, gt=0.0)

    def init(self, w: Array) -> RpropState:
        """All lengths equal."""
        return RpropState(np.zeros_like(w), np.full_like(w, self.lr))

    def update(self, w: Array, f: Objective, state: RpropState, t: int) -> tuple[Array, RpropState]:
        """One step of the learned length, or none where the gradient has just turned."""
        turn = np.sign(f.grad * state.last)
        kept, back = np.maximum(turn, 0.0), np.minimum(turn, 0.0)  # np.where takes ten times as long
        length = state.length * (1.0 + (self.up - 1.0) * kept + (1.0 - self.down) * back)
        length = np.minimum(np.maximum(length, min(self.shortest, self.lr)), self.longest)
        g = f.grad * (1.0 + back)
        return w - np.sign(g) * length, RpropState(g, length)


_lion: Optimizer[LionState] = Lion()
_rprop: Optimizer[RpropState] = Rprop()
