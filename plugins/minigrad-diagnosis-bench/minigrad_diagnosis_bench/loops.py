"""Mistakes of a loop of one's own.

In which batch it takes, what it does to gradients, and to weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.nn import Module
from minigrad.optim import StatefulOptimizer
from minigrad.runtime.parameters import assign
from minigrad_diagnosis_bench.setting import Setting

__all__ = ["BATCHES", "GRADIENTS", "WEIGHTS", "Moment", "plain_batch"]


@attrs.frozen(eq=False)
class Moment:
    """Where the loop stands.

    Attributes:
        rows: row numbers in the order of this epoch.
        start: place of the batch among them.
        before: row numbers of the batch before.
        rng: for mistakes that are made by chance.
    """

    rows: NDArray[np.intp]
    start: int
    before: NDArray[np.intp]
    rng: np.random.Generator

    def part(self, s: Setting) -> NDArray[np.intp]:
        """The rows that a sound loop takes."""
        return self.rows[self.start : self.start + s.batch]


Batch: TypeAlias = "tuple[Array, Array] | None"


def plain_batch(s: Setting, at: Moment) -> Batch:
    """The batch of a sound loop."""
    part = at.part(s)
    return s.x[part], s.y[part]


def _same(s: Setting, at: Moment) -> Batch:
    part = at.rows[: s.batch]
    return s.x[part], s.y[part]


def _late(s: Setting, at: Moment) -> Batch:
    part = at.part(s)
    return s.x[part], s.y[at.before[: len(part)]] if len(at.before) >= len(part) else s.y[part]


def _shuffled_inputs(s: Setting, at: Moment) -> Batch:
    part = at.part(s)
    return s.x[at.rng.permutation(part)], s.y[part]


def _tenth(s: Setting, at: Moment) -> Batch:
    part = at.rng.integers(0, max(len(s.x) // 10, 2), len(at.part(s)))
    return s.x[part], s.y[part]


def _scaled(s: Setting, at: Moment) -> Batch:
    x, y = s.x[at.part(s)], s.y[at.part(s)]
    return x * np.asarray(40.0, x.dtype), y


def _with_val(s: Setting, at: Moment) -> Batch:
    part = at.part(s)
    own, other = part[: len(part) // 2], at.rng.integers(0, len(s.x_val), len(part) - len(part) // 2)
    return np.concatenate([s.x[own], s.x_val[other]]), np.concatenate([s.y[own], s.y_val[other]])


def _first_only(s: Setting, at: Moment) -> Batch:
    return plain_batch(s, at) if at.start == 0 else None


def _mean_inputs(s: Setting, at: Moment) -> Batch:
    x, y = s.x[at.part(s)], s.y[at.part(s)]
    return np.broadcast_to(x.mean(axis=0, keepdims=True, dtype=x.dtype), x.shape).copy(), y


def _reversed_targets(s: Setting, at: Moment) -> Batch:
    part = at.part(s)
    return s.x[part], s.y[part[::-1]]


BATCHES: Mapping[str, Callable[[Setting, Moment], Batch]] = {
    "same batch": _same,
    "late targets": _late,
    "shuffled inputs": _shuffled_inputs,
    "tenth of the rows": _tenth,
    "scaled batches": _scaled,
    "validation rows too": _with_val,
    "first batch only": _first_only,
    "mean inputs": _mean_inputs,
    "reversed targets": _reversed_targets,
}


def _cleared(optimizer: StatefulOptimizer, model: Module, rng: np.random.Generator) -> None:
    optimizer.zero_grad()


def _shaken(optimizer: StatefulOptimizer, model: Module, rng: np.random.Generator) -> None:
    """Add noise to every gradient, ten times as large as the gradient."""
    for bucket in optimizer.buckets:
        noise = 10.0 * bucket.grads.std() * rng.standard_normal(bucket.grads.shape)
        bucket.grads[...] += noise.astype(bucket.grads.dtype)


def _first_turned(optimizer: StatefulOptimizer, model: Module, rng: np.random.Generator) -> None:
    """Turn the gradient of the first parameter."""
    bucket = optimizer.buckets[0]
    bucket.grads[: model.parameters()[0].size] *= -1.0


def _weights_added(optimizer: StatefulOptimizer, model: Module, rng: np.random.Generator) -> None:
    """Add twice each weight to its gradient: a penalty of strength 1 on the sum of squares."""
    flat = np.concatenate([p.numpy().reshape(-1) for p in model.parameters()])
    optimizer.buckets[0].grads[: len(flat)] += 2.0 * flat


def _signs(optimizer: StatefulOptimizer, model: Module, rng: np.random.Generator) -> None:
    """Keep the magnitude of every gradient, and draw its sign."""
    for bucket in optimizer.buckets:
        bucket.grads[...] = np.abs(bucket.grads) * rng.choice((-1.0, 1.0), bucket.grads.shape)


GRADIENTS: Mapping[str, Callable[[StatefulOptimizer, Module, np.random.Generator], None]] = {
    "cleared": _cleared,
    "noisy gradients": _shaken,
    "first layer turned": _first_turned,
    "penalty in the loop": _weights_added,
    "random signs": _signs,
}


def _clamped(model: Module, rng: np.random.Generator) -> None:
    """Bound every weight by 0.01 after each update."""
    for t in model.parameters():
        assign(t, np.clip(t.numpy(), -0.01, 0.01))


def _rounded(model: Module, rng: np.random.Generator) -> None:
    """Round every weight to a tenth after each update."""
    for t in model.parameters():
        assign(t, np.round(t.numpy(), 1))


def _shaken_weights(model: Module, rng: np.random.Generator) -> None:
    """Add noise of half their size to all weights after each update."""
    for t in model.parameters():
        noise = 0.5 * t.numpy().std() * rng.standard_normal(t.shape)
        assign(t, (t.numpy() + noise).astype(t.dtype))


WEIGHTS: Mapping[str, Callable[[Module, np.random.Generator], None]] = {
    "clamped": _clamped,
    "rounded": _rounded,
    "shaken weights": _shaken_weights,
}
