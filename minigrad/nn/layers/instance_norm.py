"""Instance normalization: each channel of each sample alone."""

from __future__ import annotations

from typing import ClassVar

import attrs

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.layers.normalization import Affine
from minigrad.nn.validators import images, size
from minigrad.ops.network.normalization import instance_norm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


@attrs.define(eq=False, repr=False)
class _InstanceNorm(Affine):
    """Each channel of each sample to mean 0 and variance 1 over its places.

    Source: Ulyanov et al. 2016.

    Attributes:
        num_features: length of axis 1, the channels.
        eps: added to the variance.
        affine: whether weight and bias are learnt; not by default, as in PyTorch.
        use_bias: whether there is a bias beside the weight.
        weight: `(num_features,)`, 1 at first, or None.
        bias: `(num_features,)`, 0 at first, or None.
    """

    axes: ClassVar[int]
    num_features: int = attrs.field(validator=size)
    affine: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._begin(self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x `(N, num_features, *size)`, whose shape stays.

        Raises:
            ShapeError: x has other axes or channels, or one place per channel, which has no variance.
        """
        images(self, x, self.num_features, self.axes)
        if x.size <= x.shape[0] * self.num_features:
            raise ShapeError(f"{self!r} needs more than one place per channel, got an input of {x.shape}")
        return instance_norm(x, self.weight, self.bias, self.eps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_features})"


@attrs.define(eq=False, repr=False)
class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"For sequences `(N, channels, length)`. {_InstanceNorm.__doc__}"
    axes = 1


@attrs.define(eq=False, repr=False)
class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"For images `(N, channels, height, width)`. {_InstanceNorm.__doc__}"
    axes = 2


@attrs.define(eq=False, repr=False)
class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"For volumes `(N, channels, depth, height, width)`. {_InstanceNorm.__doc__}"
    axes = 3
