"""NumPy's Fourier transforms, composed of the three verified ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.types import Shape
from minigrad.fft.kernels import inverse_real_transform, real_transform, transform
from minigrad.ops.arrangement.manipulation import along, pad, roll
from minigrad.ops.elementwise.complex import Complex
from minigrad.ops.index import getitem
from minigrad.typing import V

Norm = str | None


def _resized(x: V, n: int, axis: int) -> V:
    """x cut, or filled up with zeros, to length n along `axis`."""
    length = x.shape[axis]
    if n == length:
        return x
    if n < 1:
        raise ValueError(f"fft: a transform of {n} points does not exist")
    if n < length:
        return getitem(x, key=along(axis, x.ndim, slice(0, n)))
    return pad(x, [(0, n - length) if a == normalize_axis_index(axis, x.ndim) else (0, 0) for a in range(x.ndim)])


def _factor(n: int, norm: Norm, inverse: bool) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f"fft: norm is 'backward', 'ortho' or 'forward', not {norm!r}")
    if norm == "ortho":
        return 1.0 / sqrt(n)
    return 1.0 / n if (norm == "forward") != inverse else 1.0


def _pair(x: V | Complex[V]) -> Complex[V]:
    return x if isinstance(x, Complex) else Complex(x, x * 0.0)


def _scaled(z: Complex[V], factor: float) -> Complex[V]:
    return z if factor == 1.0 else z * factor


def _one(x: V | Complex[V], n: int | None, axis: int, norm: Norm, inverse: bool) -> Complex[V]:
    z = _pair(x)
    count = z.shape[axis] if n is None else n
    re, im = transform.call_multi(
        _resized(z.real, count, axis), _resized(z.imag, count, axis), axis=axis, inverse=inverse
    )
    return _scaled(Complex(re, im), _factor(count, norm, inverse))


def fft(x: V | Complex[V], n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex[V]:
    """The transform of x along `axis`, cut or filled up with zeros to n points."""
    return _one(x, n, axis, norm, inverse=False)


def ifft(x: V | Complex[V], n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex[V]:
    """The inverse transform of x along `axis`, cut or filled up with zeros to n points."""
    return _one(x, n, axis, norm, inverse=True)


def rfft(x: V, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex[V]:
    """The first n // 2 + 1 frequencies of a real x along `axis`."""
    count = x.shape[axis] if n is None else n
    re, im = real_transform.call_multi(_resized(x, count, axis), axis=axis)
    return _scaled(Complex(re, im), _factor(count, norm, inverse=False))


def irfft(x: V | Complex[V], n: int | None = None, axis: int = -1, norm: Norm = None) -> V:
    """Compute the real array of n points along `axis` from the m frequencies of x.

    n is 2 (m - 1) by default.
    """
    z = _pair(x)
    count = 2 * (z.shape[axis] - 1) if n is None else n
    if count < 1:
        raise ValueError(f"irfft: {z.shape[axis]} frequencies make no points; pass n")
    kept = count // 2 + 1
    y: V = inverse_real_transform(_resized(z.real, kept, axis), _resized(z.imag, kept, axis), n=count, axis=axis)
    return y * _factor(count, norm, inverse=True)


_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def hfft(x: V | Complex[V], n: int | None = None, axis: int = -1, norm: Norm = None) -> V:
    """The real spectrum of a signal with Hermitian symmetry, of which the first half is given."""
    return irfft(_pair(x).conj(), n, axis, _SWAPPED.get(norm, norm))


def ihfft(x: V, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex[V]:
    """The first half of the signal with the real spectrum x: undoes `hfft`."""
    return rfft(x, n, axis, _SWAPPED.get(norm, norm)).conj()


def _axes(shape: Shape, s: Sequence[int] | None, axes: Sequence[int] | None) -> tuple[list[int], list[int]]:
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    sizes = [shape[a] for a in axes] if s is None else list(s)
    if len(sizes) != len(list(axes)):
        raise ValueError(f"fft: s = {s} and axes = {axes} have different lengths")
    return sizes, list(axes)


def fftn(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
         norm: Norm = None) -> Complex[V]:  # fmt: skip
    """The transform over several axes (all by default)."""
    z = _pair(x)
    for n, axis in zip(*_axes(z.shape, s, axes), strict=True):
        z = fft(z, n, axis, norm)
    return z


def ifftn(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
          norm: Norm = None) -> Complex[V]:  # fmt: skip
    """The inverse transform over several axes (all by default)."""
    z = _pair(x)
    for n, axis in zip(*_axes(z.shape, s, axes), strict=True):
        z = ifft(z, n, axis, norm)
    return z


def rfftn(x: V, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = None) -> Complex[V]:
    """The transform of a real x over several axes, of which the last keeps its first half."""
    sizes, over = _axes(x.shape, s, axes)
    z = rfft(x, sizes[-1], over[-1], norm)
    for n, axis in zip(sizes[:-1], over[:-1], strict=True):
        z = fft(z, n, axis, norm)
    return z


def irfftn(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
           norm: Norm = None) -> V:  # fmt: skip
    """Compute the real array with the spectrum x over several axes.

    The last of them holds the first half.
    """
    z = _pair(x)
    sizes, over = _axes(z.shape, s, axes)
    if s is None:
        sizes[-1] = 2 * (z.shape[over[-1]] - 1)
    for n, axis in zip(sizes[:-1], over[:-1], strict=True):
        z = ifft(z, n, axis, norm)
    return irfft(z, sizes[-1], over[-1], norm)


_LAST_TWO = (-2, -1)


def fft2(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] = _LAST_TWO,
         norm: Norm = None) -> Complex[V]:  # fmt: skip
    """The transform over two axes."""
    return fftn(x, s, axes, norm)


def ifft2(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] = _LAST_TWO,
          norm: Norm = None) -> Complex[V]:  # fmt: skip
    """The inverse transform over two axes."""
    return ifftn(x, s, axes, norm)


def rfft2(x: V, s: Sequence[int] | None = None, axes: Sequence[int] = _LAST_TWO, norm: Norm = None) -> Complex[V]:
    """The transform of a real x over two axes, of which the last keeps its first half."""
    return rfftn(x, s, axes, norm)


def irfft2(x: V | Complex[V], s: Sequence[int] | None = None, axes: Sequence[int] = _LAST_TWO,
           norm: Norm = None) -> V:  # fmt: skip
    """Compute the real array with the spectrum x over two axes.

    The last of them holds the first half.
    """
    return irfftn(x, s, axes, norm)


def fftshift(x: V | Complex[V], axes: int | Sequence[int] | None = None) -> V | Complex[V]:
    """The frequency 0 moved to the middle of each axis."""
    return _shift(x, axes, 1)


def ifftshift(x: V | Complex[V], axes: int | Sequence[int] | None = None) -> V | Complex[V]:
    """Undoes `fftshift`."""
    return _shift(x, axes, -1)


def _shift(x: V | Complex[V], axes: int | Sequence[int] | None, direction: int) -> V | Complex[V]:
    over = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    by = tuple(direction * (x.shape[a] // 2) if direction > 0 else -(x.shape[a] // 2) for a in over)
    if isinstance(x, Complex):
        return Complex(roll(x.real, by, over), roll(x.imag, by, over))
    return roll(x, by, over)
