"""Augmentations: typed callables `(batch, rng) -> batch` that keep the labels.

They change the inputs.

All randomness comes from the Generator given, so the same Generator state gives the same batch: `FixedSeed` makes
one repeatable for a gradient check. Images are `(N, H, W)` or `(N, C, H, W)`; the input is never written to, shape
and dtype are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad.data.arrays import Array, any_real, real, whole
from minigrad.data.errors import DataError


class Augment(Protocol):
    """What `minigrad.data.Loader` takes: any callable of a batch and a Generator."""

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        """The augmented batch, of the shape and dtype of `x`."""
        ...


@attrs.frozen
class Flip:
    """Mirror each image left to right with probability `p`."""

    p: float = 0.5

    def __attrs_post_init__(self) -> None:
        real("Flip.p", self.p, 0.0, 1.0)

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        """Raises DataError unless `x` is a batch of images."""
        _need_images("Flip", x)
        out = x.copy()
        chosen = rng.random(len(x)) < self.p
        out[chosen] = x[chosen][..., ::-1]
        return out


@attrs.frozen
class RandomCrop:
    """Shift each image by up to `padding` pixels each way.

    The image is padded with `fill`, and the old size cut out at random.
    """

    padding: int = 2
    fill: float = 0.0

    def __attrs_post_init__(self) -> None:
        whole("RandomCrop.padding", self.padding, 0, 1_000)
        real("RandomCrop.fill", self.fill, -1e30, 1e30)

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        """Raises DataError unless `x` is a batch of images."""
        _need_images("RandomCrop", x)
        height, width = x.shape[-2:]
        border = [(0, 0)] * (x.ndim - 2) + [(self.padding, self.padding)] * 2
        padded = np.pad(x, border, constant_values=np.asarray(self.fill).astype(x.dtype))
        windows = sliding_window_view(padded, (height, width), axis=(-2, -1))
        down, right = rng.integers(0, 2 * self.padding + 1, (2, len(x)))
        return np.ascontiguousarray(windows[np.arange(len(x)), ..., down, right, :, :])


@attrs.frozen
class Noise:
    """Add Gaussian noise of standard deviation `std`, in the units of `x`.

    Integers are rounded and clipped.
    """

    std: float = 0.1

    def __attrs_post_init__(self) -> None:
        real("Noise.std", self.std, 0.0, 1e30)

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        """Any shape; raises DataError for a dtype that is neither integer nor floating-point."""
        if x.dtype.kind not in "iuf":
            raise DataError(f"Noise: cannot add noise to {x.dtype}. Give integers or floating-point numbers.")
        wide = np.float32 if x.dtype.itemsize <= 2 or x.dtype == np.float32 else np.float64
        noisy = any_real(rng.standard_normal(x.shape, dtype=wide))
        noisy *= self.std
        noisy += x
        if x.dtype.kind in "iu":
            limits = np.iinfo(x.dtype.name)
            np.clip(np.rint(noisy, out=noisy), limits.min, limits.max, out=noisy)
        return noisy.astype(x.dtype)


@attrs.frozen
class Compose:
    """Several augmentations, one after the other, drawing from the same Generator."""

    parts: Sequence[Augment]

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        for part in self.parts:
            x = part(x, rng)
        return x


@attrs.frozen
class FixedSeed:
    """`augment` with its randomness held still.

    Every call draws the numbers of `seed`, whatever Generator comes.

    For gradient checks, which evaluate the loss many times and need the same batch each time.
    """

    augment: Augment
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        whole("Frozen.seed", self.seed, 0)

    def __call__(self, x: Array, rng: np.random.Generator, /) -> Array:
        return self.augment(x, np.random.default_rng(self.seed))


def _need_images(who: str, x: Array) -> None:
    if x.ndim not in (3, 4):
        raise DataError(
            f"{who}: expected images (N, H, W) or (N, C, H, W), found shape {x.shape}. "
            "Flattened images lose their rows: augment before flattening, or use data.scaled(layout='image')."
        )
