"""How weights begin: initialisers by name, and the seed they draw from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array, Shape
from minigrad.nn.errors import ModuleError
from minigrad.runtime.blocks import Block, ContextStack

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "Source",
    "fans",
    "find_initializer",
    "forget_bias",
    "generator",
    "he",
    "he_uniform",
    "normal",
    "orthogonal",
    "seeded",
    "xavier",
    "xavier_uniform",
    "zeros",
]

Initializer: TypeAlias = Callable[[Shape, np.random.Generator], Array]
Source: TypeAlias = np.random.Generator | int | None

_SEEDED: ContextStack[np.random.Generator] = ContextStack("nn_seeded")


class seeded(Block[np.random.Generator]):
    """Layers built inside the block draw their weights from this seed, one after another.

    >>> with nn.seeded(0):
    ...     model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    As a decorator it begins with the seed at each call.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(self._push)
        self._seed = seed

    def _push(self) -> AbstractContextManager[np.random.Generator]:
        return _SEEDED.pushed(generator(self._seed))

    def for_one_call(self) -> Block[np.random.Generator]:
        """A block that goes on drawing where it was left."""
        rng = generator(self._seed)
        return Block(lambda: _SEEDED.pushed(rng))


def generator(source: Source) -> np.random.Generator:
    """Find the generator that is meant by a generator, a seed or None.

    None is that of the enclosing `seeded`, or else an unpredictable one.

    Raises:
        ModuleError: the source is none of these.
    """
    if isinstance(source, np.random.Generator):
        return source
    if source is None:
        return _SEEDED.innermost() or np.random.default_rng()
    if isinstance(source, bool) or not isinstance(source, int | np.integer) or source < 0:
        raise ModuleError(f"rng={source!r}: expected a numpy Generator, a seed (an integer >= 0), or None")
    return np.random.default_rng(int(source))


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs of one unit of a weight.

    Two axes are `(inputs, outputs)`, those of Linear; more are `(outputs, inputs, *window)`, those of a convolution,
    where each output entry sums inputs * window products. One axis counts as both.
    """
    if len(shape) <= 2:
        return shape[0], shape[-1]
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def he(shape: Shape, rng: np.random.Generator) -> Array:
    """Draw normal numbers of variance 2 / inputs, for ReLU layers (He et al. 2015)."""
    return rng.normal(0.0, math.sqrt(2.0 / fans(shape)[0]), shape)


def xavier(shape: Shape, rng: np.random.Generator) -> Array:
    """Draw normal numbers of variance 2 / (inputs + outputs) (Glorot & Bengio 2010).

    For tanh and linear layers.
    """
    return rng.normal(0.0, math.sqrt(2.0 / sum(fans(shape))), shape)


def he_uniform(shape: Shape, rng: np.random.Generator) -> Array:
    """Uniform with the variance of `he`: between -b and b, b = sqrt(6 / inputs)."""
    bound = math.sqrt(6.0 / fans(shape)[0])
    return rng.uniform(-bound, bound, shape)


def xavier_uniform(shape: Shape, rng: np.random.Generator) -> Array:
    """Draw uniform numbers between -b and b, b = sqrt(6 / (inputs + outputs)).

    Their variance is that of `xavier`.
    """
    bound = math.sqrt(6.0 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape)


def orthogonal(shape: Shape, rng: np.random.Generator) -> Array:
    """Draw a matrix with orthonormal rows or columns, the fewer of them, uniformly.

    Keeps lengths through time (Saxe et al. 2014).
    More than two axes count as a matrix `(shape[0], rest)`. Source: Mezzadri 2007, QR with the signs of R's diagonal.
    """
    rows, columns = shape[0], math.prod(shape[1:])
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return (q if rows >= columns else q.T).reshape(shape)


@attrs.frozen
class _Normal:
    """Normal numbers of a standard deviation."""

    std: float

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return rng.normal(0.0, self.std, shape)


def normal(std: float = 0.01) -> Initializer:
    """Make an initializer that draws normal numbers of this standard deviation.

    The default is the course notes' 0.01 * randn.

    Raises:
        ModuleError: `std` is negative or not finite.
    """
    if not 0.0 <= std < math.inf:
        raise ModuleError(f"normal(std={std!r}): a finite standard deviation >= 0 is needed")
    return _Normal(std)


def forget_bias(units: int, value: float = 1.0) -> Array:
    """Fill the bias of an LSTM: `value` for the forget gate, zeros for the others.

    The blocks are i, f, g, o, of `units` entries each.
    """
    bias = np.zeros(4 * units)
    bias[units : 2 * units] = value
    return bias


def zeros(shape: Shape, rng: np.random.Generator) -> Array:
    """Fill with zeros: right for biases, fatal for hidden weights.

    Units that begin equal stay equal.
    """
    return np.zeros(shape)


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {
        "he": he,
        "he_uniform": he_uniform,
        "xavier": xavier,
        "xavier_uniform": xavier_uniform,
        "orthogonal": orthogonal,
        "zeros": zeros,
    }
)


def find_initializer(choice: str | Initializer) -> Initializer:
    """The initialiser of that name, or the function itself.

    Raises:
        ModuleError: there is none of that name; names the nearest.
    """
    if callable(choice):
        return choice
    if not isinstance(choice, str):
        raise ModuleError(f"an initializer is a name or a function, got {choice!r:.60}")
    if choice not in INITIALIZERS:
        names = ", ".join(INITIALIZERS)
        raise ModuleError(f"there is no initializer {choice!r}.{nearest(choice, INITIALIZERS)} Known: {names}")
    return INITIALIZERS[choice]
