"""Momentum, and Nesterov's accelerated gradient in both of the forms that are in use."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import choice, flag, number
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, Optimizer

__all__ = ["Momentum", "Nesterov", "Velocity"]


@attrs.frozen
class Velocity:
    """What the moving point carries from step to step.

    Attributes:
        v: the velocity, shape `(n,)`.
        lr: the rate it was made with; None unless it is corrected when the rate changes.
    """

    v: Array
    lr: float | None = None


@attrs.frozen
class Momentum:
    """v <- mu v + (1 - dampening) g, then w <- w - lr v.

    Source: Polyak 1964; Sutskever et al. 2013, in PyTorch's form: the rate stands outside the velocity, and the first
    velocity is the undamped gradient. `lr_inside=True` is the form of the course notes and Keras,
    v <- mu v - lr g, w <- w + v. Both agree while lr is constant; when lr falls, the second still
    coasts at the old speed. `correction=True` multiplies v by the new rate over the old one whenever lr changes, which
    makes both agree again (Goyal et al. 2017, equation 10 and remark 2); with the rate outside there is nothing to
    correct.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "translation", "negation", "homogeneous", "orthogonal"})

    lr: float = number(1e-3, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    dampening: float = number(0.0, ge=0.0, le=1.0)
    lr_inside: bool = flag(False)
    correction: bool = flag(False)

    def init(self, w: Array) -> Velocity:
        """At rest."""
        return Velocity(np.zeros_like(w), self.lr if self.correction and self.lr_inside else None)

    def update(self, w: Array, f: Objective, state: Velocity, t: int) -> tuple[Array, Velocity]:
        """Pull the velocity along the gradient, then move."""
        pull = f.grad if t == 1 else (1.0 - self.dampening) * f.grad
        if self.lr_inside and state.lr is not None:
            # A rate of 0 stands still and keeps the velocity for the rate that comes after it.
            keep = self.momentum * self.lr / state.lr if state.lr and self.lr else self.momentum
            v = keep * state.v - self.lr * pull
            return (w + v if self.lr else w.copy()), Velocity(v, self.lr or state.lr)
        if self.lr_inside:
            v = self.momentum * state.v - self.lr * pull
            return w + v, Velocity(v)
        v = self.momentum * state.v + pull
        return w - self.lr * v, Velocity(v)


@attrs.frozen
class Nesterov:
    """Momentum whose gradient is taken where the velocity is about to carry the point.

    Source: Nesterov 1983; Bengio et al. 2012 for the rewriting. `form="rewritten"`, the default, differentiates with
    respect to the looked-ahead point itself, which is what the parameters then hold:
    v <- mu v + g, w <- w - lr (g + mu v) (PyTorch); with `lr_inside=True` it is the notes'
    v' = mu v - lr g, w <- w - mu v + (1 + mu) v'.
    `form="lookahead"` keeps w itself and asks the objective for the gradient at w + mu v, so it needs a closure:
    v <- mu v - lr g(w + mu v), w <- w + v.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "translation", "negation", "homogeneous", "orthogonal"})

    lr: float = number(1e-3, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)
    form: Literal["rewritten", "lookahead"] = choice("rewritten", ("rewritten", "lookahead"))
    lr_inside: bool = flag(False)

    def extra_needs(self) -> Need:
        """The look-ahead form evaluates the gradient away from w."""
        return Need.REEVAL if self.form == "lookahead" else Need(0)

    def init(self, w: Array) -> Velocity:
        """At rest."""
        return Velocity(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Velocity, t: int) -> tuple[Array, Velocity]:
        """One accelerated step in the chosen form."""
        mu, lr = self.momentum, self.lr
        if self.form == "lookahead":
            v = mu * state.v - lr * f.at(w + mu * state.v).grad
            return w + v, Velocity(v)
        g = f.grad
        if self.lr_inside:
            v = mu * state.v - lr * g
            return w - mu * state.v + (1.0 + mu) * v, Velocity(v)
        v = mu * state.v + g
        return w - lr * (g + mu * v), Velocity(v)


_momentum: Optimizer[Velocity] = Momentum()
_nesterov: Optimizer[Velocity] = Nesterov()
