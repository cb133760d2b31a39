"""Adam and AdamW."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import decay, flag, number
from minigrad.optim.moment import Moment
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, Optimizer

__all__ = ["Adam", "AdamState", "AdamW"]


@attrs.frozen
class AdamState:
    """First and second moment of the gradient.

    With AMSGrad the largest second moment so far, shape `(n,)`.
    """

    m: Moment
    v: Moment
    peak: Array | None

    @classmethod
    def zeros(cls, w: Array, amsgrad: bool) -> AdamState:
        """Empty moments, for vectors like `w`."""
        return cls(Moment.zeros(w), Moment.zeros(w), np.zeros_like(w) if amsgrad else None)

    def update(self, g: Array, beta1: float, beta2: float) -> AdamState:
        """The moments after one more gradient."""
        m = self.m.update(g, beta1)
        v = self.v.update(g**2, beta2)
        return AdamState(m, v, None if self.peak is None else np.maximum(self.peak, v.value))

    @property
    def v_max(self) -> Moment:
        """The second moment to divide by: the largest one with AMSGrad, else the latest."""
        return self.v if self.peak is None else Moment(self.peak, self.v.weight)


@attrs.frozen
class Adam:
    """m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, w <- w - lr m^ / (sqrt(v^) + eps).

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
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)
    bias_correction: bool = flag(True)
    amsgrad: bool = flag(False)

    def init(self, w: Array) -> AdamState:
        """Empty moments."""
        return AdamState.zeros(w, self.amsgrad)

    def update(self, w: Array, f: Objective, state: AdamState, t: int) -> tuple[Array, AdamState]:
        """Step by the mean gradient over its root mean square."""
        state = state.update(f.grad, self.beta1, self.beta2)
        m, v = state.m, state.v_max
        if not self.bias_correction:
            return w - self.lr * m.value / (np.sqrt(v.value) + self.eps), state
        return w - self.lr * m.hat / (np.sqrt(v.hat) + self.eps), state


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
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, ge=0.0)
    weight_decay: float = number(1e-2, ge=0.0)
    amsgrad: bool = flag(False)

    def init(self, w: Array) -> AdamState:
        """Empty moments."""
        return AdamState.zeros(w, self.amsgrad)

    def update(self, w: Array, f: Objective, state: AdamState, t: int) -> tuple[Array, AdamState]:
        """Shrink the parameters, then step as Adam does."""
        state = state.update(f.grad, self.beta1, self.beta2)
        m, v = state.m, state.v_max
        w = (1.0 - self.lr * self.weight_decay) * w
        return w - self.lr * m.hat / (np.sqrt(v.hat) + self.eps), state


_adam: Optimizer[AdamState] = Adam()
_adamw: Optimizer[AdamState] = AdamW()
