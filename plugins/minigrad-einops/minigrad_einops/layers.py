"""einops' layers as modules of minigrad."""

from __future__ import annotations

import numpy as np
from einops.layers import RearrangeMixin, ReduceMixin
from einops.layers._einmix import _EinmixMixin

import minigrad as mg
from minigrad import Tensor, nn

__all__ = ["EinMix", "Rearrange", "Reduce"]


class Rearrange(RearrangeMixin, nn.Module):
    """`einops.rearrange` as a layer: `Rearrange("b c h w -> b (c h w)")`."""

    def forward(self, x: Tensor) -> Tensor:
        """The entries in the order and shape of the pattern's right side."""
        y: Tensor = self._apply_recipe(x)  # type: ignore[no-untyped-call]
        return y


class Reduce(ReduceMixin, nn.Module):
    """`einops.reduce` as a layer: `Reduce("b c (h 2) (w 2) -> b c h w", "max")`."""

    def forward(self, x: Tensor) -> Tensor:
        """The entries reduced over the axes that the pattern's right side lacks."""
        y: Tensor = self._apply_recipe(x)  # type: ignore[no-untyped-call]
        return y


class EinMix(_EinmixMixin, nn.Module):
    """einops' `EinMix`: sums of products with a weight, named by axes, and a bias.

    Attributes:
        weight: of the axes of `weight_shape`, float32, drawn uniformly within sqrt(3 / fan in).
        bias: of the axes of `bias_shape`, float32, drawn uniformly within sqrt(1 / fan in), or None.
    """

    def __init__(
        self,
        pattern: str,
        weight_shape: str,
        bias_shape: str | None = None,
        *,
        rng: np.random.Generator | int | None = None,
        **axes_lengths: int,
    ) -> None:
        """Draw the weight and the bias.

        Args:
            pattern: axes of input and output, as einops writes them.
            weight_shape: axes of the weight.
            bias_shape: axes of the bias, if there is one.
            rng: a generator or a seed.
            axes_lengths: length of each axis of the weight and the bias.
        """
        self._generator = np.random.default_rng(rng)
        super().__init__(pattern, weight_shape, bias_shape, **axes_lengths)
        del self._generator

    def _create_parameters(
        self, weight_shape: list[int], weight_bound: float, bias_shape: list[int] | None, bias_bound: float
    ) -> None:
        self.weight = nn.parameter(self._generator.uniform(-weight_bound, weight_bound, weight_shape))
        self.bias = None
        if bias_shape is not None:
            self.bias = nn.parameter(self._generator.uniform(-bias_bound, bias_bound, bias_shape))

    def _create_rearrange_layers(
        self,
        pre_reshape_pattern: str | None,
        pre_reshape_lengths: dict[str, int] | None,
        post_reshape_pattern: str | None,
        post_reshape_lengths: dict[str, int] | None,
    ) -> None:
        self.pre_rearrange = self.post_rearrange = None
        if pre_reshape_pattern is not None:
            self.pre_rearrange = Rearrange(pre_reshape_pattern, **(pre_reshape_lengths or {}))
        if post_reshape_pattern is not None:
            self.post_rearrange = Rearrange(post_reshape_pattern, **(post_reshape_lengths or {}))

    def forward(self, x: Tensor) -> Tensor:
        """Sums of products of x and the weight, plus the bias."""
        if self.pre_rearrange is not None:
            x = self.pre_rearrange(x)
        y = mg.einsum(self.einsum_pattern, x, self.weight)
        if self.bias is not None:
            y = y + self.bias
        return y if self.post_rearrange is None else self.post_rearrange(y)
