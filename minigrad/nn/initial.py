"""How weights begin: initialisers by name, and the seed they draw from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array, Shape
from minigrad.nn.errors import ModuleError

__all__ = [
    "INITIALISERS",
    "Initialiser",
    "Source",
    "fans",
    "generator",
    "he",
    "initialiser",
    "seeded",
    "xavier",
    "zeros",
]

Initialiser: TypeAlias = Callable[[Shape, np.random.Generator], Array]
Source: TypeAlias = np.random.Generator | int | None

_SEEDED: ContextVar[np.random.Generator | None] = ContextVar("minigrad_nn_seeded", default=None)


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Layers built inside the block draw their weights from this seed, one after another.

    >>> with nn.seeded(0):
    ...     model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    """
    rng = generator(seed)
    token = _SEEDED.set(rng)
    try:
        yield rng
    finally:
        _SEEDED.reset(token)


def generator(source: Source) -> np.random.Generator:
    """A generator as it is; one for a seed; for None that of the enclosing `seeded`, or else an unpredictable one."""
    if isinstance(source, np.random.Generator):
        return source
    if source is None:
        return _SEEDED.get() or np.random.default_rng()
    if isinstance(source, bool) or not isinstance(source, int | np.integer) or source < 0:
        raise ModuleError(f"rng={source!r}: expected a numpy Generator, a seed (an integer >= 0), or None")
    return np.random.default_rng(int(source))


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs of one unit of a weight of shape `(inputs, outputs)`."""
    return shape[0], shape[-1]


def he(shape: Shape, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / inputs: keeps the scale of activations through ReLU layers (He et al. 2015)."""
    return rng.normal(0.0, math.sqrt(2.0 / fans(shape)[0]), shape)


def xavier(shape: Shape, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / (inputs + outputs): for tanh and linear layers (Glorot & Bengio 2010)."""
    return rng.normal(0.0, math.sqrt(2.0 / sum(fans(shape))), shape)


def zeros(shape: Shape, rng: np.random.Generator) -> Array:
    """All zeros: right for biases, fatal for hidden weights, whose units would then all stay equal."""
    return np.zeros(shape)


INITIALISERS: Mapping[str, Initialiser] = MappingProxyType({"he": he, "xavier": xavier, "zeros": zeros})


def initialiser(choice: str | Initialiser) -> Initialiser:
    """The initialiser of that name, or the function itself. Raises ModuleError for an unknown name."""
    if callable(choice):
        return choice
    if choice not in INITIALISERS:
        known = ", ".join(INITIALISERS)
        raise ModuleError(f"there is no initialiser {choice!r}.{nearest(choice, INITIALISERS)} Known: {known}")
    return INITIALISERS[choice]
