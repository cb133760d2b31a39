"""Adagrad."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.hyperparameters import number
from minigrad.optim.objective import Objective
from minigrad.optim.protocol import API, Need, Optimizer

__all__ = ["Adagrad", "AdagradState"]


@attrs.frozen
class AdagradState:
    """Sum of squared gradients so far, shape `(n,)`."""

    cache: Array


@attrs.frozen
class Adagrad:
    """cache <- cache + g^2, then w <- w - lr g / (sqrt(cache) + eps).

    Source: Duchi, Hazan & Singer 2011, diagonal form; the course notes. Where libraries differ this follows PyTorch:
    eps stands outside the root, and the cache starts at `initial` = 0 (optax and Keras: 0.1).
    PyTorch's lr_decay is a schedule here: `lr=InverseTime(lr, decay)`.
    """

    api: ClassVar[tuple[int, int]] = API
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise", "translation", "negation", "scale-invariant"})

    lr: float = number(1e-2, ge=0.0)
    eps: float = number(1e-10, ge=0.0)
    initial: float = number(0.0, ge=0.0)

    def init(self, w: Array) -> AdagradState:
        """The cache at its initial value."""
        return AdagradState(np.full_like(w, self.initial))

    def update(self, w: Array, f: Objective, state: AdagradState, t: int) -> tuple[Array, AdagradState]:
        """Divide each coordinate by the size of all its gradients so far."""
        cache = state.cache + f.grad**2
        return w - self.lr * f.grad / (np.sqrt(cache) + self.eps), AdagradState(cache)


_check: Optimizer[AdagradState] = Adagrad()
