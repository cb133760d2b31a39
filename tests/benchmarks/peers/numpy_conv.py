"""The conv net by hand: activations as (height, channel, width, batch), no im2col, pooling before bias and relu.

In this layout the rows h, h + 1, h + 2 of all channels are one matrix without a copy; three shifted copies of each row
make the windows complete (9 in im2col). The gradient of the images is made of the same kind of matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.peers.numpy_parts import CrossEntropy, F
from benchmarks.protocol import Numbers, Step, parameters

RATE = F(0.05)


def build(numbers: Numbers) -> Step:
    """One step of SGD."""
    w1, b1, w2, b2, w3, b3 = parameters(numbers)
    first, second = _Layer(w1, b1, 28, 64), _Layer(w2, b2, 14, 64)
    first.image[...] = numbers["x"].transpose(2, 1, 3, 0)
    # The last layer's weights, with rows in the order of the activations.
    dense = np.ascontiguousarray(w3.reshape(32, 7, 7, 10).transpose(3, 1, 0, 2)).reshape(10, 1568)
    scores, back = np.empty((10, 64), F), np.empty((1568, 64), F)
    loss_of, ones = CrossEntropy(numbers["y"], 10), np.ones(64, F)

    def step() -> float:
        second.image[...] = first.forward()
        seen = second.forward().reshape(1568, 64)
        np.dot(dense, seen, out=scores)
        np.add(scores, b3[:, None], out=scores)
        loss = loss_of(scores)
        np.dot(dense.T, scores, out=back)
        second.backward(back.reshape(7, 32, 7, 64))
        first.backward(second.to_image())
        np.subtract(dense, RATE * np.dot(scores, seen.T), out=dense)
        np.subtract(b3, RATE * np.dot(scores, ones), out=b3)
        for layer in (first, second):
            layer.learn()
        return loss

    return step


class _Layer:
    """Convolution 3x3 with padding, pooling 2x2, bias, relu."""

    def __init__(self, w: np.ndarray, b: np.ndarray, size: int, batch: int) -> None:
        self.outputs, self.inputs = w.shape[:2]
        self.size, self.batch, half = size, batch, size // 2
        self.w = np.ascontiguousarray(w.transpose(0, 2, 3, 1)).reshape(self.outputs, -1)  # (o, (i, j, c))
        self.b = b.reshape(-1, 1, 1).copy()
        self.wide = np.zeros((size + 2, self.inputs, size + 2, batch), F)
        self.image = self.wide[1:-1, :, 1:-1]
        self.shifted = np.empty((size + 2, 3, self.inputs, size, batch), F)
        self.windows = _rows(self.shifted, size)
        self.y = np.empty((size, self.outputs, size, batch), F)
        self.tall = np.empty((half, self.outputs, size, batch), F)
        self.pooled = np.empty((half, self.outputs, half, batch), F)
        self.a, self.d = np.empty_like(self.pooled), np.empty_like(self.pooled)
        self.mask = np.empty(self.pooled.shape, bool)
        self.zeros = np.zeros(batch, F)
        self.dy_wide = np.zeros((size + 2, self.outputs, size, batch), F)
        self.dy = self.dy_wide[1:-1]
        self.dy_rows = _rows(self.dy_wide[:, None], size)
        self.dw, self.db = np.empty((size, self.w.shape[1], self.outputs), F), np.empty_like(self.b)
        self.by_column = np.empty((size, 3, self.inputs, size, batch), F)
        self.dx = np.zeros((size, self.inputs, size + 2, batch), F)

    def forward(self) -> np.ndarray:
        """relu(pool(conv(image)) + b)"""
        for j in range(3):
            np.copyto(self.shifted[:, j], self.wide[:, :, j : j + self.size])
        np.matmul(self.w, self.windows, out=self.y.reshape(self.size, self.outputs, -1))
        np.maximum(self.y[0::2], self.y[1::2], out=self.tall)
        np.maximum(self.tall[:, :, 0::2], self.tall[:, :, 1::2], out=self.pooled)
        np.add(self.pooled, self.b, out=self.a)
        return np.maximum(self.a, self.zeros, out=self.a)

    def backward(self, g: np.ndarray) -> None:
        """Gradients of w, b and y from that of the result."""
        np.greater(self.a, self.zeros, out=self.mask)
        np.multiply(g, self.mask, out=self.d)
        np.add.reduce(self.d, axis=(0, 2, 3), out=self.db.reshape(-1))
        for i in (0, 1):
            for j in (0, 1):
                np.equal(self.y[i::2, :, j::2], self.pooled, out=self.mask)
                np.multiply(self.d, self.mask, out=self.dy[i::2, :, j::2])
        g_rows = self.dy.reshape(self.size, self.outputs, -1)
        np.matmul(self.windows, g_rows.transpose(0, 2, 1), out=self.dw)

    def to_image(self) -> np.ndarray:
        """The gradient of the image."""
        turned = self.w.reshape(self.outputs, 3, 3, self.inputs)[:, ::-1].transpose(2, 3, 1, 0)  # (j, c, i, o)
        product = self.by_column.reshape(self.size, 3 * self.inputs, -1)
        np.matmul(turned.reshape(3 * self.inputs, 3 * self.outputs), self.dy_rows, out=product)
        self.dx[...] = 0.0
        for j in range(3):
            part = self.dx[:, :, j : j + self.size]
            np.add(part, self.by_column[:, j], out=part)
        return self.dx[:, :, 1:-1]

    def learn(self) -> None:
        """Plain SGD."""
        self.w -= RATE * np.add.reduce(self.dw, axis=0).T
        self.b -= RATE * self.db


def _rows(x: np.ndarray, count: int) -> np.ndarray:
    """From (rows, ..., width, batch) `count` matrices of three rows each, which overlap in memory."""
    rows = int(np.prod(x.shape[1:-2]))
    flat = x.reshape(x.shape[0] * rows, -1)
    width = flat.shape[1]
    return as_strided(flat, (count, 3 * rows, width), (rows * width * 4, width * 4, 4), writeable=False)
