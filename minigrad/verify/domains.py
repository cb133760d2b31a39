"""Domains: where samples come from, and which steps stay inside.

Samples lie on a dyadic grid and directions are powers of two relative to each entry, so that every step is exact in
binary and none ever crosses zero or the edge of a domain.
"""

from __future__ import annotations

from math import prod

import attrs
import numpy as np

from minigrad.core.errors import OpError
from minigrad.core.types import Array, BoolArray, Shape
from minigrad.verify.declare import RandomSource

_GRID = 2.0**-12


@attrs.frozen
class SampleDomain:
    """Where the samples of one argument are drawn from.

    Made by `real()`, `positive()` and so on.

    Attributes:
        kind: the name of the domain.
        shape: shape of the samples, for arguments that need a particular one; None for "any shape".
        high: upper end (exclusive) of an `integer_index`.
    """

    kind: str
    shape: Shape | None = None
    high: int = 0

    @property
    def differentiable(self) -> bool:
        """False for `integer_index` and `boolean`."""
        return self.kind not in ("integer_index", "boolean")

    @property
    def matrix(self) -> bool:
        """Whether samples are square matrices."""
        return self.kind in ("spd", "square_wellconditioned")

    @property
    def contains_zero(self) -> bool:
        """Whether 0 is in the domain; samples avoid it, since signs and quotients break there."""
        return self.kind in ("real", "unit", "distinct")

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """A sample of the given shape (for matrix domains its last two lengths must be equal)."""
        return _DRAW[self.kind](self, rng, shape)

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """A random direction whose multiples up to 2**-5 stay inside the domain when added to `x`."""
        d = rng.signed_magnitudes(x.shape)
        if self.kind == "unit":
            room = np.minimum(np.abs(x), 1.0 - np.abs(x))
        elif self.kind == "spd":
            d = (d + np.swapaxes(d, -1, -2)) * 0.25
            room = np.ones(x.shape)
        elif self.matrix:
            room = np.ones(x.shape)
        else:
            room = np.minimum(np.abs(x), 1.0)
        return d * _power_of_two(room)


def _power_of_two(x: Array) -> Array:
    _, exponent = np.frexp(x + (x == 0.0))
    return np.asarray(np.ldexp(0.5, exponent))


def _stratified(rng: RandomSource, shape: Shape, strata: tuple[Array, Array]) -> Array:
    """Every stratum gets its share of the entries, spread over the stratum from end to end."""
    low, width = strata
    count = prod(shape)
    cells = low.size
    rank, turn = np.divmod(rng.permutation(count), cells)
    # Where cells cannot share entries evenly, others are favoured at every draw.
    cell = rng.permutation(cells)[turn] if count % cells else turn
    spread = (rank + rng.uniform((count,))) / (count // cells + 1)
    values: Array = np.rint((low[cell] + width[cell] * spread) / _GRID) * _GRID
    return values.reshape(shape)


def _strata(*bounds: float) -> tuple[Array, Array]:
    edges = np.array(bounds)
    return edges[:-1], np.diff(edges)


def _of_both_signs(strata: tuple[Array, Array]) -> tuple[Array, Array]:
    low, width = strata
    return np.concatenate([low, -low]), np.concatenate([width, -width])


_STRATA = _strata(2.0**-10, 2.0**-4, 1.0, 2.0, 4.0, 8.0)
"""Magnitudes: tiny, below one, and three octaves above.

A branch on magnitude is met in each of them.
"""

_REAL = _of_both_signs(_STRATA)
_NONZERO = _of_both_signs(_strata(2.0**-4, 2.0**-3, 1.0, 2.0, 4.0, 8.0))
_UNIT = _of_both_signs(_strata(2.0**-10, 2.0**-4, 0.5, 0.9, 0.99))


def _real(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    return _stratified(rng, shape, _REAL)


def _nonzero(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    return _stratified(rng, shape, _NONZERO)


def _positive(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    return _stratified(rng, shape, _STRATA)


def _unit(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    return _stratified(rng, shape, _UNIT)


def _distinct(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    count = prod(shape)
    ranks = rng.permutation(count) - (count - 1) / 2
    values: Array = 0.375 * ranks + 0.125 * rng.uniform((count,)) + 0.0625
    return np.floor(values.reshape(shape) / _GRID) * _GRID  # down: rounding up would make a zero of -1/8192


def _spd(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    a = rng.uniform(shape) - 0.5
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1]) * (1.0 + np.arange(shape[-1]) * 0.5)


def _square_wellconditioned(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    a = rng.uniform(shape) - 0.5
    return a + np.eye(shape[-1]) * (1.5 + np.arange(shape[-1]) * 0.5)


def _integer_index(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    index = rng.permutation(prod(shape)) % domain.high  # every value occurs where there is room, and repeats do
    return index.reshape(shape)  # type: ignore[return-value]


def _boolean(domain: SampleDomain, rng: RandomSource, shape: Shape) -> Array:
    mask: BoolArray = rng.uniform(shape) < 0.5
    return mask  # type: ignore[return-value]


_DRAW = {
    "real": _real,
    "nonzero": _nonzero,
    "positive": _positive,
    "unit": _unit,
    "distinct": _distinct,
    "spd": _spd,
    "square_wellconditioned": _square_wellconditioned,
    "integer_index": _integer_index,
    "boolean": _boolean,
}


_FUNCTIONS = {"real": "numpy.real(t)", "positive": "numpy.positive(t)", "nonzero": "numpy.nonzero(t)"}
"""Functions of NumPy that a domain has its name from."""


def _shape(domain: str, shape: Shape | None) -> Shape | None:
    if shape is None or (isinstance(shape, tuple) and all(isinstance(n, int) for n in shape)):
        return shape
    remedy = f"; the function of that name is {_FUNCTIONS[domain]}" if domain in _FUNCTIONS else ""
    raise OpError(
        f"minigrad.{domain} names a domain that samples for the gate are drawn from; it takes their shape, a tuple of "
        f"integers or None, not a {type(shape).__name__}{remedy}"
    )


def real(shape: Shape | None = None) -> SampleDomain:
    """Real numbers of both signs, magnitudes 2**-10 to 8, never zero."""
    return SampleDomain("real", _shape("real", shape))


def positive(shape: Shape | None = None) -> SampleDomain:
    """Positive numbers, 2**-10 to 8."""
    return SampleDomain("positive", _shape("positive", shape))


def unit(shape: Shape | None = None) -> SampleDomain:
    """The open interval (-1, 1), up to 0.99 in magnitude; no step leaves it."""
    return SampleDomain("unit", _shape("unit", shape))


def nonzero(shape: Shape | None = None) -> SampleDomain:
    """Real numbers of magnitude 1/16 to 8."""
    return SampleDomain("nonzero", _shape("nonzero", shape))


def distinct(shape: Shape | None = None) -> SampleDomain:
    """Real numbers that lie at least 1/4 apart, for ops that compare entries (max, sort)."""
    return SampleDomain("distinct", _shape("distinct", shape))


def spd(n: int | Shape = 3) -> SampleDomain:
    """Symmetric positive definite matrices of shape (n, n), or of a given shape (..., n, n)."""
    return SampleDomain("spd", (n, n) if isinstance(n, int) else n)


def square_wellconditioned(n: int | Shape = 3) -> SampleDomain:
    """Square matrices with a condition number below about 10.

    Of shape (n, n) or of a given shape (..., n, n).
    """
    return SampleDomain("square_wellconditioned", (n, n) if isinstance(n, int) else n)


def integer_index(high: int = 2, shape: Shape | None = None) -> SampleDomain:
    """Integers from 0 to `high` - 1. The argument is not differentiated."""
    return SampleDomain("integer_index", _shape("integer_index", shape), high)


def boolean(shape: Shape | None = None) -> SampleDomain:
    """True and False. The argument is not differentiated."""
    return SampleDomain("boolean", _shape("boolean", shape))
