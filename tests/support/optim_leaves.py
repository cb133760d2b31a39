"""Some leaves for optimizers, with gradients that depend on the step alone."""

from __future__ import annotations

import numpy as np

from minigrad.core import Tensor, tensor
from minigrad.optim import (
    StatefulOptimizer,
)
from minigrad.typing import Array

__all__ = ["feed", "leaves", "values"]


def leaves(seed: int = 0, dtype: type = np.float64) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    shapes = {"layer.weight": (3, 4), "layer.bias": (4,), "scale": ()}
    return {n: tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for n, s in shapes.items()}


def feed(opt: StatefulOptimizer, params: dict[str, Tensor], t: int) -> None:
    """One step with gradients that depend on t alone."""
    rng = np.random.default_rng(100 + t)
    opt.zero_grad()
    for p in params.values():
        p.backward(rng.standard_normal(p.shape).astype(p.dtype))
    opt.step()


def values(params: dict[str, Tensor]) -> list[Array]:
    return [p.numpy().copy() for p in params.values()]
