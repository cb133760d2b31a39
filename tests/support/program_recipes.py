"""Recipes: random graphs of registered ops over matrices of one shape, for tests of programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

import minigrad as mg

__all__ = ["BINARY", "UNARY", "Recipe", "loss_of"]

Unary: TypeAlias = Callable[[mg.Tensor], mg.Tensor]
Binary: TypeAlias = Callable[[mg.Tensor, mg.Tensor], mg.Tensor]
Recipe: TypeAlias = list[tuple[str, int, int]]
"""Ops by name, with the numbers of the earlier values they are applied to."""

UNARY: Mapping[str, Unary] = MappingProxyType(
    {
        "tanh": mg.tanh,
        "sigmoid": mg.sigmoid,
        "softplus": mg.softplus,
        "relu": mg.relu,
        "exp": lambda t: mg.exp(mg.tanh(t)),
        "square": mg.square,
        "abs": mg.absolute,
        "neg": lambda t: -t,
        "half": lambda t: t * 0.5,
        "one": lambda t: t * 1.0 + 0.0,
        "log": lambda t: mg.log(t * t + 1.0),
        "sqrt": lambda t: mg.sqrt(t * t + 0.5),
        "cube": lambda t: mg.tanh(t) ** 3,
        "softmax": lambda t: mg.softmax(t, axis=-1),
        "log_softmax": lambda t: mg.log_softmax(t, axis=0),
        "logsumexp": lambda t: t - mg.logsumexp(t, axis=1, keepdims=True),
        "centred": lambda t: t - t.mean(axis=0),
        "scaled": lambda t: t / (1.0 + t.max(axis=1, keepdims=True) ** 2),
        "transposed": lambda t: t.T @ t @ t.T if t.shape[0] != t.shape[1] else t.T,
        "rows": lambda t: t[::-1],
        "picked": lambda t: t[np.array([0, 2, 2, 1])],
        "flat": lambda t: t.reshape(-1).reshape(t.shape),
        "twice": lambda t: mg.concatenate([t, t])[: t.shape[0]],
        "clip": lambda t: mg.clip(t, -1.0, 1.0),
        "gelu": mg.gelu,
        "norm": lambda t: mg.layer_norm(t),
        "summed": lambda t: t + t.sum(),
        "stopped": lambda t: t * t.detach(),
        "entry": lambda t: t * t[1, 2],
        "last": lambda t: t + t[-1][0] * t[2],
        "column": lambda t: t - t[:, 1:2],
        "running": lambda t: mg.cumsum(t, axis=0),
        "sorted": lambda t: mg.sort(t, axis=1),
        "rolled": lambda t: mg.roll(t, 1, axis=0),
        "stacked": lambda t: mg.stack([t, -t]).sum(axis=0) + t.T.T,
        "average": lambda t: t - t.reshape(-1).mean(),
    }
)
BINARY: Mapping[str, Binary] = MappingProxyType(
    {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / (b * b + 1.0),
        "max": mg.maximum,
        "min": mg.minimum,
        "first": lambda a, b: a + b[:1],
        "where": lambda a, b: mg.where(mg.greater(a, 0.0), a, b),
        "gram": lambda a, b: (a @ b.T) @ b,
    }
)


def loss_of(recipe: Recipe, leaves: Sequence[mg.Tensor]) -> mg.Tensor:
    """The sum of everything that the recipe makes, damped so that it stays small."""
    values = list(leaves)
    shape = leaves[0].shape
    for name, i, j in recipe:
        result = UNARY[name](values[i]) if name in UNARY else BINARY[name](values[i], values[j])
        values.append(mg.tanh(result) if result.shape == shape else mg.tanh(result.sum()) + values[i])
    total: mg.Tensor = values[-1].sum()
    for v in values[3:-1]:
        total = total + (v * v).mean()
    return total
