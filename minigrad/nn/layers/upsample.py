"""Sequences, images and volumes in another size, by interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.core.errors import ShapeError, nearest
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.ops.arrangement.gather import take_along

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "interpolate"]

_AXES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
_CUBIC = -0.75  # the coefficient of Keys' kernel that PyTorch and OpenCV use


def interpolate(
    x: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """x `(N, channels, *size)` in another size, as `torch.nn.functional.interpolate`.

    Args:
        x: sequences, images or volumes.
        size: of the output, one number or one for each axis; or `scale_factor`.
        scale_factor: how much longer each axis gets.
        mode: "nearest", "nearest-exact", "linear" (one axis), "bilinear", "bicubic" (two) or "trilinear" (three).
        align_corners: the outermost entries stay where they are; else entries are squares of equal size.

    Raises:
        ModuleError: there is no such mode, or neither or both of `size` and `scale_factor`.
        ShapeError: x has another number of axes than the mode needs.
    """
    if mode not in _AXES:
        raise ModuleError(f"there is no mode {mode!r}.{nearest(mode, _AXES)} Known: {', '.join(_AXES)}")
    axes = x.ndim - 2
    if axes not in _AXES[mode]:
        raise ShapeError(f"mode {mode!r} needs an input with {_AXES[mode]} axes behind (N, channels), got {x.shape}")
    if (size is None) == (scale_factor is None):
        raise ModuleError("interpolate needs either size or scale_factor")
    if align_corners and mode.startswith("nearest"):
        raise ModuleError(f"align_corners means nothing in mode {mode!r}")
    factors = _each(scale_factor, axes, "scale_factor")
    lengths = _each(size, axes, "size")
    for axis in range(axes):
        before = x.shape[2 + axis]
        factor = factors[axis]
        after = int(lengths[axis] or 0) if factor is None else math.floor(before * factor)
        if after < 1 or before < 1:
            raise ShapeError(f"interpolate: axis {2 + axis} of {x.shape} would have length {after}")
        step = before / after if factor is None else 1.0 / factor
        if align_corners:
            step = (before - 1) / (after - 1) if after > 1 else 0.0
        x = _along(x, 2 + axis, _taps(mode, before, after, step, bool(align_corners)))
    return x


def _each(value: float | Sequence[float] | None, axes: int, name: str) -> list[float | None]:
    if value is None or isinstance(value, int | float):
        return [value] * axes
    if len(value) != axes:
        raise ModuleError(f"interpolate: {name} has {len(value)} numbers for {axes} axes")
    return list(value)


def _taps(mode: str, before: int, after: int, step: float, corners: bool) -> list[tuple[Array, Array | None]]:
    """Which entries make up those of the output.

    Returns:
        Pairs of indices and weights, whose products add up; no weight is 1.
    """
    at = np.arange(after)
    if mode.startswith("nearest"):
        centre = 0.5 if mode == "nearest-exact" else 0.0
        return [(np.minimum(np.floor((at + centre) * step).astype(np.intp), before - 1), None)]
    place = at * step if corners else (at + 0.5) * step - 0.5
    if mode != "bicubic":
        place = np.clip(place, 0.0, None)
    low = np.floor(place).astype(np.intp)
    share = place - low
    if mode != "bicubic":
        low = np.minimum(low, before - 1)
        return [(low, 1.0 - share), (np.minimum(low + 1, before - 1), share)]
    distances = (share + 1.0, share, 1.0 - share, 2.0 - share)
    return [(np.clip(low + k - 1, 0, before - 1), _keys(np.asarray(d))) for k, d in enumerate(distances)]


def _keys(d: Array) -> Array:
    """Weight of an entry at distance d (Keys 1981)."""
    near = ((_CUBIC + 2.0) * d - (_CUBIC + 3.0)) * d * d + 1.0
    far = ((_CUBIC * d - 5.0 * _CUBIC) * d + 8.0 * _CUBIC) * d - 4.0 * _CUBIC
    weights: Array = np.where(d <= 1.0, near, far)
    return weights


def _along(x: Tensor, axis: int, taps: list[tuple[Array, Array | None]]) -> Tensor:
    total: Tensor | None = None
    for index, weights in taps:
        part = take_along(x, index, axis=axis)
        if weights is not None:
            part = part * weights.astype(x.dtype).reshape((-1, *(1,) * (x.ndim - 1 - axis)))
        total = part if total is None else total + part
    assert total is not None
    return total


@attrs.define(eq=False)
class Upsample(Module):
    """Sequences, images or volumes in another size: `interpolate` as a layer.

    Attributes:
        size: of the output, one number or one for each axis; or `scale_factor`.
        scale_factor: how much longer each axis gets.
        interpolation: PyTorch's mode: "nearest", "nearest-exact", "linear" (one axis), "bilinear", "bicubic" (two) or
            "trilinear" (three).
        align_corners: the outermost entries stay where they are; else entries are squares of equal size.
    """

    size: int | Sequence[int] | None = None
    scale_factor: float | Sequence[float] | None = None
    interpolation: str = "nearest"
    align_corners: bool | None = None

    def __attrs_post_init__(self) -> None:
        if self.interpolation not in _AXES:
            hint = nearest(self.interpolation, _AXES)
            raise ModuleError(f"Upsample: there is no mode {self.interpolation!r}.{hint} Known: {', '.join(_AXES)}")
        if (self.size is None) == (self.scale_factor is None):
            raise ModuleError("Upsample needs either size or scale_factor")

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, channels, *size)` -> `(N, channels, *new size)`.

        Errors are those of `interpolate`.
        """
        return interpolate(x, self.size, self.scale_factor, self.interpolation, self.align_corners)


@attrs.define(eq=False)
class UpsamplingNearest2d(Module):
    """Images in another size: the nearest entry.

    Attributes:
        size: of the output, one number or two; or `scale_factor`.
        scale_factor: how much longer each axis gets.
    """

    size: int | Sequence[int] | None = None
    scale_factor: float | Sequence[float] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, channels, height, width)` -> the same with another height and width."""
        return interpolate(x, self.size, self.scale_factor)


@attrs.define(eq=False)
class UpsamplingBilinear2d(Module):
    """Images in another size: bilinear, with the corners where they are.

    Attributes:
        size: of the output, one number or two; or `scale_factor`.
        scale_factor: how much longer each axis gets.
    """

    size: int | Sequence[int] | None = None
    scale_factor: float | Sequence[float] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, channels, height, width)` -> the same with another height and width."""
        return interpolate(x, self.size, self.scale_factor, "bilinear", align_corners=True)
