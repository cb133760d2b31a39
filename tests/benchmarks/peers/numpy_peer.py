"""NumPy written by hand, as carefully as one would: buffers made once, `out=` everywhere, elementwise work in tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.peers import numpy_conv, numpy_lstm, numpy_transformer
from benchmarks.peers.numpy_parts import TILE, F, FlatAdam, flat
from benchmarks.protocol import Numbers, Step, Unsupported, parameters


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    makers: dict[str, Callable[[Numbers], Step]] = {
        "mlp": _mlp, "adam": _adam_alone, "chain": _chain, "elementwise": _elementwise, "conv": numpy_conv.build,
        "char-lstm": numpy_lstm.build, "transformer": numpy_transformer.build,
    }  # fmt: skip
    if kind not in makers:
        raise Unsupported("not written")
    return makers[kind](numbers)


def _mlp(numbers: Numbers) -> Step:
    x, labels = numbers["x"], numbers["y"]
    w, ws = flat(parameters(numbers))
    g, gs = flat([np.zeros_like(a) for a in ws])
    adam, rows, layers = FlatAdam(w, g), len(labels), len(ws) // 2
    hs: list[np.ndarray] = [x, *(np.empty((rows, b.size), F) for b in ws[1::2])]
    ds = [np.empty_like(h) for h in hs]
    masks = [np.empty(h.shape, bool) for h in hs]
    ones, zeros, index = np.ones(rows, F), [np.zeros(h.shape[1], F) for h in hs], np.arange(rows)

    def step() -> float:
        for k in range(layers):
            np.dot(hs[k], ws[2 * k], out=hs[k + 1])
            np.add(hs[k + 1], ws[2 * k + 1], out=hs[k + 1])
            if k < layers - 1:
                np.maximum(hs[k + 1], zeros[k + 1], out=hs[k + 1])
        scores, d = hs[-1], ds[-1]
        np.subtract(scores, np.maximum.reduce(scores, axis=1, keepdims=True), out=scores)
        picked = scores[index, labels]
        np.exp(scores, out=d)
        total = np.add.reduce(d, axis=1, keepdims=True)
        loss = float((np.log(total)[:, 0] - picked).mean())
        np.divide(d, total, out=d)
        d[index, labels] -= 1.0
        np.multiply(d, F(1.0 / rows), out=d)
        for k in reversed(range(layers)):
            np.dot(hs[k].T, ds[k + 1], out=gs[2 * k])
            np.dot(ones, ds[k + 1], out=gs[2 * k + 1])
            if k:
                np.dot(ds[k + 1], ws[2 * k].T, out=ds[k])
                np.greater(hs[k], zeros[k], out=masks[k])
                np.multiply(ds[k], masks[k], out=ds[k])
        adam.step()
        return loss

    return step


def _adam_alone(numbers: Numbers) -> Step:
    w, _ = flat(parameters(numbers))
    g, _ = flat([numbers[f"g{k}"] for k in range(len(parameters(numbers)))])
    adam = FlatAdam(w, g)

    def step() -> float:
        adam.step()
        return 0.0

    return step


def _chain(numbers: Numbers) -> Step:
    x, w = numbers["x"], numbers["w"]
    half, shift, y, d = np.asarray(0.999, F), np.asarray(0.001, F), np.empty_like(x), np.empty_like(x)

    def step() -> float:
        y[...] = x
        for _ in range(500):
            np.multiply(y, half, out=y)
            np.add(y, shift, out=y)
        d[...] = w
        for _ in range(500):
            np.multiply(d, half, out=d)
        return float(np.dot(y, w))

    return step


def _elementwise(numbers: Numbers) -> Step:
    """sum(w gelu(s)), s = softplus(x), and its gradient, in one pass over tiles."""
    x, w = numbers["x"], numbers["w"]
    gradient = np.empty_like(x)
    s, e, t, u = (np.empty(min(TILE, x.size), F) for _ in range(4))
    c, k, half, one, three = (np.asarray(a, F) for a in (0.7978845608028654, 0.044715, 0.5, 1.0, 3 * 0.044715))

    def step() -> float:
        total = 0.0
        for low in range(0, x.size, TILE):
            a, b, g = x[low : low + TILE], w[low : low + TILE], gradient[low : low + TILE]
            n = a.size
            S, E, T, U = s[:n], e[:n], t[:n], u[:n]
            np.abs(a, out=E)
            np.negative(E, out=E)
            np.exp(E, out=E)  # exp(-|x|)
            np.log1p(E, out=S)
            np.maximum(a, 0.0, out=T)
            np.add(S, T, out=S)  # softplus
            np.multiply(S, S, out=U)
            np.multiply(U, k, out=T)
            np.add(T, one, out=T)
            np.multiply(T, S, out=T)
            np.multiply(T, c, out=T)
            np.tanh(T, out=T)
            np.multiply(U, three, out=U)
            np.add(U, one, out=U)
            np.multiply(U, c, out=U)  # inner'
            np.multiply(T, T, out=E)
            np.subtract(one, E, out=E)
            np.multiply(U, E, out=U)
            np.multiply(U, S, out=U)
            np.add(T, one, out=T)
            np.add(U, T, out=U)
            np.multiply(U, half, out=U)  # gelu'
            np.multiply(T, S, out=T)
            np.multiply(T, half, out=T)
            total += float(np.dot(T, b))
            np.negative(S, out=S)
            np.exp(S, out=S)
            np.subtract(one, S, out=S)  # softplus' = 1 - exp(-softplus)
            np.multiply(U, S, out=U)
            np.multiply(U, b, out=g)
        return total

    return step
