"""einops on minigrad's Tensors: importing this package tells einops of them."""

from minigrad_einops.backend import MinigradBackend
from minigrad_einops.layers import EinMix, Rearrange, Reduce

__all__ = ["EinMix", "MinigradBackend", "Rearrange", "Reduce"]
