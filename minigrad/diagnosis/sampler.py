"""Updates looked at closely, ever more rarely.

1, 2, 3, then each a quarter later than the last, so the share of the cost falls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core import Tensor
from minigrad.core.backward import gradients
from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Sample
from minigrad.optim import StatefulOptimizer
from minigrad.optim import StepResult as Update
from minigrad.optim.stateful.closure import Closure
from minigrad.train.checks.parameter_check import Named

__all__ = ["GROWTH", "Sampler", "Stepper", "held_by"]

Stepper: TypeAlias = Callable[[Closure | None], Update]
Comparison: TypeAlias = tuple[float | None, float | None, tuple[str, ...]]
"""Staleness of a gradient, its cosine with that of the loss, parameters turned round."""

EARLY = 3
_EXCERPT, _WEIGHTS = 8, 3
_TURNED = -0.999
_LARGE, _UNDONE, _SEEN = 0.05, 1.5, 1e-3
GROWTH = 1.25


class Sampler:
    """Takes the place of `optimizer.step` and samples some of the updates.

    Attributes:
        calls: how often `optimizer.step` was called.
        updates: how many there have been.
        samples: the figures.
        seconds: what they took.
        value: the loss of the batch at hand, while it is wanted (see `early`).
        losses: how many losses there were since the last update.
        moved: how often something else than an update has changed the weights, by more than a twentieth of their size,
            or by more than the update had.
    """

    def __init__(self, optimizer: StatefulOptimizer, named: Named) -> None:
        self.optimizer, self._named = optimizer, named
        self.calls, self.updates, self.seconds = 0, 0, 0.0
        self.samples: list[Sample] = []
        self.value: Tensor | None = None
        self.moved = self.losses = 0
        self._next = 1
        self._found: list[Array] = []
        self._left: list[Array] = []
        self._used: list[Array] = []

    @property
    def early(self) -> bool:
        """Whether gradients are still compared with those of the loss."""
        return self.updates < EARLY

    def wrap_step(self, step: Stepper, closure: Closure | None, loss: Callable[[], float]) -> Update:
        """One update, sampled if it is time; `loss` tells the loss of its batch."""
        self._compare()
        self.calls += 1
        done = step(closure) if self.updates + 1 < self._next else self._sampled(step, closure, loss)
        self._left = self._excerpt()
        self.updates += not done.skipped
        self.value, self.losses = None, 0
        return done

    def _excerpt(self) -> list[Array]:
        """A few numbers of each weight."""
        return [t.numpy().reshape(-1)[:_EXCERPT].copy() for _, t in self._named if t.ndim > 1][:_WEIGHTS]

    def _compare(self) -> None:
        """Look whether the weights are those that the last update left behind."""
        now = self._excerpt()
        if self._left:
            size, step = _norm(self._left), _distance(self._left, self._found)
            self.moved += _distance(now, self._left) > min(_LARGE * size, max(_UNDONE * step, _SEEN * size)) > 0.0
        self._found = now

    def _sampled(self, step: Stepper, closure: Closure | None, loss: Callable[[], float]) -> Update:
        began = time.process_time()
        before = [t.numpy().copy() for _, t in self._named]
        compared = self._compared() if closure is None and self.early else (None, None, ())
        lr = self.optimizer.hyperparameters[0].get("lr")
        self.seconds += time.process_time() - began
        done = step(closure)
        began = time.process_time()
        if not done.skipped:
            rate = float(lr) if isinstance(lr, int | float) else None
            self.samples.append(self._sample(before, rate, compared, loss()))
            self._next = max(self.updates + 2, math.ceil(GROWTH * (self.updates + 1)))
        self.seconds += time.process_time() - began
        return done

    def _compared(self) -> Comparison:
        """Compare the gradient at hand with that of this batch's loss.

        Alone, and added to the one used before.

        Returns how stale it is, its cosine with that of the loss, and the parameters for which its sign is opposite.
        """
        if self.value is None or self.optimizer.accumulates:
            return None, None, ()
        now = [_gradient(t) for _, t in self._named]
        before, self._used = self._used, now
        targets = [t for _, t in self._named]
        fresh = gradients((self.value,), (np.ones_like(self.value.data),), targets, False)
        own = [np.zeros_like(a) if g is None else np.asarray(g) for a, g in zip(now, fresh, strict=True)]
        size = _norm(before)
        stale = _norm([a - g - b for a, g, b in zip(now, own, before, strict=True)]) / size if size else None
        if self.losses != 1:  # the gradients of several losses were added up on purpose
            return stale, None, ()
        cosines = {name: _cosine([a], [g]) for (name, _), a, g in zip(self._named, now, own, strict=True)}
        turned = tuple(name for name, cosine in cosines.items() if cosine is not None and cosine < _TURNED)
        return stale, _cosine(now, own), turned

    def _sample(self, before: Sequence[Array], lr: float | None, compared: Comparison, loss: float) -> Sample:
        updates, weights, grads, dot, moved, steep = {}, {}, {}, 0.0, 0.0, 0.0
        for (name, t), old in zip(self._named, before, strict=True):
            change, g = (t.numpy() - old).ravel(), _gradient(t).ravel()
            size = math.sqrt(max(t.size, 1))
            a, b = float(np.linalg.norm(change)), float(np.linalg.norm(g))
            updates[name], grads[name] = a / size, b / size
            weights[name] = float(np.linalg.norm(old)) / size
            dot, moved, steep = dot + float(change @ g), moved + a * a, steep + b * b
        scale = math.sqrt(moved * steep)
        return Sample(self.updates + 1, loss, lr, updates, weights, grads, -dot / scale if scale else 0.0, *compared)

    def hook(self, wrap_step: Callable[[Stepper, Closure | None], Update]) -> Callable[[], None]:
        """Let `wrap_step(step, closure)` stand for `optimizer.step(closure)`.

        Returns a function that ends it.
        """
        own = vars(self.optimizer)
        step = self.optimizer.step

        def instead(closure: Closure | None = None) -> Update:
            return wrap_step(step, closure)

        def undo() -> None:
            if own.get("step") is instead:
                del own["step"]

        own["step"] = instead
        return undo


def held_by(optimizer: StatefulOptimizer) -> frozenset[int]:
    """Ids of the parameters that an optimizer updates."""
    return frozenset(id(t) for bucket in optimizer.buckets for t in bucket.tensors)


def _gradient(t: Tensor) -> Array:
    g = t.grad
    return np.zeros(t.shape, dtype=t.dtype) if g is None else g.numpy().copy()


def _distance(a: Sequence[Array], b: Sequence[Array]) -> float:
    return _norm([p - q for p, q in zip(a, b, strict=True)])


def _norm(parts: Sequence[Array]) -> float:
    return math.sqrt(sum(float(np.vdot(p, p)) for p in parts))


def _cosine(a: Sequence[Array], b: Sequence[Array]) -> float | None:
    """Cosine of the angle between two gradients; None where one is 0."""
    size = _norm(a) * _norm(b)
    return sum(float(np.vdot(p, q)) for p, q in zip(a, b, strict=True)) / size if size > 0.0 else None
