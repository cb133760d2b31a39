"""One small instance of every layer, in float64 and with all parameters moved off their special starting values."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from minigrad import nn
from minigrad.core import Tensor
from minigrad.runtime.parameters import assign
from minigrad.typing import Array


@attrs.frozen
class Case:
    """A layer and the shape of an input.

    Attributes:
        symbols: integer inputs below that number; 0 for numbers.
        torch_rtol: how near PyTorch's float64 is: for the hard sigmoid it computes with 1/6 in float32.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    symbols: int = 0
    torch_rtol: float = 1e-10

    def layer(self) -> nn.Module:
        """The layer in float64, with random parameters and running figures."""
        with nn.seeded(3):
            layer = self.build().astype(np.float64)
        rng = np.random.default_rng(5)
        for p in layer.parameters():
            assign(p, p.numpy() + 0.3 * rng.normal(size=p.shape))
        for _, part in layer.named_modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean[...] = rng.normal(size=part.num_features)
                part.running_var[...] = rng.uniform(0.5, 2.0, part.num_features)
        return layer

    def input(self, seed: int = 1) -> Array:
        """A random input."""
        rng = np.random.default_rng(seed)
        if self.symbols:
            return rng.integers(0, self.symbols, self.shape)  # type: ignore[return-value]
        return rng.normal(size=self.shape)


IMAGES = (2, 4, 7, 6)
VOLUMES = (2, 2, 4, 5, 3)
CASES = [
    Case("Linear", lambda: nn.Linear(5, 3), (4, 5)),
    Case("Conv1d", lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1), (2, 4, 9)),
    Case("Conv1d dilated", lambda: nn.Conv1d(4, 6, 2, dilation=3, groups=2), (2, 4, 9)),
    Case("Conv1d same, even kernel", lambda: nn.Conv1d(4, 6, 4, padding="same"), (2, 4, 9)),
    Case("Conv2d", lambda: nn.Conv2d(4, 6, 3), IMAGES),
    Case("Conv2d all options", lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2),
         groups=2), IMAGES),
    Case("Conv2d depthwise, same", lambda: nn.Conv2d(4, 4, 3, padding="same", groups=4, use_bias=False), IMAGES),
    Case("ConvTranspose2d", lambda: nn.ConvTranspose2d(4, 6, 3), IMAGES),
    Case("ConvTranspose2d all options", lambda: nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0),
         output_padding=(1, 2), groups=2), IMAGES),
    Case("MaxPool1d", lambda: nn.MaxPool1d(3, stride=2, padding=1), (2, 3, 9)),
    Case("MaxPool2d", lambda: nn.MaxPool2d(2), IMAGES),
    Case("MaxPool2d overlapping", lambda: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1), IMAGES),
    Case("AvgPool1d", lambda: nn.AvgPool1d(3, stride=2, padding=1), (2, 3, 9)),
    Case("AvgPool2d", lambda: nn.AvgPool2d((3, 2), stride=1, padding=1), IMAGES),
    Case("AdaptiveAvgPool1d", lambda: nn.AdaptiveAvgPool1d(4), (2, 3, 9)),
    Case("AdaptiveAvgPool2d", lambda: nn.AdaptiveAvgPool2d((3, 4)), IMAGES),
    Case("AdaptiveMaxPool1d", lambda: nn.AdaptiveMaxPool1d(4), (2, 3, 9)),
    Case("AdaptiveMaxPool2d", lambda: nn.AdaptiveMaxPool2d((3, 4)), IMAGES),
    Case("GlobalAvgPool", lambda: nn.GlobalAvgPool(), IMAGES),
    Case("BatchNorm1d rows", lambda: nn.BatchNorm1d(5), (6, 5)),
    Case("BatchNorm1d sequences", lambda: nn.BatchNorm1d(3, momentum=0.3), (4, 3, 5)),
    Case("BatchNorm2d", lambda: nn.BatchNorm2d(4, eps=1e-2), IMAGES),
    Case("BatchNorm2d plain", lambda: nn.BatchNorm2d(4, affine=False), IMAGES),
    Case("LayerNorm", lambda: nn.LayerNorm(5), (2, 3, 5)),
    Case("LayerNorm two axes", lambda: nn.LayerNorm((3, 5), eps=0.1), (2, 3, 5)),
    Case("GroupNorm", lambda: nn.GroupNorm(2, 4), IMAGES),
    Case("RMSNorm", lambda: nn.RMSNorm(5), (2, 3, 5)),
    Case("Embedding", lambda: nn.Embedding(7, 3), (2, 5), symbols=7),
    Case("RNN", lambda: nn.RNN(3, 4), (2, 5, 3)),
    Case("GRU", lambda: nn.GRU(3, 4), (2, 5, 3)),
    Case("LSTM", lambda: nn.LSTM(3, 4), (2, 5, 3)),
    Case("LSTM one step", lambda: nn.LSTM(3, 4), (2, 1, 3)),
    Case("MultiHeadAttention", lambda: nn.MultiHeadAttention(6, 2), (2, 5, 6)),
    Case("MultiHeadAttention causal", lambda: nn.MultiHeadAttention(6, 3, causal=True), (2, 5, 6)),
    Case("TransformerBlock", lambda: nn.TransformerBlock(6, 2, hidden=7), (2, 5, 6)),
    Case("TransformerBlock causal", lambda: nn.TransformerBlock(6, 2, causal=True), (2, 5, 6)),
    Case("Maxout", lambda: nn.Maxout(3), (4, 6)),
    Case("GELU", lambda: nn.GELU(), (4, 6)),
    Case("GELU tanh", lambda: nn.GELU("tanh"), (4, 6)),
    Case("SiLU", lambda: nn.SiLU(), (4, 6)),
    Case("LeakyReLU", lambda: nn.LeakyReLU(0.2), (4, 6)),
    Case("ELU", lambda: nn.ELU(0.7), (4, 6)),
    Case("Softplus", lambda: nn.Softplus(), (4, 6)),
    Case("ReLU", lambda: nn.ReLU(), (4, 6)),
    Case("Tanh", lambda: nn.Tanh(), (4, 6)),
    Case("Sigmoid", lambda: nn.Sigmoid(), (4, 6)),
    Case("Flatten", lambda: nn.Flatten(), (2, 3, 4)),
    Case("Conv2d reflected", lambda: nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="reflect"), IMAGES),
    Case("Conv1d circular, same", lambda: nn.Conv1d(4, 6, 3, padding="same", padding_mode="circular"), (2, 4, 9)),
    Case("Conv1d replicated", lambda: nn.Conv1d(4, 6, 3, padding=2, stride=2, padding_mode="replicate"), (2, 4, 9)),
    Case("Conv3d", lambda: nn.Conv3d(2, 4, (2, 3, 2), stride=(1, 2, 1), padding=1, groups=2), VOLUMES),
    Case("ConvTranspose1d", lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1), (2, 4, 9)),
    Case("ConvTranspose3d", lambda: nn.ConvTranspose3d(2, 3, 2, stride=(2, 1, 2), padding=(0, 1, 0)), VOLUMES),
    Case("MaxPool1d ceil", lambda: nn.MaxPool1d(3, stride=2, padding=1, ceil_mode=True), (2, 3, 10)),
    Case("MaxPool2d ceil", lambda: nn.MaxPool2d(2, stride=2, ceil_mode=True), (2, 3, 7, 5)),
    Case("MaxPool3d", lambda: nn.MaxPool3d(2), VOLUMES),
    Case("AvgPool2d ceil", lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (2, 3, 8, 7)),
    Case("AvgPool2d without padding", lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), IMAGES),
    Case("AvgPool1d ceil without padding", lambda: nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True,
         count_include_pad=False), (2, 3, 10)),
    Case("AvgPool3d", lambda: nn.AvgPool3d(2), VOLUMES),
    Case("AdaptiveAvgPool3d", lambda: nn.AdaptiveAvgPool3d((2, 3, 1)), VOLUMES),
    Case("AdaptiveMaxPool3d", lambda: nn.AdaptiveMaxPool3d((2, 3, 1)), VOLUMES),
    Case("BatchNorm3d", lambda: nn.BatchNorm3d(2), VOLUMES),
    Case("LayerNorm without bias", lambda: nn.LayerNorm(5, use_bias=False), (2, 3, 5)),
    Case("InstanceNorm1d", lambda: nn.InstanceNorm1d(3), (2, 3, 5)),
    Case("InstanceNorm2d", lambda: nn.InstanceNorm2d(4, affine=True), IMAGES),
    Case("InstanceNorm3d", lambda: nn.InstanceNorm3d(2, affine=True, eps=0.1), VOLUMES),
    Case("Embedding with padding", lambda: nn.Embedding(7, 3, padding_idx=2), (2, 5), symbols=7),
    Case("Identity", lambda: nn.Identity(), (4, 6)),
    Case("Softmax", lambda: nn.Softmax(), (4, 6)),
    Case("Softmax, axis 1", lambda: nn.Softmax(1), (2, 3, 4)),
    Case("LogSoftmax", lambda: nn.LogSoftmax(), (4, 6)),
    Case("Softmin", lambda: nn.Softmin(), (4, 6)),
    Case("PReLU", lambda: nn.PReLU(), (4, 6)),
    Case("PReLU by channel", lambda: nn.PReLU(4), IMAGES),
    Case("SELU", lambda: nn.SELU(), (4, 6)),
    Case("CELU", lambda: nn.CELU(0.5), (4, 6)),
    Case("Mish", lambda: nn.Mish(), (4, 6)),
    Case("ReLU6", lambda: nn.ReLU6(), (4, 6)),
    Case("Hardtanh", lambda: nn.Hardtanh(-0.5, 0.7), (4, 6)),
    Case("Hardsigmoid", lambda: nn.Hardsigmoid(), (4, 6), torch_rtol=1e-7),
    Case("Hardswish", lambda: nn.Hardswish(), (4, 6)),
    Case("Hardshrink", lambda: nn.Hardshrink(0.3), (4, 6)),
    Case("Softshrink", lambda: nn.Softshrink(0.3), (4, 6)),
    Case("Softsign", lambda: nn.Softsign(), (4, 6)),
    Case("Tanhshrink", lambda: nn.Tanhshrink(), (4, 6)),
    Case("LogSigmoid", lambda: nn.LogSigmoid(), (4, 6)),
    Case("Threshold", lambda: nn.Threshold(0.1, 2.0), (4, 6)),
    Case("GLU", lambda: nn.GLU(), (4, 6)),
    Case("Residual", lambda: nn.Residual(nn.Sequential(nn.Linear(5, 3), nn.Tanh()), nn.Linear(5, 3)), (4, 5)),
]  # fmt: skip


def with_parameters(layer: nn.Module, names: list[str], values: tuple[Tensor, ...]) -> None:
    """Put Tensors in the place of the parameters of these names."""
    for name, value in zip(names, values, strict=True):
        *path, last = name.split(".")
        owner: object = layer
        for key in path:
            owner = owner[int(key)] if isinstance(owner, list | tuple) else getattr(owner, key)
        setattr(owner, last, value)
