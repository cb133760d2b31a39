"""Pooling, channels first: the largest or the mean entry of each window or bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.validators import images, positive, sizes
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.ops.elementwise.transcendental import power
from minigrad.ops.network.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, global_avg_pool, max_pool

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "GlobalAvgPool",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


@attrs.define(eq=False)
class _Pool(Module):
    """A window that slides.

    Attributes:
        kernel_size: length of the window, one number or one for each axis.
        stride: distance between windows; the window's length by default, so that windows do not overlap.
        padding: at both ends; at most half the window. It never wins a maximum, and counts as zeros in a mean.
        ceil_mode: windows that reach beyond the end count, too, as in PyTorch.
    """

    axes: ClassVar[int]
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None = attrs.field(default=None, kw_only=True)
    padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)
    ceil_mode: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        self.kernel_size = kernel_size = sizes(name, "kernel_size", self.kernel_size, self.axes)
        self.stride = sizes(name, "stride", kernel_size if self.stride is None else self.stride, self.axes)
        self.padding = padding = sizes(name, "padding", self.padding, self.axes, least=0)
        reach = self._reach()
        if any(2 * p > r for p, r in zip(padding, reach, strict=True)):
            raise ModuleError(f"{name}: padding {padding} is more than half of the window {reach}")

    def _reach(self) -> Shape:
        """How many places a window stretches over."""
        return self._lengths(self.kernel_size)

    def _lengths(self, value: int | Sequence[int] | None) -> Shape:
        return sizes(type(self).__name__, "field", value or 0, self.axes, least=0)

    def _ends(self, x: Tensor) -> list[tuple[int, int]]:
        """The padding of each axis of size, longer behind where windows reach beyond the end."""
        padding, stride = self._lengths(self.padding), self._lengths(self.stride)
        if not self.ceil_mode:
            return [(p, p) for p in padding]
        axes = zip(x.shape[2:], self._reach(), stride, padding, strict=True)
        return [(p, p + _beyond(n, r, s, p)) for n, r, s, p in axes]


@attrs.define(eq=False)
class _MaxPool(_Pool):
    __doc__ = f"""{_Pool.__doc__.rstrip() if _Pool.__doc__ else ""}
        dilation: distance between neighbours in a window.
    """

    dilation: int | Sequence[int] = attrs.field(default=1, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self.dilation = sizes(type(self).__name__, "dilation", self.dilation, self.axes)
        super().__attrs_post_init__()

    def _reach(self) -> Shape:
        pairs = zip(self._lengths(self.kernel_size), self._lengths(self.dilation), strict=True)
        return tuple(d * (k - 1) + 1 for k, d in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, channels, *size)` to `(N, channels, *places)`.

        Equal winners of a maximum share the gradient.
        """
        images(self, x, None, self.axes)
        if not self.ceil_mode:
            return max_pool(x, self.kernel_size, self.stride, self.padding, self.dilation)
        wide = pad(x, [(0, 0), (0, 0), *self._ends(x)], constant_values=-np.inf)
        return max_pool(wide, self.kernel_size, self.stride, 0, self.dilation)


@attrs.define(eq=False)
class _AvgPool(_Pool):
    __doc__ = f"""{_Pool.__doc__.rstrip() if _Pool.__doc__ else ""}
        count_include_pad: whether a mean divides by the places of the padding as well.
        divisor_override: what the sum of each window is divided by instead of the number of its places.
    """

    count_include_pad: bool = attrs.field(default=True, kw_only=True)
    divisor_override: int | None = attrs.field(default=None, kw_only=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, channels, *size)` to `(N, channels, *places)`."""
        images(self, x, None, self.axes)
        whole = self.count_include_pad or self.divisor_override is not None
        if not self.ceil_mode and whole:
            return avg_pool(x, self.kernel_size, self.stride, self.padding, self.divisor_override)
        ends = self._ends(x)
        wide = pad(x, [(0, 0), (0, 0), *ends])
        if self.divisor_override is not None:
            return avg_pool(wide, self.kernel_size, self.stride, 0, self.divisor_override)
        within = np.ones(x.shape[2:], x.dtype)
        inner = [(before, before) for before, _ in ends]
        outer = [(0, after - before) for before, after in ends]
        counted = np.pad(np.pad(within, inner, constant_values=float(self.count_include_pad)), outer)
        counts = avg_pool(counted[None, None], self.kernel_size, self.stride)
        return avg_pool(wide, self.kernel_size, self.stride) / counts


def _beyond(length: int, reach: int, stride: int, padding: int) -> int:
    """Places to add behind the padding, so that the last window that begins inside is whole."""
    whole = length + 2 * padding
    count = -(-(whole - reach) // stride) + 1
    if (count - 1) * stride >= length + padding:
        count -= 1
    return max((count - 1) * stride + reach - whole, 0)


@lazy.renamed_fields(kernel="kernel_size")
@attrs.define(eq=False)
class MaxPool1d(_MaxPool):
    __doc__ = f"The largest entry of each window of `(N, channels, length)`. {_MaxPool.__doc__}"
    axes = 1


@lazy.renamed_fields(kernel="kernel_size")
@attrs.define(eq=False)
class MaxPool2d(_MaxPool):
    __doc__ = f"The largest entry of each window of `(N, channels, height, width)`. {_MaxPool.__doc__}"
    axes = 2


@lazy.renamed_fields(kernel="kernel_size")
@attrs.define(eq=False)
class AvgPool1d(_AvgPool):
    __doc__ = f"The mean of each window of `(N, channels, length)`. {_AvgPool.__doc__}"
    axes = 1


@lazy.renamed_fields(kernel="kernel_size")
@attrs.define(eq=False)
class AvgPool2d(_AvgPool):
    __doc__ = f"The mean of each window of `(N, channels, height, width)`. {_AvgPool.__doc__}"
    axes = 2


@attrs.define(eq=False)
class MaxPool3d(_MaxPool):
    __doc__ = f"The largest entry of each window of `(N, channels, depth, height, width)`. {_MaxPool.__doc__}"
    axes = 3


@attrs.define(eq=False)
class AvgPool3d(_AvgPool):
    __doc__ = f"The mean of each window of `(N, channels, depth, height, width)`. {_AvgPool.__doc__}"
    axes = 3


@attrs.define(eq=False)
class _LPPool(Module):
    """The p-th root of the sum of p-th powers of each window, negative sums as 0.

    Attributes:
        norm_type: p.
        kernel_size: length of the window, one number or one for each axis.
        stride: distance between windows; the window's length by default.
        ceil_mode: windows that reach beyond the end count, too, as in PyTorch.
    """

    axes: ClassVar[int]
    norm_type: float = attrs.field(validator=positive)
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None = attrs.field(default=None, kw_only=True)
    ceil_mode: bool = attrs.field(default=False, kw_only=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, channels, *size)` to `(N, channels, *places)`."""
        pool = (AvgPool1d, AvgPool2d, AvgPool3d)[self.axes - 1](
            self.kernel_size, stride=self.stride, ceil_mode=self.ceil_mode
        )
        window = float(np.prod(sizes(type(self).__name__, "kernel_size", self.kernel_size, self.axes)))
        return power(relu(pool(power(x, self.norm_type)) * window), 1.0 / self.norm_type)


@attrs.define(eq=False)
class LPPool1d(_LPPool):
    __doc__ = f"For sequences `(N, channels, length)`. {_LPPool.__doc__}"
    axes = 1


@attrs.define(eq=False)
class LPPool2d(_LPPool):
    __doc__ = f"For images `(N, channels, height, width)`. {_LPPool.__doc__}"
    axes = 2


@attrs.define(eq=False)
class LPPool3d(_LPPool):
    __doc__ = f"For volumes `(N, channels, depth, height, width)`. {_LPPool.__doc__}"
    axes = 3


@attrs.define(eq=False)
class _Adaptive(Module):
    """Bins that cover each axis as evenly as possible, as PyTorch's.

    They overlap where the size does not divide.

    Attributes:
        output_size: number of bins, one number or one for each axis.
    """

    axes: ClassVar[int]
    largest: ClassVar[bool]
    output_size: int | Sequence[int]

    def __attrs_post_init__(self) -> None:
        self.output_size = sizes(type(self).__name__, "output_size", self.output_size, self.axes)

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, channels, *size)` -> `(N, channels, *output_size)`."""
        images(self, x, None, self.axes)
        return (adaptive_max_pool if self.largest else adaptive_avg_pool)(x, self.output_size)


@lazy.renamed_fields(output="output_size")
@attrs.define(eq=False)
class AdaptiveAvgPool1d(_Adaptive):
    __doc__ = f"The mean of each bin of `(N, channels, length)`. {_Adaptive.__doc__}"
    axes, largest = 1, False


@lazy.renamed_fields(output="output_size")
@attrs.define(eq=False)
class AdaptiveAvgPool2d(_Adaptive):
    __doc__ = f"The mean of each bin of `(N, channels, height, width)`. {_Adaptive.__doc__}"
    axes, largest = 2, False


@lazy.renamed_fields(output="output_size")
@attrs.define(eq=False)
class AdaptiveMaxPool1d(_Adaptive):
    __doc__ = f"The largest entry of each bin of `(N, channels, length)`. {_Adaptive.__doc__}"
    axes, largest = 1, True


@lazy.renamed_fields(output="output_size")
@attrs.define(eq=False)
class AdaptiveMaxPool2d(_Adaptive):
    __doc__ = f"The largest entry of each bin of `(N, channels, height, width)`. {_Adaptive.__doc__}"
    axes, largest = 2, True


@attrs.define(eq=False)
class AdaptiveAvgPool3d(_Adaptive):
    __doc__ = f"The mean of each bin of `(N, channels, depth, height, width)`. {_Adaptive.__doc__}"
    axes, largest = 3, False


@attrs.define(eq=False)
class AdaptiveMaxPool3d(_Adaptive):
    __doc__ = f"The largest entry of each bin of `(N, channels, depth, height, width)`. {_Adaptive.__doc__}"
    axes, largest = 3, True


@attrs.define(eq=False)
class GlobalAvgPool(Module):
    """The mean of each channel: `(N, channels, *size)` -> `(N, channels)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Any number of axes of size."""
        return global_avg_pool(x)
