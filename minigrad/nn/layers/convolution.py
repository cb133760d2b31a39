"""Convolutions, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import find_initializer, generator
from minigrad.nn.layers.linear import Weighted
from minigrad.nn.validators import images, size, sizes
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.network.convolution import conv

__all__ = ["OLD_NAMES", "Conv1d", "Conv2d", "Conv3d", "Convolutional"]

OLD_NAMES = {
    "inputs": "in_channels",
    "outputs": "out_channels",
    "kernel": "kernel_size",
    "init": "weight_init",
    "with_bias": "use_bias",
}

_PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@attrs.define(eq=False, repr=False)
class Convolutional(Weighted):
    """What convolutions and their adjoints share, in any number of dimensions."""

    axes: ClassVar[int]
    in_channels: int = attrs.field(validator=size)
    out_channels: int = attrs.field(validator=size)
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    dilation: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    groups: int = attrs.field(default=1, kw_only=True, validator=size)

    def _window(self) -> tuple[Shape, Shape, Shape]:
        """Settle kernel size, stride and dilation: one number for each axis.

        Raises ModuleError, also for groups.
        """
        name = type(self).__name__
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ModuleError(
                f"{name}: {self.in_channels} input and {self.out_channels} output channels do not divide into "
                f"groups={self.groups}"
            )
        self.kernel_size = kernel_size = sizes(name, "kernel_size", self.kernel_size, self.axes)
        self.stride = stride = sizes(name, "stride", self.stride, self.axes)
        self.dilation = dilation = sizes(name, "dilation", self.dilation, self.axes)
        return kernel_size, stride, dilation

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size})"


@attrs.define(eq=False, repr=False)
class _Conv(Convolutional):
    """Cross-correlation of a batch with `out_channels` kernels, plus a bias (course notes).

    Length of each axis of the output: floor((length + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Attributes:
        in_channels: length of axis 1 of the input.
        out_channels: length of axis 1 of the output.
        kernel_size: length of the window, an integer or one for each axis.
        stride: distance between windows, an integer or one for each axis.
        padding: entries added at both ends, an integer or one for each axis; or "same" (stride 1), or "valid" (none).
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular", as PyTorch.
        dilation: distance between neighbours in a window, an integer or one for each axis.
        groups: channels are split into so many groups that do not see each other.
        weight_init: as for Linear; "he" and "xavier" count the window: in_channels / groups * window.
        gain: factor on the initial weight.
        use_bias: whether there is a bias.
        rng: as for Linear.
        weight: `(out_channels, in_channels / groups, *kernel_size)`, as PyTorch's.
        bias: `(out_channels,)`, or None.
    """

    padding: int | Sequence[int] | str = attrs.field(default=0, kw_only=True)
    padding_mode: str = attrs.field(default="zeros", kw_only=True)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        kernel_size, stride, _ = self._window()
        if not isinstance(self.padding, str):
            self.padding = sizes(name, "padding", self.padding, self.axes, least=0)
        elif self.padding not in ("same", "valid"):
            raise ModuleError(f"{name}.padding must be 'same', 'valid' or integers >= 0, got {self.padding!r}")
        if self.padding == "same" and any(s != 1 for s in stride):
            raise ModuleError(f"{name}: padding='same' needs stride 1, got stride={stride}")
        if self.padding_mode not in _PADDING_MODES:
            raise ModuleError(
                f"{name}.padding_mode must be one of {', '.join(_PADDING_MODES)}, got {self.padding_mode!r}"
            )
        shape = (self.out_channels, self.in_channels // self.groups, *kernel_size)
        self._begin(find_initializer(self.weight_init)(shape, generator(self.rng)), self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, in_channels, *size)` to `(N, out_channels, *places)`.

        Raises:
            ShapeError: x has other channels or another number of axes.
        """
        images(self, x, self.in_channels, self.axes)
        if self.padding_mode == "zeros" or self.padding == "valid":
            return conv(x, self.weight, self.bias, self.stride, self.padding, self.dilation)
        padded = pad(x, [(0, 0), (0, 0), *self._ends()], mode=_PADDING_MODES[self.padding_mode])
        return conv(padded, self.weight, self.bias, self.stride, 0, self.dilation)

    def _ends(self) -> list[tuple[int, int]]:
        """Entries to add before and after each axis."""
        if not isinstance(self.padding, str):
            return [(p, p) for p in sizes(type(self).__name__, "padding", self.padding, self.axes, least=0)]
        totals = [d * (k - 1) for k, d in zip(*self._window()[::2], strict=True)]
        return [(total // 2, total - total // 2) for total in totals]


@lazy.renamed_fields(**OLD_NAMES)
@attrs.define(eq=False, repr=False)
class Conv1d(_Conv):
    __doc__ = f"For sequences `(N, in_channels, length)`. {_Conv.__doc__}"
    axes = 1


@lazy.renamed_fields(**OLD_NAMES)
@attrs.define(eq=False, repr=False)
class Conv2d(_Conv):
    __doc__ = f"For images `(N, in_channels, height, width)`. {_Conv.__doc__}"
    axes = 2


@attrs.define(eq=False, repr=False)
class Conv3d(_Conv):
    __doc__ = f"For volumes `(N, in_channels, depth, height, width)`. {_Conv.__doc__}"
    axes = 3
