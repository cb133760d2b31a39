"""The char-LSTM by hand: gates one after another in memory, so that elementwise calls and products are of whole blocks.

Embedding and input weights are multiplied before rows are taken (64 rows instead of 1,536), a sigmoid is a tanh of half
the sum, everything in the backward pass that does not run through time is computed for all times at once.
"""

from __future__ import annotations

import numpy as np

from benchmarks.peers.numpy_parts import CrossEntropy, F, FlatAdam, flat
from benchmarks.protocol import Numbers, Step, parameters

N, T, S, U = 32, 48, 64, 128
ORDER = [3, 0, 1, 2]
"""Gates i, f, g, o become o, i, f, g: the first three are sigmoids, the last three act on the cell."""


def _gates(w: np.ndarray) -> np.ndarray:
    """(..., 4 U) -> (4, ..., U)"""
    return np.ascontiguousarray(np.moveaxis(w.reshape(*w.shape[:-1], 4, U), -2, 0)[ORDER])


def build(numbers: Numbers) -> Step:
    """One step of Adam."""
    e, wx, wh, b, wo, bo = parameters(numbers)
    w, (e, wx, wh, b, wo, bo) = flat([e, _gates(wx), _gates(wh), _gates(b), wo, bo])
    g, (de, dwx, dwh, db, dwo, dbo) = flat([np.zeros_like(a) for a in (e, wx, wh, b, wo, bo)])
    adam, symbols = FlatAdam(w, g), np.ascontiguousarray(numbers["x"].T)
    together, ones_for_rows = np.empty((4, T * N, U), F), np.ones(T * N, F)
    cell, loss_of = _Cell(), CrossEntropy(numbers["y"].T, S)
    table, scores, sums = np.empty((4, S, U), F), np.empty((S, T * N), F), np.empty((4, S, U), F)
    ones, per_gate = np.ones(S, F), np.empty((4, S, S), F)

    def sum_by_symbol(dz: np.ndarray) -> None:
        flat = symbols.ravel()
        order = np.argsort(flat.astype(np.int16), kind="stable")
        ends = np.searchsorted(flat[order], np.arange(S + 1))
        np.take(dz, order, axis=1, out=together, mode="clip")
        for k in range(S):
            part = slice(ends[k], ends[k + 1])
            np.matmul(ones_for_rows[part], together[:, part], out=sums[:, k])

    def step() -> float:
        np.matmul(e, wx, out=table)
        np.add(table, b[:, None], out=table)
        cell.forward(table, symbols, wh)
        states = cell.h[1:].reshape(T * N, U)
        np.dot(wo.T, states.T, out=scores)
        np.add(scores, bo[:, None], out=scores)
        loss = loss_of(scores)
        np.dot(states.T, scores.T, out=dwo)
        np.add.reduce(scores, axis=1, out=dbo)
        np.dot(scores.T, wo.T, out=cell.dh.reshape(T * N, U))
        cell.backward(wh)
        dz = cell.dz.reshape(4, T * N, U)
        np.matmul(cell.h[:-1].reshape(T * N, U).T, dz, out=dwh)
        sum_by_symbol(dz)
        np.matmul(e.T, sums, out=dwx)
        np.matmul(ones, sums, out=db)
        np.add.reduce(np.matmul(sums, wx.transpose(0, 2, 1), out=per_gate), axis=0, out=de)
        adam.step()
        return loss

    return step


class _Cell:
    """All times of the recurrence, with what they leave behind."""

    def __init__(self) -> None:
        self.z, self.dz = np.empty((4, T, N, U), F), np.empty((4, T, N, U), F)
        self.h, self.c = np.zeros((T + 1, N, U), F), np.zeros((T + 1, N, U), F)
        self.tanh, self.dh, self.to_cell = (np.empty((T, N, U), F) for _ in range(3))
        self.now, self.back = np.empty((4, N, U), F), np.empty((4, N, U), F)
        self.a, self.dc = np.empty((N, U), F), np.empty((N, U), F)
        self.half, self.one = np.asarray(0.5, F), np.asarray(1.0, F)
        self.scale = np.array([0.5, 0.5, 0.5, 1.0], F)[:, None, None]

    def forward(self, table: np.ndarray, symbols: np.ndarray, wh: np.ndarray) -> None:
        """States of all times."""
        table *= self.scale
        wh = wh * self.scale
        for k in range(4):
            np.take(table[k], symbols, axis=0, out=self.z[k], mode="clip")
        now, a = self.now, self.a
        sigmoids, (o, i, f, g) = now[:3], now
        for t in range(T):
            np.matmul(self.h[t], wh, out=now)
            np.add(now, self.z[:, t], out=now)
            np.tanh(now, out=now)
            np.multiply(sigmoids, self.half, out=sigmoids)
            np.add(sigmoids, self.half, out=sigmoids)
            self.z[:, t] = now
            c = self.c[t + 1]
            np.multiply(f, self.c[t], out=c)
            np.multiply(i, g, out=a)
            np.add(c, a, out=c)
            np.tanh(c, out=self.tanh[t])
            np.multiply(o, self.tanh[t], out=self.h[t + 1])

    def backward(self, wh: np.ndarray) -> None:
        """Gradients of the gates' sums, from those of the states in `dh`."""
        self._slopes()
        turned = np.ascontiguousarray(wh.transpose(0, 2, 1))
        f, dc, a = self.z[2], self.dc, self.a
        dc[...] = 0.0
        for t in reversed(range(T)):
            dh, dz = self.dh[t], self.dz[:, t]
            if t < T - 1:
                np.add.reduce(np.matmul(self.dz[:, t + 1], turned, out=self.back), axis=0, out=a)
                np.add(dh, a, out=dh)
                np.multiply(dc, f[t + 1], out=dc)
            np.multiply(dh, self.to_cell[t], out=a)
            np.add(dc, a, out=dc)
            np.multiply(dz[0], dh, out=dz[0])
            np.multiply(dz[1:], dc, out=dz[1:])

    def _slopes(self) -> None:
        """d z / d h for o, d z / d c for the others, in `dz`; d c / d h in `to_cell`."""
        o, i, _, g = self.z
        slope_o, slope_i, slope_f, slope_g = self.dz
        np.subtract(self.one, self.z[:3], out=self.dz[:3])
        np.multiply(self.z[:3], self.dz[:3], out=self.dz[:3])
        for slope, factor in ((slope_o, self.tanh), (slope_i, g), (slope_f, self.c[:-1])):
            np.multiply(slope, factor, out=slope)
        for y, factor, out in ((g, i, slope_g), (self.tanh, o, self.to_cell)):
            np.multiply(y, y, out=out)
            np.subtract(self.one, out, out=out)
            np.multiply(out, factor, out=out)
