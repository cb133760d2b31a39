"""Where further numbers may be drawn from, judged by the numbers that the author passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array
from minigrad.verify import SampleDomain

Shape: TypeAlias = tuple[int, ...]
_FINE = 2.0**20


class Chance(Protocol):
    """The source of random numbers that the gate draws samples with."""

    def uniform(self, shape: Shape) -> Array:
        """Numbers uniform in [0, 1)."""
        ...

    def signed_magnitudes(self, shape: Shape) -> Array:
        """Numbers of both signs with magnitudes from 1/2 to 3/2."""
        ...

    def choice(self, values: Array, shape: Shape) -> Array:
        """Entries of `values`."""
        ...


@attrs.frozen
class SampledRange:
    """Real numbers between the smallest and the largest that were passed; no step leaves them.

    Attributes:
        low: the smallest number.
        high: the largest number.
    """

    low: float
    high: float
    kind: str = "range"
    shape: Shape | None = None
    matrix: bool = False
    differentiable: bool = True

    @property
    def contains_zero(self) -> bool:
        """Whether numbers of both signs were passed."""
        return self.low < 0.0 < self.high

    def draw(self, rng: Chance, shape: Shape) -> Array:
        """Numbers inside, none of them exactly 0."""
        width = self.high - self.low
        share = (np.floor(rng.uniform(shape) * 1022.0) + 1.0) / 1024.0
        numbers: Array = self.low + share * width
        return np.where(numbers == 0.0, self.low + width / 2048.0, numbers)

    def direction(self, rng: Chance, x: Array) -> Array:
        """Steps that stay inside and cross no zero."""
        room = np.minimum(np.minimum(x - self.low, self.high - x), np.minimum(np.abs(x), 1.0))
        _, exponent = np.frexp(np.where(room > 0.0, room, 1.0))
        return np.asarray(rng.signed_magnitudes(x.shape) * np.ldexp(0.5, exponent))


@attrs.frozen(eq=False)
class SeenIntegers:
    """The integers that were passed, such as targets with an index that is ignored."""

    values: Array
    kind: str = "seen"
    shape: Shape | None = None
    matrix: bool = False
    differentiable: bool = False
    contains_zero: bool = False

    def draw(self, rng: Chance, shape: Shape) -> Array:
        """Some of them."""
        return rng.choice(self.values, shape)

    def direction(self, rng: Chance, x: Array) -> Array:
        """No step: integers are not differentiated."""
        return np.zeros(x.shape)


AnyDomain: TypeAlias = SampleDomain | SampledRange | SeenIntegers


def judged(passed: Sequence[Array]) -> tuple[AnyDomain, AnyDomain]:
    """A domain that the numbers passed suggest, and the narrowest that holds them.

    Args:
        passed: the arrays of all samples.
    """
    numbers = np.concatenate([a.ravel() for a in passed])
    if numbers.dtype.kind == "b":
        return mg.boolean(), mg.boolean()
    if numbers.dtype.kind != "f":
        seen = SeenIntegers(np.unique(numbers) if numbers.size else np.zeros(1, dtype=numbers.dtype))
        if numbers.size and numbers.min() >= 0 and numbers.max() < 64:
            return mg.integer_index(int(numbers.max()) + 1), seen
        return seen, seen
    if not numbers.size:
        return mg.real(), mg.real()
    if all(map(_is_spd, passed)):
        return mg.spd(passed[0].shape), mg.spd(passed[0].shape)
    low, high = float(numbers.min()), float(numbers.max())
    narrow: AnyDomain = SampledRange(low, high) if low < high else mg.positive() if low > 0.0 else mg.real()
    if low > 0.0:
        return (mg.positive() if high > 1.0 else narrow), narrow
    if low < 0.0 < high:
        return (mg.real() if max(-low, high) > 1.0 else mg.unit()), narrow
    return narrow, narrow


def _is_spd(a: Array) -> bool:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or a.shape[-1] < 2 or not a.size or not np.isfinite(a).all():
        return False
    return bool(np.allclose(a, np.swapaxes(a, -1, -2)) and (np.linalg.eigvalsh(a) > 0.0).all())
