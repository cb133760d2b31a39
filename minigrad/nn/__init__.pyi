"""The public names of minigrad.nn, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.nn.errors import (
    LabelError as LabelError, ModuleError as ModuleError, StateMismatch as StateMismatch, UnknownLoss as UnknownLoss,
)
from minigrad.nn.initializers import (
    INITIALISERS as INITIALISERS, Initialiser as Initialiser, Source as Source, forget_bias as forget_bias, he as he,
    he_uniform as he_uniform, normal as normal, orthogonal as orthogonal, seeded as seeded, xavier as xavier,
    xavier_uniform as xavier_uniform, zeros as zeros,
)
from minigrad.nn.layers.activations import (
    Flatten as Flatten, Maxout as Maxout, ReLU as ReLU, Sigmoid as Sigmoid, Softplus as Softplus, Tanh as Tanh,
)
from minigrad.nn.layers.attention import MultiHeadAttention as MultiHeadAttention, TransformerBlock as TransformerBlock
from minigrad.nn.layers.container import Layer as Layer, Residual as Residual, Sequential as Sequential, mlp as mlp
from minigrad.nn.layers.convolution import Conv1d as Conv1d, Conv2d as Conv2d, ConvTranspose2d as ConvTranspose2d
from minigrad.nn.layers.dropout import Dropout as Dropout, frozen as frozen, reseed as reseed
from minigrad.nn.layers.embedding import Embedding as Embedding
from minigrad.nn.layers.ensemble import Ensemble as Ensemble, mean_weights as mean_weights
from minigrad.nn.layers.linear import Linear as Linear
from minigrad.nn.layers.normalization import (
    BatchNorm1d as BatchNorm1d, BatchNorm2d as BatchNorm2d, GroupNorm as GroupNorm, LayerNorm as LayerNorm,
    RMSNorm as RMSNorm,
)
from minigrad.nn.layers.pooling import (
    AdaptiveAvgPool1d as AdaptiveAvgPool1d, AdaptiveAvgPool2d as AdaptiveAvgPool2d,
    AdaptiveMaxPool1d as AdaptiveMaxPool1d, AdaptiveMaxPool2d as AdaptiveMaxPool2d, AvgPool1d as AvgPool1d,
    AvgPool2d as AvgPool2d, GlobalAvgPool as GlobalAvgPool, MaxPool1d as MaxPool1d, MaxPool2d as MaxPool2d,
)
from minigrad.nn.layers.recurrent import GRU as GRU, LSTM as LSTM, RNN as RNN
from minigrad.nn.layers.smooth import ELU as ELU, GELU as GELU, LeakyReLU as LeakyReLU, SiLU as SiLU
from minigrad.nn.losses.binary import (
    BinaryCrossEntropy as BinaryCrossEntropy, Hinge as Hinge, binary_cross_entropy as binary_cross_entropy,
    hinge as hinge,
)
from minigrad.nn.losses.by_name import LOSSES as LOSSES, find_loss as find_loss
from minigrad.nn.losses.classification import (
    Calibrated as Calibrated, Chance as Chance, CrammerSinger as CrammerSinger, Loss as Loss,
    SoftmaxCrossEntropy as SoftmaxCrossEntropy, Targets as Targets, WestonWatkins as WestonWatkins,
    crammer_singer as crammer_singer, softmax_cross_entropy as softmax_cross_entropy, weston_watkins as weston_watkins,
)
from minigrad.nn.losses.distribution import KLDivergence as KLDivergence, kl_divergence as kl_divergence
from minigrad.nn.losses.regression import (
    Huber as Huber, MeanAbsoluteError as MeanAbsoluteError, MeanSquaredError as MeanSquaredError, huber as huber,
    mean_absolute_error as mean_absolute_error, mean_squared_error as mean_squared_error,
)
from minigrad.nn.module import Module as Module, parameter as parameter
from minigrad.nn.observe import Watcher as Watcher, observing as observing
from minigrad.nn.regularization import L1 as L1, L2 as L2
from minigrad.nn.summary import LayerSummary as LayerSummary, Summary as Summary

__all__: list[str]
