"""Convolutions, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import generator, initialiser
from minigrad.nn.layers.weighted import Weighted
from minigrad.nn.validators import images, size, sizes
from minigrad.ops.convolution import conv, conv_transpose

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]


def _padding(layer: str, value: int | Sequence[int] | str, axes: int) -> Shape | str:
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise ModuleError(f"{layer}.padding must be 'same', 'valid' or integers >= 0, got {value!r}")
        return value
    return sizes(layer, "padding", value, axes, least=0)


@attrs.define(eq=False, repr=False)
class _Windowed(Weighted):
    """What convolutions and their adjoints share, in any number of dimensions."""

    axes: ClassVar[int]
    kernel: int | Sequence[int]
    stride: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    dilation: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    groups: int = attrs.field(default=1, kw_only=True, validator=size)

    def _window(self) -> tuple[Shape, Shape, Shape]:
        """Settle kernel, stride and dilation: one number for each axis. Raises ModuleError, also for groups."""
        name = type(self).__name__
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ModuleError(
                f"{name}: {self.inputs} inputs and {self.outputs} outputs do not divide into groups={self.groups}"
            )
        self.kernel = kernel = sizes(name, "kernel", self.kernel, self.axes)
        self.stride = stride = sizes(name, "stride", self.stride, self.axes)
        self.dilation = dilation = sizes(name, "dilation", self.dilation, self.axes)
        return kernel, stride, dilation

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs}, {self.outputs}, kernel={self.kernel})"


@attrs.define(eq=False, repr=False)
class _Conv(_Windowed):
    """What convolutions share."""

    padding: int | Sequence[int] | str = attrs.field(default=0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        kernel, stride, _ = self._window()
        self.padding = _padding(name, self.padding, self.axes)
        if self.padding == "same" and any(s != 1 for s in stride):
            raise ModuleError(f"{name}: padding='same' needs stride 1, got stride={stride}")
        shape = (self.outputs, self.inputs // self.groups, *kernel)
        self._begin(initialiser(self.init)(shape, generator(self.rng)))

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, inputs, *size)` -> `(N, outputs, *places)`. Raises ShapeError for other axes or channels."""
        images(self, x, self.inputs, self.axes)
        return conv(x, self.weight, self.bias, self.stride, self.padding, self.dilation)


@attrs.define(eq=False, repr=False)
class Conv1d(_Conv):
    """Cross-correlation of sequences `(N, inputs, length)` with `outputs` kernels, plus a bias.

    Length of the output: floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Attributes:
        inputs, outputs: channels.
        kernel, stride, padding, dilation: integers; padding may be "same" (stride 1) or "valid" (none).
        groups: channels are split into so many groups that do not see each other.
        init, gain, with_bias, rng: as for Linear. "he" and "xavier" count the kernel: inputs / groups * kernel.
        weight: `(outputs, inputs / groups, kernel)`, as PyTorch's. bias: `(outputs,)`.
    """

    axes = 1


@attrs.define(eq=False, repr=False)
class Conv2d(_Conv):
    """Cross-correlation of images `(N, inputs, height, width)` with `outputs` kernels, plus a bias (course notes).

    Size of the output along each axis: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Attributes:
        inputs, outputs: channels.
        kernel, stride, padding, dilation: an integer, or one for each axis; padding may be "same" (stride 1), "valid".
        groups: channels are split into so many groups that do not see each other.
        init, gain, with_bias, rng: as for Linear. "he" and "xavier" count the window: inputs / groups * window.
        weight: `(outputs, inputs / groups, height, width)`, as PyTorch's. bias: `(outputs,)`.
    """

    axes = 2


@attrs.define(eq=False, repr=False)
class ConvTranspose2d(_Windowed):
    """The adjoint of Conv2d in its images: each input entry adds its kernel, scaled, to the output.

    Size of the output along each axis: (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

    Attributes:
        inputs, outputs: channels.
        kernel, stride, padding, output_padding, dilation: an integer, or one for each axis.
        groups: channels are split into so many groups that do not see each other.
        init, gain, with_bias, rng: as for Linear; fan-in is inputs / groups * window (each output entry of a stride-1
            layer sums so many products).
        weight: `(inputs, outputs / groups, height, width)`, as PyTorch's. bias: `(outputs,)`.
    """

    axes = 2
    padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)
    output_padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        kernel, stride, dilation = self._window()
        self.padding = sizes(name, "padding", self.padding, self.axes, least=0)
        self.output_padding = extras = sizes(name, "output_padding", self.output_padding, self.axes, least=0)
        for extra, s, d in zip(extras, stride, dilation, strict=True):
            if extra >= max(s, d):
                raise ModuleError(f"{name}: output_padding {extra} must be below the stride {s} or the dilation {d}")
        # Each group is drawn as a convolution the other way, of which initialisers know the fan-in.
        draw, rng = initialiser(self.init), generator(self.rng)
        shape = (self.outputs // self.groups, self.inputs // self.groups, *kernel)
        self._begin(np.concatenate([draw(shape, rng).swapaxes(0, 1) for _ in range(self.groups)]))

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, inputs, height, width)` -> `(N, outputs, *size)`. Raises ShapeError for other axes or channels."""
        images(self, x, self.inputs, self.axes)
        return conv_transpose(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.dilation, self.groups
        )
