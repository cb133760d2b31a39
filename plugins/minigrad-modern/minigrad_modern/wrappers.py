"""Rules over other rules: `mg.optimizer("look-ahead", params, over="adam")`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, Optimizer, Segment, count, number
from minigrad.typing import Array

__all__ = ["Cautious", "LookAhead", "SharpnessAware"]


@attrs.frozen
class Descent:
    """w <- w - lr g, which the wrappers stand over unless they are told another rule."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()

    lr: float = number(1e-2, ge=0.0)

    def init(self, w: Array) -> NoState:
        """Nothing to remember."""
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        """One step downhill."""
        return w - self.lr * f.grad, state


@attrs.frozen
class Inner:
    """The state of the inner rule."""

    inner: attrs.AttrsInstance


@attrs.frozen
class SharpnessAware:
    """The inner rule, with the gradient at w + rho g / |g|, the steepest point nearby.

    w <- inner(w, g'), g' = gradient at w + rho g / |g|.

    Source: Foret et al. 2021, algorithm 1, over all parameters at once. Needs a closure, which is evaluated twice.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.REEVAL
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation"})

    rho: float = number(0.05, ge=0.0)
    inner: Optimizer[Any] = attrs.field(factory=Descent)

    def init(self, w: Array) -> Inner:
        """The inner rule's."""
        return Inner(self.inner.init(w))

    def update(self, w: Array, f: Objective, state: Inner, t: int) -> tuple[Array, Inner]:
        """Climb a little, look, and let the inner rule step from where it was."""
        g = f.grad
        size = math.sqrt(float(g @ g))
        above = f.at(w + (self.rho / size) * g) if size > 0.0 else f
        moved, inner = self.inner.update(w, above, state.inner, t)
        return moved, Inner(inner)


@attrs.frozen
class SlowWeights:
    """The state of the inner rule, and the weights it returns to, shape `(n,)`."""

    inner: attrs.AttrsInstance
    slow: Array


@attrs.frozen
class LookAhead:
    """Slow weights that move to the inner rule's every few steps.

    s <- s + pull (w - s), w <- s after each `every` steps of the inner rule, which goes on from there.

    Source: Zhang et al. 2019, algorithm 1.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation"})

    every: int = count(5, ge=1)
    pull: float = number(0.5, gt=0.0, le=1.0)
    inner: Optimizer[Any] = attrs.field(factory=Descent)

    def init(self, w: Array) -> SlowWeights:
        """Slow weights at the start."""
        return SlowWeights(self.inner.init(w), w.copy())

    def update(self, w: Array, f: Objective, state: SlowWeights, t: int) -> tuple[Array, SlowWeights]:
        """The inner rule's step, and now and then one back."""
        moved, inner = self.inner.update(w, f, state.inner, t)
        if t % self.every:
            return moved, SlowWeights(inner, state.slow)
        slow = state.slow + self.pull * (moved - state.slow)
        return slow.copy(), SlowWeights(inner, slow)


@attrs.frozen
class Cautious:
    """The inner rule without the entries of its step that point against their gradient.

    w <- w + c (d * [d g < 0]), d = inner(w, g) - w, c = n / (number kept + 1).

    Source: Liang et al. 2024, algorithm 1: within each parameter the n entries of the step are masked and multiplied by
    n / (number kept + 1).
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"translation", "negation"})

    inner: Optimizer[Any] = attrs.field(factory=Descent)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Inner:
        """The inner rule's."""
        return Inner(self.inner.init(w))

    def update(self, w: Array, f: Objective, state: Inner, t: int) -> tuple[Array, Inner]:
        """The part of the inner rule's step that agrees with the gradient."""
        moved, inner = self.inner.update(w, f, state.inner, t)
        step = moved - w
        agrees = (step * f.grad < 0.0).astype(w.dtype)
        for part in self.layout or (Segment("w", 0, w.shape),):
            kept = part.of(agrees)
            kept *= part.size / (float(np.sum(kept)) + 1.0)
        return w + agrees * step, Inner(inner)


_sharp: Optimizer[Inner] = SharpnessAware()
_ahead: Optimizer[SlowWeights] = LookAhead()
_cautious: Optimizer[Inner] = Cautious()
