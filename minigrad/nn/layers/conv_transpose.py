"""Transposed convolutions, channels first."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import find_initializer, generator
from minigrad.nn.layers.convolution import OLD_NAMES, Convolutional
from minigrad.nn.validators import images, sizes
from minigrad.ops.network.convolution import conv_transpose

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


@attrs.define(eq=False, repr=False)
class _ConvTranspose(Convolutional):
    """The adjoint of a convolution: each input entry adds its kernel, scaled, to the output.

    Length of each axis of the output:
    (length - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Attributes:
        in_channels: length of axis 1 of the input.
        out_channels: length of axis 1 of the output.
        kernel_size: length of the window, an integer or one for each axis.
        stride: distance between the places of neighbouring inputs, an integer or one for each axis.
        padding: entries cut off at both ends, an integer or one for each axis.
        output_padding: entries added at the end, an integer or one for each axis; below stride or dilation.
        dilation: distance between neighbours in a window, an integer or one for each axis.
        groups: channels are split into so many groups that do not see each other.
        weight_init: as for Linear; fan-in is in_channels / groups * window (each output entry of a stride-1 layer sums
            so many products).
        gain: factor on the initial weight.
        use_bias: whether there is a bias.
        rng: as for Linear.
        weight: `(in_channels, out_channels / groups, *kernel_size)`, as PyTorch's.
        bias: `(out_channels,)`, or None.
    """

    padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)
    output_padding: int | Sequence[int] = attrs.field(default=0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        kernel_size, stride, dilation = self._window()
        self.padding = sizes(name, "padding", self.padding, self.axes, least=0)
        self.output_padding = extras = sizes(name, "output_padding", self.output_padding, self.axes, least=0)
        for extra, s, d in zip(extras, stride, dilation, strict=True):
            if extra >= max(s, d):
                raise ModuleError(f"{name}: output_padding {extra} must be below the stride {s} or the dilation {d}")
        # Each group is drawn as a convolution the other way, of which initializers know the fan-in.
        draw, rng = find_initializer(self.weight_init), generator(self.rng)
        shape = (self.out_channels // self.groups, self.in_channels // self.groups, *kernel_size)
        self._begin(np.concatenate([draw(shape, rng).swapaxes(0, 1) for _ in range(self.groups)]), self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x `(N, in_channels, *size)` to `(N, out_channels, *places)`.

        Raises:
            ShapeError: x has other channels or another number of axes.
        """
        images(self, x, self.in_channels, self.axes)
        return conv_transpose(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.dilation, self.groups
        )


@attrs.define(eq=False, repr=False)
class ConvTranspose1d(_ConvTranspose):
    __doc__ = f"For sequences `(N, in_channels, length)`. {_ConvTranspose.__doc__}"
    axes = 1


@lazy.renamed_fields(**OLD_NAMES)
@attrs.define(eq=False, repr=False)
class ConvTranspose2d(_ConvTranspose):
    __doc__ = f"For images `(N, in_channels, height, width)`. {_ConvTranspose.__doc__}"
    axes = 2


@attrs.define(eq=False, repr=False)
class ConvTranspose3d(_ConvTranspose):
    __doc__ = f"For volumes `(N, in_channels, depth, height, width)`. {_ConvTranspose.__doc__}"
    axes = 3
