"""Complex numbers as pairs of real arrays: what transforms and eigenvalues give and take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import attrs

from minigrad import lazy
from minigrad.core.types import Key, Shape
from minigrad.ops.arguments import as_input
from minigrad.ops.index import getitem
from minigrad.typing import V


def _as_part(part: V) -> V:
    return as_input("Complex", "a part", part)  # type: ignore[no-any-return]


@attrs.frozen(eq=False)
class Complex(Generic[V]):
    """real + i imag, two arrays (or two Tensors) of one shape.

    Gradients flow through both, as through any reals.
    """

    real: V = attrs.field(converter=_as_part)
    imag: V = attrs.field(converter=_as_part)

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self.real.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.real.ndim

    def __getitem__(self, key: Key) -> Complex[V]:
        """Entries of both parts, by NumPy's forms of indexing."""
        return Complex(getitem(self.real, key=key), getitem(self.imag, key=key))

    def conj(self) -> Complex[V]:
        """real - i imag."""
        return Complex(self.real, -self.imag)

    def __neg__(self) -> Complex[V]:
        return Complex(-self.real, -self.imag)

    def __add__(self, other: Complex[V] | V | float) -> Complex[V]:
        if isinstance(other, Complex):
            return Complex(self.real + other.real, self.imag + other.imag)
        return Complex(self.real + other, self.imag + 0.0 * other)

    def __sub__(self, other: Complex[V] | V | float) -> Complex[V]:
        return self + (-other)

    def __mul__(self, other: Complex[V] | V | float) -> Complex[V]:
        if isinstance(other, Complex):
            return Complex(
                self.real * other.real - self.imag * other.imag, self.real * other.imag + self.imag * other.real
            )
        return Complex(self.real * other, self.imag * other)

    __rmul__ = __mul__
    __radd__ = __add__

    def __truediv__(self, other: Complex[V] | V | float) -> Complex[V]:
        if isinstance(other, Complex):
            return self * other.conj() / other.abs2()
        return Complex(self.real / other, self.imag / other)

    def abs2(self) -> V:
        """real ** 2 + imag ** 2."""
        return self.real * self.real + self.imag * self.imag

    def __abs__(self) -> V:
        hypot: Callable[[V, V], V] = lazy.load("minigrad.ops.elementwise.trigonometric", "hypot")
        return hypot(self.real, self.imag)

    def angle(self) -> V:
        """The angle in radians, in (-pi, pi]."""
        arctan2: Callable[[V, V], V] = lazy.load("minigrad.ops.elementwise.trigonometric", "arctan2")
        return arctan2(self.imag, self.real)
