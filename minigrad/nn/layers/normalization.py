"""Normalization: mean 0 and variance 1, then scaled and shifted by learnt weights."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.graph import Constant
from minigrad.core.tensor import Tensor, as_array, tensor, tensor_of
from minigrad.core.types import Shape
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import images, positive, size, sizes
from minigrad.ops.network.normalization import batch_norm, group_norm, layer_norm, local_response_norm, rms_norm

__all__ = [
    "Affine",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


def _float32(value: float, count: int) -> Tensor:
    return tensor(np.full(count, value), dtype=np.float32)


@attrs.define(eq=False, repr=False)
class Affine(Module):
    """A learnt weight and bias after the normalisation, if wanted."""

    eps: float = attrs.field(default=1e-5, kw_only=True, validator=positive)
    affine: bool = attrs.field(default=True, kw_only=True)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    weight: Tensor | None = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

    def _begin(self, shape: int | Shape) -> None:
        """Start from 1 and 0."""
        self.weight = parameter(np.ones(shape)) if self.affine else None
        self.bias = parameter(np.zeros(shape)) if self.affine and self.use_bias else None


@attrs.define(eq=False, repr=False)
class _BatchNorm(Affine):
    """Each channel to mean 0 and variance 1 over the batch and all places.

    Source: Ioffe & Szegedy 2015.
    In training the batch's own mean and variance are used, and the running ones move towards them (the variance with
    divisor n - 1, as PyTorch); in evaluation the running ones are used, so that rows do not depend on one another.

    Attributes:
        num_features: length of axis 1, the channels.
        eps: added to the variance.
        momentum: share of the new batch in the running figures, as in PyTorch; None makes them means of all batches.
        track_running_stats: whether there are running figures; without them evaluation, too, uses the batch's own.
        affine: whether weight and bias are learnt.
        use_bias: whether there is a bias beside the weight.
        weight: `(num_features,)`, 1 at first, or None.
        bias: `(num_features,)`, 0 at first, or None.
        running_mean: `(num_features,)`, 0 at first: a buffer, saved but not trained; or None.
        running_var: `(num_features,)`, 1 at first: a buffer; or None.
        num_batches: how many batches the running figures are means of, a buffer; None unless `momentum` is None.
    """

    ndims: ClassVar[tuple[int, ...]]
    num_features: int = attrs.field(validator=size)
    momentum: float | None = attrs.field(default=0.1, kw_only=True)
    track_running_stats: bool = attrs.field(default=True, kw_only=True)
    running_mean: Tensor | None = attrs.field(init=False, default=None)
    running_var: Tensor | None = attrs.field(init=False, default=None)
    num_batches: Tensor | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.momentum is not None and not 0.0 <= self.momentum <= 1.0:
            raise ModuleError(f"{type(self).__name__}.momentum must be in [0, 1] or None, got {self.momentum!r}")
        self._begin(self.num_features)
        if self.track_running_stats:
            self.running_mean, self.running_var = _float32(0.0, self.num_features), _float32(1.0, self.num_features)
            self.num_batches = _float32(0.0, 1) if self.momentum is None else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x, whose shape stays.

        Raises:
            ShapeError: x has other axes or channels, or in training one value per channel, which has no variance.
        """
        if x.ndim not in self.ndims or x.shape[1] != self.num_features:
            shapes = " or ".join(f"(N, {self.num_features}{', L' * (n == 3)}{', H, W' * (n == 4)})" for n in self.ndims)
            raise ShapeError(f"{self!r} needs an input of shape {shapes}, got {x.shape}")
        if not self.training and self.track_running_stats:
            return batch_norm(x, self.weight, self.bias, self.eps, self.running_mean, self.running_var)
        if x.size <= self.num_features:
            raise ShapeError(f"{self!r} in training needs more than one value per channel, got an input of {x.shape}")
        if self.training and self.running_mean is not None and self.running_var is not None:
            self._follow(x, self.running_mean, self.running_var)
        return batch_norm(x, self.weight, self.bias, self.eps)

    def _follow(self, x: Tensor, running_mean: Tensor, running_var: Tensor) -> None:
        """Move the running figures towards those of this batch."""
        fixed = tensor_of(Constant(as_array(x)))
        axes, count = (0, *range(2, x.ndim)), x.size // self.num_features
        mean, var = fixed.mean(axis=axes), fixed.var(axis=axes) * (count / (count - 1))
        new_share: Tensor | float
        if self.num_batches is not None:
            self.num_batches[...] = self.num_batches + 1.0
            new_share = 1.0 / self.num_batches
        else:
            new_share = 0.0 if self.momentum is None else self.momentum
        running_mean[...] = running_mean * (1.0 - new_share) + mean * new_share
        running_var[...] = running_var * (1.0 - new_share) + var * new_share

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_features})"


@lazy.renamed_fields(channels="num_features")
@attrs.define(eq=False, repr=False)
class BatchNorm1d(_BatchNorm):
    __doc__ = f"For `(N, channels)` or `(N, channels, length)`. {_BatchNorm.__doc__}"
    ndims = (2, 3)


@lazy.renamed_fields(channels="num_features")
@attrs.define(eq=False, repr=False)
class BatchNorm2d(_BatchNorm):
    __doc__ = f"For images `(N, channels, height, width)`. {_BatchNorm.__doc__}"
    ndims = (4,)


@attrs.define(eq=False, repr=False)
class BatchNorm3d(_BatchNorm):
    __doc__ = f"For volumes `(N, channels, depth, height, width)`. {_BatchNorm.__doc__}"
    ndims = (5,)


@lazy.renamed_fields(shape="normalized_shape")
@attrs.define(eq=False, repr=False)
class LayerNorm(Affine):
    """Each row to mean 0 and variance 1 over its last axes, then times weight plus bias.

    Source: Ba et al. 2016.

    Attributes:
        normalized_shape: lengths of the axes to normalise over; an integer for the last one.
        eps: added to the variance.
        affine: whether weight and bias are learnt.
        use_bias: whether there is a bias beside the weight.
        weight: of that shape, 1 at first, or None.
        bias: of that shape, 0 at first, or None.
    """

    normalized_shape: int | Shape

    def __attrs_post_init__(self) -> None:
        count = 1 if isinstance(self.normalized_shape, int) else len(self.normalized_shape)
        self.normalized_shape = sizes(type(self).__name__, "normalized_shape", self.normalized_shape, count)
        self._begin(self.normalized_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x `(..., *normalized_shape)`, whose shape stays.

        Raises:
            ShapeError: x has other last axes.
        """
        _ends_with(self, x, self.normalized_shape)
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def __repr__(self) -> str:
        return f"LayerNorm({self.normalized_shape})"


@lazy.renamed_fields(width="normalized_shape")
@attrs.define(eq=False, repr=False)
class RMSNorm(Module):
    """Each row to mean square 1 over its last axes, then times weight: no mean, no bias.

    Source: Zhang & Sennrich 2019.

    Attributes:
        normalized_shape: lengths of the axes to normalise over; an integer for the last one.
        eps: added to the mean square; PyTorch's default is that of the dtype, about 1.2e-7 for float32.
        affine: whether there is a weight.
        weight: of that shape, 1 at first, or None.
    """

    normalized_shape: int | Shape
    eps: float = attrs.field(default=1e-5, kw_only=True, validator=positive)
    affine: bool = attrs.field(default=True, kw_only=True)
    weight: Tensor | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.normalized_shape, int):
            count = len(self.normalized_shape)
            self.normalized_shape = sizes(type(self).__name__, "normalized_shape", self.normalized_shape, count)
        else:
            sizes(type(self).__name__, "normalized_shape", self.normalized_shape, 1)
        self.weight = parameter(np.ones(self.normalized_shape)) if self.affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x `(..., *normalized_shape)`, whose shape stays.

        Raises:
            ShapeError: x has other last axes.
        """
        _ends_with(self, x, self.normalized_shape)
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def __repr__(self) -> str:
        return f"RMSNorm({self.normalized_shape})"


@lazy.renamed_fields(groups="num_groups", channels="num_channels")
@attrs.define(eq=False, repr=False)
class GroupNorm(Affine):
    """Each group of channels of each sample to mean 0 and variance 1, then scaled.

    Source: Wu & He 2018.
    One group is layer normalisation over channels and places; as many groups as channels, instance normalisation.

    Attributes:
        num_groups: number of groups; divides `num_channels`.
        num_channels: length of axis 1.
        eps: added to the variance.
        affine: whether weight and bias are learnt.
        use_bias: whether there is a bias beside the weight.
        weight: `(num_channels,)`, 1 at first, or None.
        bias: `(num_channels,)`, 0 at first, or None.
    """

    num_groups: int = attrs.field(validator=size)
    num_channels: int = attrs.field(validator=size)

    def __attrs_post_init__(self) -> None:
        if self.num_channels % self.num_groups:
            raise ModuleError(f"GroupNorm: {self.num_channels} channels do not divide into {self.num_groups} groups")
        self._begin(self.num_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x `(N, num_channels, ...)`, whose shape stays.

        Raises:
            ShapeError: x has other channels.
        """
        images(self, x, self.num_channels, max(x.ndim - 2, 0))
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def __repr__(self) -> str:
        return f"GroupNorm({self.num_groups}, {self.num_channels})"


@attrs.define(eq=False)
class LocalResponseNorm(Module):
    """x / (k + alpha * mean square of `size` neighbouring channels) ** beta.

    Source: Krizhevsky et al. 2012.

    Attributes:
        size: number of channels.
        alpha: factor of the mean square.
        beta: the exponent.
        k: what is added.
    """

    size: int = attrs.field(validator=size)
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x `(N, channels, ...)`, whose shape stays."""
        images(self, x, None, max(x.ndim - 2, 0))
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)


def _ends_with(layer: Module, x: Tensor, shape: int | Shape) -> None:
    lengths = (shape,) if isinstance(shape, int) else shape
    if x.shape[-len(lengths) :] != lengths:
        raise ShapeError(f"{layer!r} needs an input of shape (..., {', '.join(map(str, lengths))}), got {x.shape}")
