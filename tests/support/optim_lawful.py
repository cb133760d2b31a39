"""Optimizers that keep all laws, from which lawless ones depart, and galleries to put those in."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

import attrs
import numpy as np

from minigrad.optim import Need, NoState, Objective, number
from minigrad.typing import Array

T = TypeVar("T", bound=type)


class Gallery(list[tuple[str, type]]):
    """Optimizers with the law that each breaks."""

    def breaks(self, law: str) -> Callable[[T], T]:
        """Enter a class, with the law that it breaks."""

        def enter(cls: T) -> T:
            self.append((law, cls))
            return cls

        return enter


@attrs.frozen
class Descent:
    """Lawful gradient descent, from which the others depart."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    lr: float = number(1e-2, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * self.direction(w, f, t), state

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad


@attrs.frozen
class V:
    """A state of one vector."""

    v: Array


@attrs.frozen
class Rolling:
    """Lawful momentum."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    lr: float = number(1e-2, ge=0.0)
    momentum: float = number(0.9, ge=0.0, lt=1.0)

    def init(self, w: Array) -> V:
        return V(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - self.lr * v, V(v)
