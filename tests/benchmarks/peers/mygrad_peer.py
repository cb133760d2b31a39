"""MyGrad, with Adam by hand."""

from __future__ import annotations

from collections.abc import Callable

import mygrad
import numpy as np
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers.plain_adam import Adam
from benchmarks.protocol import Numbers, Step, Unsupported, parameters


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind in ("chain", "elementwise"):
        return _gradient(_chain if kind == "chain" else _elementwise, numbers)
    if kind != "mlp":
        raise Unsupported("no second derivatives" if kind == "hessian" else "not written for it")
    weights, x, y = parameters(numbers), numbers["x"], numbers["y"]
    adam = Adam(weights)

    def step() -> float:
        p = [mygrad.tensor(w, copy=False) for w in weights]
        h = x
        for k in range(0, len(p), 2):
            h = mygrad.matmul(h, p[k]) + p[k + 1]
            h = mygrad.maximum(h, 0.0) if k + 2 < len(p) else h
        loss = softmax_crossentropy(h, y)
        loss.backward()
        grads = [t.grad for t in p]
        value = float(loss.item())
        del loss, h, p
        adam.step(weights, grads)
        return value

    return step


def _chain(x: mygrad.Tensor, w: np.ndarray) -> mygrad.Tensor:
    for _ in range(500):
        x = x * np.float32(0.999) + np.float32(0.001)
    return (x * w).sum()


def _elementwise(x: mygrad.Tensor, w: np.ndarray) -> mygrad.Tensor:
    y = mygrad.logaddexp(np.float32(0.0), x)
    inner = np.float32(0.7978845608028654) * (y + np.float32(0.044715) * y * y * y)
    return (np.float32(0.5) * y * (np.float32(1.0) + mygrad.tanh(inner)) * w).sum()


def _gradient(loss: Callable[[mygrad.Tensor, np.ndarray], mygrad.Tensor], numbers: Numbers) -> Step:
    x, w = numbers["x"], numbers["w"]

    def step() -> float:
        value = loss(mygrad.tensor(x, copy=False), w)
        value.backward()
        return float(value.item())

    return step
