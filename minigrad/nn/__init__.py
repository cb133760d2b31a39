"""Layers, losses and initialisers, built of verified ops only.

>>> from minigrad import nn
>>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, gain=0.1))
>>> loss = nn.softmax_cross_entropy(model(x), labels)

Layers whose ops register on first use (convolution, pooling, normalisation, attention, embedding ...) load with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from minigrad.core.errors import nearest
from minigrad.nn.errors import LabelError, ModuleError, StateMismatch, UnknownLoss
from minigrad.nn.initializers import (
    INITIALISERS,
    Initialiser,
    Source,
    forget_bias,
    he,
    he_uniform,
    normal,
    orthogonal,
    seeded,
    xavier,
    xavier_uniform,
    zeros,
)
from minigrad.nn.layers.activations import Flatten, Maxout, ReLU, Sigmoid, Softplus, Tanh
from minigrad.nn.layers.container import Layer, Residual, Sequential, mlp
from minigrad.nn.layers.linear import Linear
from minigrad.nn.losses.binary import BinaryCrossEntropy, Hinge, binary_cross_entropy, hinge
from minigrad.nn.losses.by_name import LOSSES, find_loss
from minigrad.nn.losses.classification import (
    Calibrated,
    Chance,
    CrammerSinger,
    Loss,
    SoftmaxCrossEntropy,
    Targets,
    WestonWatkins,
    crammer_singer,
    softmax_cross_entropy,
    weston_watkins,
)
from minigrad.nn.losses.distribution import KLDivergence, kl_divergence
from minigrad.nn.losses.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    huber,
    mean_absolute_error,
    mean_squared_error,
)
from minigrad.nn.module import Module, parameter
from minigrad.nn.observe import Watcher, observing
from minigrad.nn.regularization import L1, L2

if TYPE_CHECKING:
    from minigrad.nn.layers.attention import MultiHeadAttention, TransformerBlock
    from minigrad.nn.layers.convolution import Conv1d, Conv2d, ConvTranspose2d
    from minigrad.nn.layers.dropout import Dropout, frozen, reseed
    from minigrad.nn.layers.embedding import Embedding
    from minigrad.nn.layers.ensemble import Ensemble, mean_weights
    from minigrad.nn.layers.normalization import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
    from minigrad.nn.layers.pooling import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AvgPool1d,
        AvgPool2d,
        GlobalAvgPool,
        MaxPool1d,
        MaxPool2d,
    )
    from minigrad.nn.layers.recurrent import GRU, LSTM, RNN
    from minigrad.nn.layers.smooth import ELU, GELU, LeakyReLU, SiLU
    from minigrad.nn.summary import LayerSummary, Summary

_LATE: Mapping[str, str] = {
    name: module
    for module, names in {
        "layers.attention": "MultiHeadAttention TransformerBlock",
        "layers.convolution": "Conv1d Conv2d ConvTranspose2d",
        "layers.dropout": "Dropout frozen reseed",
        "layers.embedding": "Embedding",
        "layers.ensemble": "Ensemble mean_weights",
        "layers.normalization": "BatchNorm1d BatchNorm2d GroupNorm LayerNorm RMSNorm",
        "layers.pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AvgPool1d AvgPool2d "
        "GlobalAvgPool MaxPool1d MaxPool2d",
        "layers.recurrent": "GRU LSTM RNN",
        "layers.smooth": "ELU GELU LeakyReLU SiLU",
        "summary": "LayerSummary Summary",
    }.items()
    for name in names.split()
}
"""Name -> module of this package."""


if not TYPE_CHECKING:  # where types are checked, the imports above say what there is

    def __getattr__(name: str) -> object:
        if name not in _LATE:
            raise AttributeError(f"module 'minigrad.nn' has no {name!r}.{nearest(name, __all__)}")
        return getattr(import_module(f"minigrad.nn.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "INITIALISERS",
    "L1",
    "L2",
    "LOSSES",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BinaryCrossEntropy",
    "Calibrated",
    "Chance",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrammerSinger",
    "Dropout",
    "Embedding",
    "Ensemble",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Hinge",
    "Huber",
    "Initialiser",
    "KLDivergence",
    "LabelError",
    "Layer",
    "LayerNorm",
    "LayerSummary",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MaxPool1d",
    "MaxPool2d",
    "Maxout",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Module",
    "ModuleError",
    "MultiHeadAttention",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Source",
    "StateMismatch",
    "Summary",
    "Tanh",
    "Targets",
    "TransformerBlock",
    "UnknownLoss",
    "Watcher",
    "WestonWatkins",
    "binary_cross_entropy",
    "crammer_singer",
    "find_loss",
    "forget_bias",
    "frozen",
    "he",
    "he_uniform",
    "hinge",
    "huber",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_weights",
    "mlp",
    "normal",
    "observing",
    "orthogonal",
    "parameter",
    "reseed",
    "seeded",
    "softmax_cross_entropy",
    "weston_watkins",
    "xavier",
    "xavier_uniform",
    "zeros",
]
