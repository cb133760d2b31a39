"""What is measured: for each case the numbers that all contestants start from. Needs NumPy alone.

A case's step is one training step, or one value with its gradient; its loss at steps 1 and 5 must be everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CASES", "Arrays", "Case"]

Array = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]


class Case(NamedTuple):
    """A case: in words, how its numbers are drawn, and the relative difference of losses that is let pass."""

    about: str
    draw: Callable[[np.random.Generator], Arrays]
    tolerance: float = 1e-4


def _normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def _weights(rng: np.random.Generator, inputs: int, outputs: int) -> Array:
    return _normal(rng, inputs, outputs, scale=(2.0 / inputs) ** 0.5)


def _mlp(*sizes: int, rows: int) -> Callable[[np.random.Generator], Arrays]:
    def draw(rng: np.random.Generator) -> Arrays:
        found: Arrays = {"x": _normal(rng, rows, sizes[0]), "y": rng.integers(0, sizes[-1], rows)}
        for i, (n, m) in enumerate(pairwise(sizes)):
            found[f"p{2 * i}"] = _weights(rng, n, m)
            found[f"p{2 * i + 1}"] = np.zeros(m, np.float32)
        return found

    return draw


def _vector(count: int) -> Callable[[np.random.Generator], Arrays]:
    return lambda rng: {"x": _normal(rng, count), "w": _normal(rng, count, scale=1.0 / count)}


def _conv(rng: np.random.Generator) -> Arrays:
    return {
        "x": _normal(rng, 64, 1, 28, 28), "y": rng.integers(0, 10, 64),
        "p0": _normal(rng, 16, 1, 3, 3, scale=0.4), "p1": np.zeros(16, np.float32),
        "p2": _normal(rng, 32, 16, 3, 3, scale=0.1), "p3": np.zeros(32, np.float32),
        "p4": _weights(rng, 1568, 10), "p5": np.zeros(10, np.float32),
    }  # fmt: skip


def _transformer(rng: np.random.Generator) -> Arrays:
    d, hidden, classes = 128, 512, 64
    ones, zeros = np.ones(d, np.float32), np.zeros(d, np.float32)
    return {
        "x": _normal(rng, 16, 128, d), "y": rng.integers(0, classes, (16, 128)),
        "p0": ones, "p1": zeros, "p2": _normal(rng, d, 3 * d, scale=0.06), "p3": np.zeros(3 * d, np.float32),
        "p4": _normal(rng, d, d, scale=0.06), "p5": zeros, "p6": ones, "p7": zeros,
        "p8": _normal(rng, d, hidden, scale=0.06), "p9": np.zeros(hidden, np.float32),
        "p10": _normal(rng, hidden, d, scale=0.04), "p11": zeros,
        "p12": _normal(rng, d, classes, scale=0.06), "p13": np.zeros(classes, np.float32),
    }  # fmt: skip


def _lstm(rng: np.random.Generator) -> Arrays:
    symbols, width, units = 64, 64, 128
    return {
        "x": rng.integers(0, symbols, (32, 48)), "y": rng.integers(0, symbols, (32, 48)),
        "p0": _normal(rng, symbols, width), "p1": _normal(rng, width, 4 * units, scale=0.1),
        "p2": _normal(rng, units, 4 * units, scale=0.08), "p3": np.zeros(4 * units, np.float32),
        "p4": _normal(rng, units, symbols, scale=0.1), "p5": np.zeros(symbols, np.float32),
    }  # fmt: skip


def _adam(count: int, size: int) -> Callable[[np.random.Generator], Arrays]:
    def draw(rng: np.random.Generator) -> Arrays:
        found: Arrays = {f"p{k}": _normal(rng, size) for k in range(count)}
        found.update({f"g{k}": _normal(rng, size) for k in range(count)})
        return found

    return draw


def _hessian(rng: np.random.Generator) -> Arrays:
    """tanh(x W1 + b1) W2 + b2 with 8-16-3 units: 195 numbers, and 5 more for a scale of each input group."""
    return {"x": _normal(rng, 32, 8), "y": rng.integers(0, 3, 32), "p0": _normal(rng, 200, scale=0.3)}


CASES: Mapping[str, Case] = {
    "chain of 1,000 on a scalar": Case("500 products and 500 sums of single numbers, forward and backward", _vector(1)),
    "chain of 1,000 on 8": Case("the same on 8 numbers", _vector(8)),
    "mlp 64-32-10": Case("batch 32, softmax, Adam", _mlp(64, 32, 10, rows=32)),
    "mlp 784-128-10": Case("batch 64, softmax, Adam", _mlp(784, 128, 10, rows=64)),
    "mlp 784-512-512-10": Case("batch 128, softmax, Adam", _mlp(784, 512, 512, 10, rows=128), 5e-3),
    "elementwise 1e3": Case("sum(w gelu(softplus(x))), tanh form, value and gradient", _vector(1_000)),
    "elementwise 1e5": Case("the same on 10^5 numbers", _vector(100_000)),
    "elementwise 1e7": Case("the same on 10^7 numbers", _vector(10_000_000), 1e-3),
    "conv net": Case("64 images 28x28: conv 16, pool, conv 32, pool, 10 classes; SGD", _conv),
    "transformer": Case("pre-norm block, 16 x 128 tokens, width 128, 4 heads, causal; 64 classes; AdamW", _transformer),
    "char-lstm": Case("32 texts of 48 symbols out of 64, 128 units; Adam", _lstm),
    "adam 1 x 1e6": Case("update alone, one vector", _adam(1, 1_000_000)),
    "adam 100 x 1e4": Case("update alone, a hundred vectors", _adam(100, 10_000)),
    "hessian of 200": Case("of the loss of a small net, every second derivative", _hessian, 1e-3),
}
