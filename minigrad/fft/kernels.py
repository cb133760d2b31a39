"""The three transforms that all others are made of, with their adjoints.

Each runs along one axis.

The discrete Fourier matrix F is symmetric, so the adjoint of x -> F x is g -> conj(F) g: a transform of the other sign.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.types import Array
from minigrad.ops.family import OpFamily
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily(lazy=True)


def _split(z: np.ndarray[tuple[int, ...], np.dtype[np.complex128]]) -> tuple[Array, Array]:
    return np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)


@op(
    re=real(),
    im=real(),
    linear=True,
    params=[{"axis": 0}, {"axis": -1, "inverse": True}],
    shapes=[((3, 4), (3, 4)), ((1,), (1,))],
    name="fft",
)
def transform(re: Array, im: Array, *, axis: int = -1, inverse: bool = False) -> tuple[Array, Array]:
    """Compute the discrete Fourier transform along `axis`, without a factor.

    It is sum_j (re + i im)[j] exp(-+ 2 pi i j k / n); `inverse` has the sign +.
    """
    z = re + 1j * im
    return _split(np.fft.ifft(z, axis=axis, norm="forward") if inverse else np.fft.fft(z, axis=axis))


@transform.vjp("re", "im")
def _(g: tuple[V, V], y: tuple[V, V], re: V, im: V, *, axis: int, inverse: bool) -> tuple[V, V]:
    back = transform.call_multi(g[0], g[1], axis=axis, inverse=not inverse)
    return back[0], back[1]


def edges(n: int, axis: int, ndim: int, inner: float) -> Array:
    """Return 1 for the frequencies 0 and n / 2, `inner` for those that stand for two.

    Frequencies 0 and n / 2 stand for themselves alone.
    """
    weights = np.full(n // 2 + 1, inner)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights.reshape([-1 if a == normalize_axis_index(axis, ndim) else 1 for a in range(ndim)])


@op(x=real(), linear=True, params=[{"axis": 0}, {"axis": -1}], shapes=[((5, 4),), ((2,),), ((1,),)], name="rfft")
def real_transform(x: Array, *, axis: int = -1) -> tuple[Array, Array]:
    """The first n // 2 + 1 frequencies of the transform of a real x of length n along `axis`."""
    return _split(np.fft.rfft(x, axis=axis))


@real_transform.vjp("x")
def _(g: tuple[V, V], y: tuple[V, V], x: V, *, axis: int) -> V:
    n = x.shape[axis]
    halved = edges(n, axis, x.ndim, 0.5).astype(x.dtype)
    return inverse_real_transform(g[0] * halved, g[1] * halved, n=n, axis=axis)


@op(
    re=real(),
    im=real(),
    linear=True,
    params=[{"n": 4, "axis": 0}, {"n": 5, "axis": 0}],
    shapes=[((3, 2), (3, 2))],
    name="irfft",
)
def inverse_real_transform(re: Array, im: Array, *, n: int, axis: int = -1) -> Array:
    """Compute the real array of length n from its first n // 2 + 1 frequencies.

    Along `axis`, without the factor 1 / n.
    """
    if re.shape[axis] != n // 2 + 1:
        raise ValueError(
            f"{n} points have {n // 2 + 1} frequencies, not {re.shape[axis]}: minigrad.fft.irfft fits them"
        )
    return np.fft.irfft(re + 1j * im, n=n, axis=axis, norm="forward")


@inverse_real_transform.vjp("re", "im")
def _(g: V, y: V, re: V, im: V, *, n: int, axis: int) -> tuple[V, V]:
    doubled = edges(n, axis, g.ndim, 2.0).astype(g.dtype)
    back = real_transform.call_multi(g, axis=axis)
    return back[0] * doubled, back[1] * doubled


for _op in (transform, real_transform, inverse_real_transform):
    family.add(_op)
family.register()
