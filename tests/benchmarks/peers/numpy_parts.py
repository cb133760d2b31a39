"""What the hand-written contestants share: flat parameters, Adam in tiles, softmax with cross-entropy."""

from __future__ import annotations

import numpy as np

TILE = 1 << 15
F = np.float32


class FlatAdam:
    """Adam on one flat vector, tile by tile. `decay`: of the weights themselves (AdamW)."""

    def __init__(self, w: np.ndarray, g: np.ndarray, decay: float = 0.0) -> None:
        self.w, self.g = w, g
        self.keep = np.asarray(1.0 - 1e-3 * decay, F) if decay else None
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
            if self.keep is not None:
                np.multiply(w, self.keep, out=w)
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


def flat(arrays: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One vector with all numbers, and its parts in the arrays' shapes."""
    flat = np.concatenate([a.ravel() for a in arrays])
    cuts = np.cumsum([0, *(a.size for a in arrays)])
    return flat, [flat[i:j].reshape(a.shape) for a, i, j in zip(arrays, cuts, cuts[1:], strict=False)]


class CrossEntropy:
    """Mean over columns of scores (classes, rows): classes come first, so that sums run along whole rows of memory."""

    def __init__(self, labels: np.ndarray, classes: int) -> None:
        self.labels, self.columns = labels.ravel(), np.arange(labels.size)
        self.row = np.empty(labels.size, F)
        self.scale = np.asarray(1.0 / labels.size, F)

    def __call__(self, scores: np.ndarray) -> float:
        """The loss; `scores` becomes its gradient."""
        np.maximum.reduce(scores, axis=0, out=self.row)
        np.subtract(scores, self.row, out=scores)
        picked = scores[self.labels, self.columns]
        np.exp(scores, out=scores)
        np.add.reduce(scores, axis=0, out=self.row)
        np.divide(scores, self.row, out=scores)
        scores[self.labels, self.columns] -= 1.0
        np.multiply(scores, self.scale, out=scores)
        return float((np.log(self.row) - picked).mean())
