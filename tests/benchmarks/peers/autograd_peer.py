"""HIPS autograd, with Adam by hand."""

from __future__ import annotations

from collections.abc import Callable

import autograd.numpy as anp
import numpy as np
from autograd import hessian, value_and_grad

from benchmarks.peers.plain_adam import Adam
from benchmarks.protocol import Numbers, Step, Unsupported, parameters


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind in ("chain", "elementwise"):
        return _gradient(_chain if kind == "chain" else _elementwise, numbers)
    if kind == "hessian":
        return _hessian(numbers)
    if kind != "mlp":
        raise Unsupported("has no layers and no optimizers")
    weights, x, y = parameters(numbers), numbers["x"], numbers["y"]
    run, adam = value_and_grad(lambda p: _mlp(p, x, y)), Adam(weights)

    def step() -> float:
        value, grads = run(weights)
        adam.step(weights, grads)
        return float(value)

    return step


def _cross_entropy(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    shifted = scores - anp.max(scores, axis=1, keepdims=True)
    logs = shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))
    loss: np.ndarray = -anp.mean(logs[np.arange(len(y)), y])
    return loss


def _mlp(p: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    for k in range(0, len(p), 2):
        x = anp.dot(x, p[k]) + p[k + 1]
        x = anp.maximum(x, 0.0) if k + 2 < len(p) else x
    return _cross_entropy(x, y)


def _chain(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    for _ in range(500):
        x = x * 0.999 + 0.001
    total: np.ndarray = anp.sum(x * w)
    return total


def _elementwise(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = anp.logaddexp(0.0, x)
    inner = 0.7978845608028654 * (y + 0.044715 * y * y * y)
    total: np.ndarray = anp.sum(0.5 * y * (1.0 + anp.tanh(inner)) * w)
    return total


def _gradient(loss: Callable[[np.ndarray, np.ndarray], np.ndarray], numbers: Numbers) -> Step:
    run, x, w = value_and_grad(loss), numbers["x"], numbers["w"]
    return lambda: float(run(x, w)[0])


def _hessian(numbers: Numbers) -> Step:
    x, y = numbers["x"], numbers["y"]

    def loss(p: np.ndarray) -> np.ndarray:
        h = anp.tanh(anp.dot(x * anp.mean(p[195:200]), p[:128].reshape(8, 16)) + p[128:144])
        return _cross_entropy(anp.dot(h, p[144:192].reshape(16, 3)) + p[192:195], y)

    run, point = hessian(loss), numbers["p0"]
    return lambda: float(np.abs(run(point)).sum())
