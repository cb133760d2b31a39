"""The transformer block by hand: what causality forbids is left out in blocks, GELU's slope is computed with its value.

Tokens are rows. Queries, keys and values are read where the joint product left them, and their gradients written
there; a block of 32 targets meets only the sources up to its end, five eighths of the work.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.numpy_parts import CrossEntropy, F, FlatAdam, flat
from benchmarks.protocol import Numbers, Step, parameters

N, T, D, HEADS, HIDDEN, CLASSES = 16, 128, 128, 4, 512, 64
WIDE, ROWS, BLOCK, TILE_ROWS = D // HEADS, N * T, 32, 256
EPS = F(1e-5)


def build(numbers: Numbers) -> Step:
    """One step of AdamW."""
    w, ws = flat(parameters(numbers))
    g, gs = flat([np.zeros_like(a) for a in ws])
    adam, loss_of = FlatAdam(w, g, decay=0.01), CrossEntropy(numbers["y"], CLASSES)
    first, second = _Norm(ws[0:2], gs[0:2]), _Norm(ws[6:8], gs[6:8])
    joint, out = _Linear(ws[2:4], gs[2:4]), _Linear(ws[4:6], gs[4:6])
    widen, narrow, head = (_Linear(ws[k : k + 2], gs[k : k + 2]) for k in (8, 10, 12))
    attention, gelu, x = _Attention(), _Gelu(), np.ascontiguousarray(numbers["x"]).reshape(ROWS, D)
    scores = np.empty((CLASSES, ROWS), F)

    def step() -> float:
        middle = out.forward(attention.forward(joint.forward(first.forward(x))))
        np.add(middle, x, out=middle)
        y = narrow.forward(gelu.forward(widen.forward(second.forward(middle))))
        np.add(y, middle, out=y)
        scores[...] = head.forward(y).T
        loss = loss_of(scores)
        d = head.backward(np.ascontiguousarray(scores.T))
        through = second.backward(widen.backward(gelu.backward(narrow.backward(d))))
        np.add(d, through, out=d)
        first.backward(joint.backward(attention.backward(out.backward(d))), to_input=False)
        adam.step()
        return loss

    return step


class _Linear:
    """x w + b"""

    def __init__(self, ws: list[np.ndarray], gs: list[np.ndarray]) -> None:
        (self.w, self.b), (self.dw, self.db) = ws, gs
        self.y, self.dx = np.empty((ROWS, self.w.shape[1]), F), np.empty((ROWS, self.w.shape[0]), F)
        self.ones = np.ones(ROWS, F)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        np.dot(x, self.w, out=self.y)
        np.add(self.y, self.b, out=self.y)
        return self.y

    def backward(self, g: np.ndarray) -> np.ndarray:
        np.dot(self.x.T, g, out=self.dw)
        np.dot(self.ones, g, out=self.db)
        np.dot(g, self.w.T, out=self.dx)
        return self.dx


class _Norm:
    """Layer norm. Means over the last axis are products."""

    def __init__(self, ws: list[np.ndarray], gs: list[np.ndarray]) -> None:
        (self.w, self.b), (self.dw, self.db) = ws, gs
        self.z, self.y, self.a = (np.empty((ROWS, D), F) for _ in range(3))
        self.root, self.mean = np.empty((ROWS, 1), F), np.empty((ROWS, 1), F)
        self.ones, self.share = np.ones(ROWS, F), np.full((D, 1), 1 / D, F)

    def forward(self, x: np.ndarray) -> np.ndarray:
        np.subtract(x, np.dot(x, self.share, out=self.mean), out=self.z)
        np.dot(np.multiply(self.z, self.z, out=self.a), self.share, out=self.root)
        np.sqrt(np.add(self.root, EPS, out=self.root), out=self.root)
        np.divide(self.z, self.root, out=self.z)
        np.add(np.multiply(self.z, self.w, out=self.y), self.b, out=self.y)
        return self.y

    def backward(self, g: np.ndarray, to_input: bool = True) -> np.ndarray:
        a = self.a
        np.multiply(g, self.z, out=a)
        np.dot(self.ones, a, out=self.dw)
        np.dot(self.ones, g, out=self.db)
        if to_input:
            np.multiply(g, self.w, out=g)
            np.dot(np.multiply(g, self.z, out=a), self.share, out=self.mean)
            np.subtract(g, np.multiply(self.z, self.mean, out=a), out=a)
            np.subtract(a, np.dot(g, self.share, out=self.mean), out=a)
            np.divide(a, self.root, out=a)
        return a


class _Gelu:
    """tanh form, in tiles. `slope` is its derivative."""

    def __init__(self) -> None:
        self.y, self.slope = np.empty((ROWS, HIDDEN), F), np.empty((ROWS, HIDDEN), F)
        self.u, self.t = np.empty((TILE_ROWS, HIDDEN), F), np.empty((TILE_ROWS, HIDDEN), F)
        self.constants = [np.asarray(c, F) for c in (0.7978845608028654, 0.044715 * 0.7978845608028654, 0.5, 3.0)]

    def forward(self, x: np.ndarray) -> np.ndarray:
        c, k, half, three = self.constants
        u, t = self.u, self.t
        for low in range(0, ROWS, TILE_ROWS):
            part = slice(low, low + TILE_ROWS)
            z, y, slope = x[part], self.y[part], self.slope[part]
            np.multiply(np.multiply(z, z, out=u), k, out=u)  # k x^2
            np.multiply(np.add(u, c, out=t), z, out=t)
            np.tanh(t, out=t)
            np.add(np.multiply(u, three, out=u), c, out=u)  # inner'
            np.multiply(np.multiply(z, half, out=slope), u, out=u)
            np.multiply(slope, t, out=y)
            np.add(y, slope, out=y)
            np.subtract(u, np.multiply(u, np.multiply(t, t, out=slope), out=slope), out=slope)
            np.add(np.multiply(t, half, out=t), half, out=t)
            np.add(slope, t, out=slope)
        return self.y

    def backward(self, g: np.ndarray) -> np.ndarray:
        np.multiply(g, self.slope, out=g)
        return g


class _Attention:
    """softmax(q k^T / sqrt(width)) v for blocks of targets."""

    def __init__(self) -> None:
        self.q = np.empty((N, HEADS, T, WIDE), F)
        self.p = [np.empty((N, HEADS, BLOCK, end), F) for end in range(BLOCK, T + 1, BLOCK)]
        self.dp, self.a = (np.empty(N * HEADS * BLOCK * T, F) for _ in range(2))
        self.add = np.empty(N * HEADS * T * WIDE, F)
        self.y, self.d = np.empty((N, T, HEADS, WIDE), F), np.empty((N, T, 3, HEADS, WIDE), F)
        self.forbidden = np.where(np.tri(BLOCK, dtype=bool), F(0), F(-np.inf))
        self.scale, self.ones = np.asarray(WIDE**-0.5, F), np.ones((T, 1), F)

    def forward(self, joint: np.ndarray) -> np.ndarray:
        q, self.k, self.v = joint.reshape(N, T, 3, HEADS, WIDE).transpose(2, 0, 3, 1, 4)
        np.multiply(q, self.scale, out=self.q)
        y = self.y.transpose(0, 2, 1, 3)
        for p in self.p:
            now, end = self._slices(p)
            np.matmul(self.q[:, :, now], self.k[:, :, :end].swapaxes(2, 3), out=p)
            last = p[..., now]
            np.add(last, self.forbidden, out=last)
            np.subtract(p, np.maximum.reduce(p, axis=3, keepdims=True), out=p)
            np.exp(p, out=p)
            np.divide(p, np.matmul(p, self.ones[:end]), out=p)
            np.matmul(p, self.v[:, :, :end], out=y[:, :, now])
        return self.y.reshape(ROWS, D)

    def backward(self, g: np.ndarray) -> np.ndarray:
        g = g.reshape(N, T, HEADS, WIDE).transpose(0, 2, 1, 3)
        dq, dk, dv = self.d.transpose(2, 0, 3, 1, 4)
        for p in reversed(self.p):
            now, end = self._slices(p)
            dp = self.dp[: p.size].reshape(p.shape)
            np.matmul(g[:, :, now], self.v[:, :, :end].swapaxes(2, 3), out=dp)
            self._to(dv, p, g[:, :, now], end)
            a = np.multiply(dp, p, out=self.a[: p.size].reshape(p.shape))
            np.subtract(dp, np.matmul(a, self.ones[:end]), out=dp)
            np.multiply(dp, p, out=dp)
            np.matmul(dp, self.k[:, :, :end], out=dq[:, :, now])
            self._to(dk, dp, self.q[:, :, now], end)
        np.multiply(dq, self.scale, out=dq)
        return self.d.reshape(ROWS, 3 * D)

    def _to(self, d: np.ndarray, a: np.ndarray, b: np.ndarray, end: int) -> None:
        """d[:end] += a^T b; the last block, which comes first, overwrites."""
        if end == T:
            np.matmul(a.swapaxes(2, 3), b, out=d)
            return
        more = self.add[: N * HEADS * end * WIDE].reshape(N, HEADS, end, WIDE)
        np.matmul(a.swapaxes(2, 3), b, out=more)
        np.add(d[:, :, :end], more, out=d[:, :, :end])

    @staticmethod
    def _slices(p: np.ndarray) -> tuple[slice, int]:
        end = p.shape[3]
        return slice(end - BLOCK, end), end
