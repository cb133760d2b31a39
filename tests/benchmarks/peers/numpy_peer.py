"""NumPy written by hand, as carefully as one would: buffers made once, `out=` everywhere, elementwise work in tiles."""

from __future__ import annotations

import numpy as np

from benchmarks.protocol import Numbers, Step, Unsupported, parameters

TILE = 1 << 15
F = np.float32


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind == "mlp":
        return _mlp(numbers)
    if kind == "adam":
        return _adam_alone(numbers)
    if kind == "chain":
        return _chain(numbers)
    if kind == "elementwise":
        return _elementwise(numbers)
    raise Unsupported("not written")


class FlatAdam:
    """Adam on one flat vector, tile by tile."""

    def __init__(self, w: np.ndarray, g: np.ndarray) -> None:
        self.w, self.g = w, g
        self.m, self.v = np.zeros_like(w), np.zeros_like(w)
        self.a, self.b = np.empty(TILE, F), np.empty(TILE, F)
        self.t = 0

    def step(self) -> None:
        """Update in place."""
        self.t += 1
        rate, root = np.asarray(1e-3 / (1 - 0.9**self.t), F), np.asarray(1 / np.sqrt(1 - 0.999**self.t), F)
        constants = [np.asarray(c, F) for c in (0.9, 0.1, 0.999, 0.001, 1e-8)]
        beta, other, beta2, other2, eps = constants
        for low in range(0, self.w.size, TILE):
            part = slice(low, min(low + TILE, self.w.size))
            w, g, m, v = self.w[part], self.g[part], self.m[part], self.v[part]
            a, b = self.a[: w.size], self.b[: w.size]
            np.multiply(m, beta, out=m)
            np.multiply(g, other, out=a)
            np.add(m, a, out=m)
            np.multiply(v, beta2, out=v)
            np.multiply(g, g, out=a)
            np.multiply(a, other2, out=a)
            np.add(v, a, out=v)
            np.sqrt(v, out=a)
            np.multiply(a, root, out=a)
            np.add(a, eps, out=a)
            np.divide(m, a, out=b)
            np.multiply(b, rate, out=b)
            np.subtract(w, b, out=w)


def _flat(arrays: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    flat = np.concatenate([a.ravel() for a in arrays])
    cuts = np.cumsum([0, *(a.size for a in arrays)])
    return flat, [flat[i:j].reshape(a.shape) for a, i, j in zip(arrays, cuts, cuts[1:], strict=False)]


def _mlp(numbers: Numbers) -> Step:
    x, labels = numbers["x"], numbers["y"]
    w, ws = _flat(parameters(numbers))
    g, gs = _flat([np.zeros_like(a) for a in ws])
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
    w, _ = _flat(parameters(numbers))
    g, _ = _flat([numbers[f"g{k}"] for k in range(len(parameters(numbers)))])
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
