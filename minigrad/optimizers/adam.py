"""Adam and AdamW."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import flag, number
from minigrad.optim.moment import Moment
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, Optimizer

__all__ = ["Adam", "AdamState", "AdamW"]


@attrs.frozen
class AdamState:
    """First and second moment of the gradient; with AMSGrad the largest second moment so far, shape `(n,)`."""

    m: Moment
    v: Moment
    peak: Array | None


def adam_step(g: Array, state: AdamState, rule: Adam | AdamW, corrected: bool) -> tuple[Array, AdamState]:
    """lr m / (sqrt(v) + eps) of the updated moments, and the state that holds them.

    The factors of m and v go into those of lr and eps, as Kingma & Ba propose at the end of section 2: arithmetic on
    numbers instead of passes over memory.
    """
    m = state.m.update(g, rule.beta1)
    v = state.v.update(g**2, rule.beta2)
    peak = None if state.peak is None else np.maximum(state.peak, v.biased)
    top = v if peak is None else Moment(peak, v.weight)
    mean, square = (m.factor, top.factor) if corrected else (m.scale, top.scale)
    root = square**0.5
    return (rule.lr * mean / root) * m.total / (np.sqrt(top.total) + rule.eps / root), AdamState(m, v, peak)


@attrs.frozen
class Adam:
    """m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, then w <- w - lr m^ / (sqrt(v^) + eps).

    Source: Kingma & Ba 2015, algorithm 1; the course notes. m^ and v^ are bias-corrected by the averages' own weights
    (see Moment), so correction stays right when a beta is scheduled. `bias_correction=False` is the notes' first form.
    `amsgrad` divides by the largest v so far (Reddi et al. 2018), in PyTorch's form: the raw v is maximised, and
    corrected afterwards. Decoupled weight decay is `adamw`; coupled, the driver's `weight_decay`.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset(
        {"elementwise", "translation", "negation", "scale-invariant", "constant-step"}
    )

    lr: float = number(1e-3, ge=0.0)
    beta1: float = number(0.9, ge=0.0, lt=1.0)
    beta2: float = number(0.999, ge=0.0, lt=1.0)
    eps: float = number(1e-8, ge=0.0)
    bias_correction: bool = flag(True)
    amsgrad: bool = flag(False)

    def init(self, w: Array) -> AdamState:
        """Empty moments."""
        return AdamState(Moment.zeros(w), Moment.zeros(w), np.zeros_like(w) if self.amsgrad else None)

    def update(self, w: Array, f: Objective, state: AdamState, t: int) -> tuple[Array, AdamState]:
        """Step by the mean gradient over its root mean square."""
        step, state = adam_step(f.grad, state, self, self.bias_correction)
        return w - step, state


@attrs.frozen
class AdamW:
    """Adam with decoupled weight decay: w <- w - lr weight_decay w - lr m^ / (sqrt(v^) + eps).

    Source: Loshchilov & Hutter 2019, algorithm 2, in PyTorch's form, where the decay is multiplied by lr.
    Leave biases and norms out of it with a parameter group: `Group("*.bias", weight_decay=0.0)`.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "negation", "scale-invariant"})

    lr: float = number(1e-3, ge=0.0)
    beta1: float = number(0.9, ge=0.0, lt=1.0)
    beta2: float = number(0.999, ge=0.0, lt=1.0)
    eps: float = number(1e-8, ge=0.0)
    weight_decay: float = number(1e-2, ge=0.0)
    amsgrad: bool = flag(False)

    def init(self, w: Array) -> AdamState:
        """Empty moments."""
        return AdamState(Moment.zeros(w), Moment.zeros(w), np.zeros_like(w) if self.amsgrad else None)

    def update(self, w: Array, f: Objective, state: AdamState, t: int) -> tuple[Array, AdamState]:
        """Shrink the parameters, then step as Adam does."""
        step, state = adam_step(f.grad, state, self, True)
        return (1.0 - self.lr * self.weight_decay) * w - step, state


_adam: Optimizer[AdamState] = Adam()
_adamw: Optimizer[AdamState] = AdamW()
