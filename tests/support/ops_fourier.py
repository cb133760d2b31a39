"""Catalog: Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from minigrad import fft
from support.ops_calls import after
from support.ops_catalog import Entry
from support.ops_draw import DTYPES, Call, Draw, cases


@cases
def _signal(draw: Draw, count: int = 1, two: bool = False) -> Call:
    shape = (draw.between(2, 3), draw.between(2, 5), draw.between(2, 5))
    options: dict[str, Any] = {"norm": draw.among([None, "backward", "ortho", "forward"])}
    if two:
        options["s"] = draw.among([None, (3, 4), (5, 2)])
    else:
        options["axis"] = draw.between(-3, 2)
        options["n"] = draw.among([None, 2, 3, 4, 5, 6])
    dtype = draw.among(DTYPES)
    return Call(tuple(draw.array(shape, dtype=dtype) for _ in range(count)), options)


def _parts(f: Any) -> Any:
    """Both parts of a complex result, side by side, so that each has to be right."""

    def call(*x: Any, **options: Any) -> Any:
        z = f(*x, **options)
        return mg.concatenate([z.real, z.imag * 2.0], axis=0)

    return call


def _numpy_parts(f: Any) -> Any:
    def call(*x: Any, **options: Any) -> Any:
        z = f(x[0] if len(x) == 1 else x[0] + 1j * x[1], **options)
        return np.concatenate([z.real, z.imag * 2.0], axis=0)

    return call


def _pair(f: Any) -> Any:
    return lambda re, im, **options: f(fft.Complex(re, im), **options)


ENTRIES = [
    Entry("fft.fft", _parts(_pair(fft.fft)), _numpy_parts(np.fft.fft), _signal(2)),
    Entry("fft.ifft", _parts(_pair(fft.ifft)), _numpy_parts(np.fft.ifft), _signal(2)),
    Entry("fft.rfft", _parts(fft.rfft), _numpy_parts(np.fft.rfft), _signal()),
    Entry("fft.irfft", _pair(fft.irfft), lambda a, b, **o: np.fft.irfft(a + 1j * b, **o), _signal(2)),
    Entry("fft.hfft", _pair(fft.hfft), lambda a, b, **o: np.fft.hfft(a + 1j * b, **o), _signal(2)),
    Entry("fft.ihfft", _parts(fft.ihfft), _numpy_parts(np.fft.ihfft), _signal()),
    *(
        Entry(
            f"fft.{name}",
            _parts(_pair(getattr(fft, name))),
            _numpy_parts(getattr(np.fft, name)),
            _signal(2, two=name[-1] == "2")
            if name[-1] == "2"
            else after(_signal(2), lambda c: Call(c.arrays, {"norm": c.options["norm"]})),
        )
        for name in ("fft2", "ifft2", "fftn", "ifftn")
    ),
    Entry("fft.rfft2", _parts(fft.rfft2), _numpy_parts(np.fft.rfft2), _signal(1, two=True)),
    Entry("fft.irfft2", _pair(fft.irfft2), lambda a, b, **o: np.fft.irfft2(a + 1j * b, **o), _signal(2, two=True)),
    Entry(
        "fft.rfftn",
        _parts(fft.rfftn),
        _numpy_parts(np.fft.rfftn),
        after(_signal(), lambda c: Call(c.arrays, {"norm": c.options["norm"]})),
    ),
    Entry(
        "fft.irfftn",
        _pair(fft.irfftn),
        lambda a, b, **o: np.fft.irfftn(a + 1j * b, **o),
        after(_signal(2), lambda c: Call(c.arrays, {"norm": c.options["norm"]})),
    ),
    Entry("fft.fftshift", fft.fftshift, np.fft.fftshift, after(_signal(), lambda c: Call(c.arrays))),
    Entry("fft.ifftshift", fft.ifftshift, np.fft.ifftshift, after(_signal(), lambda c: Call(c.arrays))),
]
