"""Convolutions, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Shape
from minigrad.nn.checks import images, size, sizes
from minigrad.nn.errors import ModuleError
from minigrad.nn.initial import Initialiser, Source, generator, initialiser
from minigrad.nn.module import Module, parameter
from minigrad.ops.convolution import conv, conv_transpose

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]


def _padding(layer: str, value: int | Sequence[int] | str, axes: int) -> Shape | str:
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise ModuleError(f"{layer}.padding must be 'same', 'valid' or integers >= 0, got {value!r}")
        return value
    return sizes(layer, "padding", value, axes, least=0)


@attrs.define(eq=False, repr=False)
class _Conv(Module):
    """What convolutions in any number of dimensions share."""

    axes: ClassVar[int]
    inputs: int = attrs.field(validator=size)
    outputs: int = attrs.field(validator=size)
    kernel: int | Sequence[int]
    stride: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    padding: int | Sequence[int] | str = attrs.field(default=0, kw_only=True)
    dilation: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    groups: int = attrs.field(default=1, kw_only=True, validator=size)
    init: str | Initialiser = attrs.field(default="he", kw_only=True)
    gain: float = attrs.field(default=1.0, kw_only=True)
    with_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        self.kernel = sizes(name, "kernel", self.kernel, self.axes)
        self.stride = sizes(name, "stride", self.stride, self.axes)
        self.dilation = sizes(name, "dilation", self.dilation, self.axes)
        self.padding = _padding(name, self.padding, self.axes)
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ModuleError(f"{name}: padding='same' needs stride 1, got stride={self.stride}")
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ModuleError(
                f"{name}: {self.inputs} inputs and {self.outputs} outputs do not divide into groups={self.groups}"
            )
        shape = (self.outputs, self.inputs // self.groups, *self.kernel)
        self.weight = parameter(self.gain * initialiser(self.init)(shape, generator(self.rng)))
        self.bias = parameter(np.zeros(self.outputs)) if self.with_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, inputs, *size)` -> `(N, outputs, *places)`. Raises ShapeError for other axes or channels."""
        images(self, x, self.inputs, self.axes)
        return conv(x, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs}, {self.outputs}, kernel={self.kernel})"


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
class ConvTranspose2d(Module):
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

    inputs: int = attrs.field(validator=size)
    outputs: int = attrs.field(validator=size)
    kernel: int | Sequence[int]
    stride: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)
    output_padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)
    dilation: int | Sequence[int] = attrs.field(default=1, kw_only=True)
    groups: int = attrs.field(default=1, kw_only=True, validator=size)
    init: str | Initialiser = attrs.field(default="he", kw_only=True)
    gain: float = attrs.field(default=1.0, kw_only=True)
    with_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    weight: Tensor = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        self.kernel = sizes(name, "kernel", self.kernel, 2)
        self.stride = sizes(name, "stride", self.stride, 2)
        self.padding = sizes(name, "padding", self.padding, 2, least=0)
        self.output_padding = sizes(name, "output_padding", self.output_padding, 2, least=0)
        self.dilation = sizes(name, "dilation", self.dilation, 2)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ModuleError(f"{name}: output_padding {extra} must be below the stride {s} or the dilation {d}")
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ModuleError(
                f"{name}: {self.inputs} inputs and {self.outputs} outputs do not divide into groups={self.groups}"
            )
        # Each group is drawn as a convolution the other way, of which initialisers know the fan-in.
        draw, rng = initialiser(self.init), generator(self.rng)
        shape = (self.outputs // self.groups, self.inputs // self.groups, *self.kernel)
        weight = np.concatenate([draw(shape, rng).swapaxes(0, 1) for _ in range(self.groups)])
        self.weight = parameter(self.gain * weight)
        self.bias = parameter(np.zeros(self.outputs)) if self.with_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, inputs, height, width)` -> `(N, outputs, *size)`. Raises ShapeError for other axes or channels."""
        images(self, x, self.inputs, 2)
        return conv_transpose(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.dilation, self.groups
        )

    def __repr__(self) -> str:
        return f"ConvTranspose2d({self.inputs}, {self.outputs}, kernel={self.kernel})"
