"""Activations whose ops register on first use."""

from __future__ import annotations

import attrs

from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.nn.validators import finite, positive
from minigrad.ops.activation import elu, gelu, leaky_relu, silu

__all__ = ["ELU", "GELU", "LeakyReLU", "SiLU"]


@attrs.define(eq=False)
class GELU(Module):
    """x times the probability that a standard normal number is below x (Hendrycks & Gimpel 2016).

    Attributes:
        approximate: "none", or "tanh" for the usual approximation, as in PyTorch.
    """

    approximate: str = "none"

    def __attrs_post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise ModuleError(f"GELU.approximate must be 'none' or 'tanh', got {self.approximate!r}")

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return gelu(x, self.approximate)


@attrs.define(eq=False)
class SiLU(Module):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return silu(x)


@attrs.define(eq=False)
class LeakyReLU(Module):
    """x for x > 0 and slope * x below, so that no unit dies (Maas et al. 2013)."""

    slope: float = attrs.field(default=0.01, validator=finite)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return leaky_relu(x, slope=self.slope)


@attrs.define(eq=False)
class ELU(Module):
    """x for x > 0 and alpha (e^x - 1) below (Clevert et al. 2015)."""

    alpha: float = attrs.field(default=1.0, validator=positive)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return elu(x, alpha=self.alpha)
