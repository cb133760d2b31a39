"""Domains of their own: open intervals, and parameters that SciPy cannot differentiate."""

from __future__ import annotations

import attrs

import minigrad as mg
from minigrad import Tensor
from minigrad.typing import Array, Shape
from minigrad.verify.declare import Domain, RandomSource


@attrs.frozen
class Parameter:
    """A domain whose argument gets no gradient; samples come from `base`."""

    base: Domain
    shape: Shape | None = None
    matrix: bool = False
    differentiable: bool = False
    contains_zero: bool = False

    @property
    def kind(self) -> str:
        """For messages."""
        return f"parameter ({self.base.kind})"

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """A sample of the base."""
        return self.base.draw(rng, shape)

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """Never asked for."""
        return x * 0.0


@attrs.frozen
class Between:
    """The open interval (low, high): the domain (-1, 1), moved and stretched."""

    low: float
    high: float
    shape: Shape | None = None
    matrix: bool = False
    differentiable: bool = True
    contains_zero: bool = False

    @property
    def kind(self) -> str:
        """For messages."""
        return f"({self.low:g}, {self.high:g})"

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """A sample up to 0.995 of the way to either end."""
        return self.low + (mg.unit().draw(rng, shape) + 1.0) * (0.5 * (self.high - self.low))

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """A direction that does not leave the interval."""
        half = 0.5 * (self.high - self.low)
        return mg.unit().direction(rng, (x - self.low) / half - 1.0) * half


def refuse_gradient(function: str, **parameters: object) -> None:
    """Raise TypeError for a parameter that requires a gradient, rather than give it none."""
    for name, value in parameters.items():
        if isinstance(value, Tensor) and value.requires_grad:
            raise TypeError(f"{function}: there is no derivative for {name!r}; pass {name}.detach(), or a plain number")
