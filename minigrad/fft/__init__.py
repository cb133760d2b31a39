"""Discrete Fourier transforms of real arrays and of pairs of real arrays.

Registered when this package is imported.

Tensors are real, so a spectrum is a `Complex`: two real Tensors. Transforms that NumPy would give as one complex array
give a `Complex`, those that take one take a `Complex` (or a real Tensor). `numpy.fft` functions arrive here.
"""

from __future__ import annotations

from minigrad.fft.transforms import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)
from minigrad.ops.elementwise.complex import Complex
from minigrad.ops.public_functions import install as _wrap_functions

__all__ = [
    "Complex",
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]

_wrap_functions(__name__, globals(), __all__)
