"""Small models with training steps: what a program has to cope with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array

Step = Callable[..., mg.Tensor]
_rng = np.random.default_rng(0)


def _trained(model: nn.Module, loss: Callable[..., mg.Tensor], name: str = "adam") -> Step:
    opt = mg.optimizer(name, model.named_parameters(), lr=1e-3)

    def step(*arrays: Array | mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        found = loss(*arrays)
        found.backward()
        opt.step()
        return found

    return step


def mlp(dtype: DTypeLike) -> Step:
    """128-256-10."""
    model = nn.mlp(128, [256], 10, rng=0).astype(dtype)
    return _trained(model, lambda x, y: mg.cross_entropy(model(x), y))


def conv(dtype: DTypeLike) -> Step:
    """Two convolutions with pooling."""
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, rng=0),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 16, 10, rng=2),
    ).astype(dtype)
    return _trained(model, lambda x, y: mg.cross_entropy(model(x), y), "sgd")


def lstm(dtype: DTypeLike) -> Step:
    """Embedding, LSTM, projection."""
    model = nn.Sequential(nn.Embedding(20, 16, rng=0), nn.LSTM(16, 48, rng=1), nn.Linear(48, 20, rng=2)).astype(
        np.float64
    )
    return _trained(model, lambda x, y: mg.cross_entropy(model(x).reshape(-1, 20), y.reshape(-1)))


def transformer(dtype: DTypeLike) -> Step:
    """One causal block."""
    model = nn.TransformerBlock(64, 4, causal=True, rng=0).astype(dtype)
    return _trained(model, lambda x: (model(x) ** 2).mean(), "adamw")


MODELS: dict[str, tuple[Callable[[DTypeLike], Step], list[Any], int]] = {
    "mlp": (mlp, [_rng.standard_normal((200, 128)), _rng.integers(0, 10, 200)], 200 * 256 * 8),
    "conv": (conv, [_rng.standard_normal((16, 2, 16, 16)), _rng.integers(0, 10, 16)], 16 * 8 * 16 * 16 * 8),
    "lstm": (lstm, [_rng.integers(0, 20, (32, 24)), _rng.integers(0, 20, (32, 24))], 32 * 24 * 48 * 8),
    "transformer": (transformer, [_rng.standard_normal((8, 32, 64))], 8 * 32 * 64 * 4 * 8),
}
"""Maker of a step, its arguments, bytes of the largest activation."""
