"""Layers that only move entries: other shapes, channels as places, windows as columns."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.validators import images, size
from minigrad.ops.functions import reshape, transpose
from minigrad.ops.network.windows import fold, unfold

__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unflatten", "Unfold"]


@attrs.define(eq=False)
class Unflatten(Module):
    """One axis cut into several: the opposite of Flatten.

    Attributes:
        axis: which; PyTorch's dim.
        sizes: lengths of the axes that it becomes; one may be -1. PyTorch's unflattened_size.
    """

    axis: int
    sizes: Sequence[int]

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with that axis.

        Raises:
            ShapeError: there is no such axis, or it has another length.
        """
        if not -x.ndim <= self.axis < x.ndim:
            raise ShapeError(f"{self!r}: an input of shape {x.shape} has no axis {self.axis}")
        at = self.axis % x.ndim
        try:
            return reshape(x, (*x.shape[:at], *self.sizes, *x.shape[at + 1 :]))
        except ValueError as error:
            raise ShapeError(f"{self!r}: axis {self.axis} of {x.shape} does not have that many entries") from error


@attrs.define(eq=False)
class PixelShuffle(Module):
    """Channels as places: `(N, C r^2, H, W)` -> `(N, C, H r, W r)` (Shi et al. 2016).

    Attributes:
        upscale_factor: r.
    """

    upscale_factor: int = attrs.field(validator=size)

    def forward(self, x: Tensor) -> Tensor:
        """Any leading axes.

        Raises:
            ShapeError: the channels do not divide by r^2.
        """
        r = self.upscale_factor
        if x.ndim < 3 or x.shape[-3] % (r * r):
            raise ShapeError(f"{self!r} needs (..., C * {r * r}, H, W), got {x.shape}")
        *lead, channels, height, width = x.shape
        n = len(lead)
        apart = reshape(x, (*lead, channels // (r * r), r, r, height, width))
        moved = transpose(apart, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
        return reshape(moved, (*lead, channels // (r * r), height * r, width * r))


@attrs.define(eq=False)
class PixelUnshuffle(Module):
    """Places as channels: `(N, C, H r, W r)` -> `(N, C r^2, H, W)`.

    The opposite of PixelShuffle.

    Attributes:
        downscale_factor: r.
    """

    downscale_factor: int = attrs.field(validator=size)

    def forward(self, x: Tensor) -> Tensor:
        """Any leading axes.

        Raises:
            ShapeError: height or width do not divide by r.
        """
        r = self.downscale_factor
        if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
            raise ShapeError(f"{self!r} needs (..., C, H * {r}, W * {r}), got {x.shape}")
        *lead, channels, height, width = x.shape
        n = len(lead)
        apart = reshape(x, (*lead, channels, height // r, r, width // r, r))
        moved = transpose(apart, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
        return reshape(moved, (*lead, channels * r * r, height // r, width // r))


@attrs.define(eq=False)
class ChannelShuffle(Module):
    """Channels of `groups` groups dealt out in turn (Zhang et al. 2018).

    Attributes:
        groups: number of groups; divides the channels.
    """

    groups: int = attrs.field(validator=size)

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, channels, ...)`, whose shape stays.

        Raises:
            ShapeError: the channels do not divide into the groups.
        """
        images(self, x, None, max(x.ndim - 2, 0))
        channels = x.shape[1]
        if channels % self.groups:
            raise ShapeError(f"{self!r}: {channels} channels do not divide into {self.groups} groups")
        apart = reshape(x, (x.shape[0], self.groups, channels // self.groups, *x.shape[2:]))
        return reshape(transpose(apart, (0, 2, 1, *range(3, apart.ndim))), x.shape)


@attrs.define(eq=False)
class Unfold(Module):
    """Windows of images as columns: `(N, C, H, W)` -> `(N, C * window, number of windows)`.

    Attributes:
        kernel_size: of the window, one number or one for each axis.
        dilation: distance between neighbours in a window.
        padding: zeros added at both ends.
        stride: distance between windows.
    """

    kernel_size: int | Sequence[int]
    dilation: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    stride: int | Sequence[int] = 1

    def forward(self, x: Tensor) -> Tensor:
        """Any number of axes of size."""
        if x.ndim < 3:
            raise ShapeError(f"{self!r} needs an input of shape (N, channels, *size), got {x.shape}")
        return unfold(x, self.kernel_size, self.stride, self.padding, self.dilation)


@attrs.define(eq=False)
class Fold(Module):
    """Columns added up in images: the opposite of Unfold, but for what overlaps.

    `(N, C * window, number of windows)` -> `(N, C, *output_size)`.

    Attributes:
        output_size: of the image, one number or one for each axis.
        kernel_size: of the window.
        dilation: distance between neighbours in a window.
        padding: places at both ends that are left out.
        stride: distance between windows.
    """

    output_size: int | Sequence[int]
    kernel_size: int | Sequence[int]
    dilation: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    stride: int | Sequence[int] = 1

    def __attrs_post_init__(self) -> None:
        if isinstance(self.output_size, int):
            self.output_size = (self.output_size, self.output_size)
        if not self.output_size:
            raise ModuleError("Fold.output_size must have a length for each axis, got none")

    def forward(self, x: Tensor) -> Tensor:
        """Columns of shape `(N, C * window, number of windows)`."""
        lengths: Shape = tuple(self.output_size) if not isinstance(self.output_size, int) else (self.output_size,)
        return fold(x, lengths, self.kernel_size, self.stride, self.padding, self.dilation)
