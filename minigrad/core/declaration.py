"""What the author of an op declares: arguments and their domains, rules, and claims that the gate verifies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array, ArrayLike, IndexArray, Shape

Forward: TypeAlias = Callable[..., "Array | tuple[Array, ...]"]
Metadata: TypeAlias = Mapping[str, object]
Kinks: TypeAlias = "Sequence[float] | str | Callable[..., tuple[Array, ...]]"


class RandomSource(Protocol):
    """A reproducible source of random numbers (`minigrad.verify.seeded_random.Draws`)."""

    def uniform(self, shape: Shape) -> Array:
        """Numbers uniform in [0, 1)."""
        ...

    def steps(self, shape: Shape) -> Array:
        """Numbers of both signs with magnitudes from 1/2 to 3/2."""
        ...

    def choice(self, values: Array, shape: Shape) -> Array:
        """Entries of `values`."""
        ...

    def permutation(self, count: int) -> IndexArray:
        """0 to count - 1 in random order."""
        ...


class Domain(Protocol):
    """Where the samples of one argument are drawn from (see `minigrad.verify.domains`)."""

    @property
    def kind(self) -> str:
        """The name of the domain."""
        ...

    @property
    def shape(self) -> Shape | None:
        """The shape its samples must have, or None."""
        ...

    @property
    def matrix(self) -> bool:
        """Whether samples are matrices of a special kind, which long steps would leave."""
        ...

    @property
    def differentiable(self) -> bool:
        """False for integer and boolean arguments, which have no gradient."""
        ...

    @property
    def contains_zero(self) -> bool:
        """Whether 0 is in the domain; samples themselves are never exactly 0."""
        ...

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """A sample of the given shape."""
        ...

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """A direction that can be stepped along from `x` without leaving the domain."""
        ...


@attrs.frozen(init=False, eq=False)
class Sample:
    """One set of arguments for the gate: positional arrays and keyword metadata."""

    arrays: tuple[Array, ...]
    metadata: dict[str, object]

    def __init__(self, *arrays: ArrayLike, **metadata: object) -> None:
        self.__attrs_init__(tuple(np.asarray(a) for a in arrays), metadata)


@attrs.frozen(eq=False)
class Argument:
    """An array argument of an op; a variadic one (`*xs`) stands for any number of arrays of one domain."""

    name: str
    domain: Domain | None
    variadic: bool = False

    @property
    def differentiable(self) -> bool:
        """Whether a gradient can flow into this argument."""
        return self.domain is None or self.domain.differentiable


@attrs.frozen(eq=False)
class VJP:
    """The vector-Jacobian product for the arguments at `indices`; `variadic` when the last one is `*xs`."""

    names: tuple[str, ...]
    indices: tuple[int, ...]
    function: Callable[..., object]
    variadic: bool


class _Required:
    """Marks metadata without a default."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@attrs.frozen(eq=False)
class Claims:
    """What an op says of itself. The gate verifies each claim; other rooms then build on it."""

    elementwise: bool = False
    linear: bool = False
    piecewise_constant: bool = False
    kinks: Kinks = ()
    params: tuple[Metadata, ...] = ({},)
    shapes: tuple[tuple[Shape, ...], ...] = ()
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None
    numpy: Callable[..., object] | None = None
