"""Calls of NumPy's functions with a Tensor where their weights, edges, fill values or means stand.

Each takes an array or a Tensor (3, 4) of distinct positive numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[Any], Any]

X = np.random.default_rng(11).uniform(0.2, 2.0, size=(3, 4))
"""Where the calls are compared."""

PLACES = np.random.default_rng(12).integers(0, 5, 12)
DATA = np.random.default_rng(13).normal(size=(12, 2))
EDGES = np.array([-1.0, -0.2, 0.3, 0.35, 1.5])

EDGE_LISTS: Any = [3, EDGES]

CALLS: dict[str, Call] = {
    "bincount": lambda x: np.bincount(PLACES, weights=x.ravel()),
    "bincount long": lambda x: np.bincount(PLACES, x.ravel(), 9),
    "bincount short": lambda x: np.bincount([3, 3, 0], weights=x[:, 1]),
    "histogram weights": lambda x: np.histogram(DATA[:, 0], weights=x.ravel()),
    "histogram weights density": lambda x: np.histogram(DATA[:, 0], EDGES, weights=x.ravel(), density=True),
    "histogram edges": lambda x: np.histogram(x, bins=4),
    "histogram density": lambda x: np.histogram(x, bins=3, density=True),
    "histogram equal": lambda x: np.histogram(x[0, :1] * np.ones(5), bins=3)[1],
    "histogram of Tensor edges": lambda x: np.histogram(DATA[:, 0], np.cumsum(x[0]) - 1.5, density=True),
    "histogram range": lambda x: np.histogram(
        DATA[:, 0], 3, (-1.0 - x[0, 0], 2.0 * x[1, 1]), weights=x.ravel(), density=True
    ),
    "histogram_bin_edges": lambda x: np.histogram_bin_edges(x, "sturges"),
    "histogram2d weights": lambda x: np.histogram2d(DATA[:, 0], DATA[:, 1], 3, weights=x.ravel()),
    "histogram2d density": lambda x: np.histogram2d(x[0], x[1] ** 2, [2, 3], density=True),
    "histogram2d edges": lambda x: np.histogram2d(DATA[:, 0], DATA[:, 1], EDGES, weights=x.ravel(), density=True),
    "histogramdd weights": lambda x: np.histogramdd(DATA, EDGE_LISTS, weights=x.ravel(), density=True),
    "histogramdd sample": lambda x: np.histogramdd(x, 2, density=True),
    "logspace base": lambda x: np.logspace(0.5, x[1, :2], 4, base=x[0, 0]),
    "extract whole numbers": lambda x: np.extract(np.array([0, 2, 0, 1]), x),
    "ix_": lambda x: np.ix_(x[0], x[1]),
    "logaddexp whole numbers": lambda x: np.logaddexp(x, np.array([3, 0, 1, 2])),
    "polymul zeros": lambda x: np.polymul(x[0], [0, 0, 1, 2]),
    "sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
    "reshape method F": lambda x: x.reshape(2, 6, order="F"),
    "reshape method -1": lambda x: x.reshape((2, -1), order="F"),
    "ravel method F": lambda x: x.ravel("F"),
    "flatten F": lambda x: x.flatten(order="F"),
    "frexp": lambda x: np.frexp(x * np.array([1.0, -9.0, 1e-300, 0.0]))[0],
    "var mean": lambda x: np.var(x, axis=1, mean=x[:, :1] ** 2),
    "var mean where": lambda x: np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True), where=X > 0.4, ddof=0.5),
    "std mean": lambda x: np.std(x, mean=x[:1, :1], keepdims=True, ddof=1),
    "full_like": lambda x: np.full_like(x, x[0, 0]),
    "full_like rows": lambda x: np.full_like(x, x[1]),
    "full_like shape": lambda x: np.full_like(x, x[1, 0] ** 2, shape=(2, 2), dtype=float),
}
