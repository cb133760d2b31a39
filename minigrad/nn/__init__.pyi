"""The public names of minigrad.nn, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.nn.errors import (
    LabelError as LabelError, ModuleError as ModuleError, StateMismatch as StateMismatch, UnknownLoss as UnknownLoss,
    UnknownOption as UnknownOption,
)
from minigrad.nn.forward_hooks import HookHandle as HookHandle
from minigrad.nn.initializers import (
    INITIALIZERS as INITIALIZERS, Initializer as Initializer, Source as Source, forget_bias as forget_bias, he as he,
    he_uniform as he_uniform, normal as normal, orthogonal as orthogonal, seeded as seeded, xavier as xavier,
    xavier_uniform as xavier_uniform, zeros as zeros,
)
from minigrad.nn.layers.activations import (
    ELU as ELU, Flatten as Flatten, GELU as GELU, LeakyReLU as LeakyReLU, Maxout as Maxout, ReLU as ReLU, SiLU as SiLU,
    Sigmoid as Sigmoid, Softplus as Softplus, Tanh as Tanh,
)
from minigrad.nn.layers.container import Layer as Layer, Residual as Residual, Sequential as Sequential, mlp as mlp
from minigrad.nn.layers.conv_transpose import (
    ConvTranspose1d as ConvTranspose1d, ConvTranspose2d as ConvTranspose2d, ConvTranspose3d as ConvTranspose3d,
)
from minigrad.nn.layers.convolution import Conv1d as Conv1d, Conv2d as Conv2d, Conv3d as Conv3d
from minigrad.nn.layers.dropout import Dropout as Dropout, fixed_masks as fixed_masks, reseed as reseed
from minigrad.nn.layers.dropout_kinds import (
    AlphaDropout as AlphaDropout, Dropout1d as Dropout1d, Dropout2d as Dropout2d, Dropout3d as Dropout3d,
    FeatureAlphaDropout as FeatureAlphaDropout,
)
from minigrad.nn.layers.embedding import Embedding as Embedding, EmbeddingBag as EmbeddingBag
from minigrad.nn.layers.ensemble import Ensemble as Ensemble, average_state_dicts as average_state_dicts
from minigrad.nn.layers.entrywise import (
    CELU as CELU, GLU as GLU, Hardshrink as Hardshrink, Hardsigmoid as Hardsigmoid, Hardswish as Hardswish,
    Hardtanh as Hardtanh, LogSigmoid as LogSigmoid, LogSoftmax as LogSoftmax, Mish as Mish, PReLU as PReLU,
    ReLU6 as ReLU6, SELU as SELU, Softmax as Softmax, Softmax2d as Softmax2d, Softmin as Softmin,
    Softshrink as Softshrink, Softsign as Softsign, Tanhshrink as Tanhshrink, Threshold as Threshold,
)
from minigrad.nn.layers.instance_norm import (
    InstanceNorm1d as InstanceNorm1d, InstanceNorm2d as InstanceNorm2d, InstanceNorm3d as InstanceNorm3d,
)
from minigrad.nn.layers.linear import Linear as Linear
from minigrad.nn.layers.module_list import Identity as Identity, ModuleDict as ModuleDict, ModuleList as ModuleList
from minigrad.nn.layers.normalization import (
    BatchNorm1d as BatchNorm1d, BatchNorm2d as BatchNorm2d, BatchNorm3d as BatchNorm3d, GroupNorm as GroupNorm,
    LayerNorm as LayerNorm, LocalResponseNorm as LocalResponseNorm, RMSNorm as RMSNorm,
)
from minigrad.nn.layers.padding import (
    CircularPad1d as CircularPad1d, CircularPad2d as CircularPad2d, CircularPad3d as CircularPad3d,
    ConstantPad1d as ConstantPad1d, ConstantPad2d as ConstantPad2d, ConstantPad3d as ConstantPad3d,
    ReflectionPad1d as ReflectionPad1d, ReflectionPad2d as ReflectionPad2d, ReflectionPad3d as ReflectionPad3d,
    ReplicationPad1d as ReplicationPad1d, ReplicationPad2d as ReplicationPad2d, ReplicationPad3d as ReplicationPad3d,
    ZeroPad1d as ZeroPad1d, ZeroPad2d as ZeroPad2d, ZeroPad3d as ZeroPad3d,
)
from minigrad.nn.layers.pairs import (
    Bilinear as Bilinear, CosineSimilarity as CosineSimilarity, PairwiseDistance as PairwiseDistance,
)
from minigrad.nn.layers.pooling import (
    AdaptiveAvgPool1d as AdaptiveAvgPool1d, AdaptiveAvgPool2d as AdaptiveAvgPool2d,
    AdaptiveAvgPool3d as AdaptiveAvgPool3d, AdaptiveMaxPool1d as AdaptiveMaxPool1d,
    AdaptiveMaxPool2d as AdaptiveMaxPool2d, AdaptiveMaxPool3d as AdaptiveMaxPool3d, AvgPool1d as AvgPool1d,
    AvgPool2d as AvgPool2d, AvgPool3d as AvgPool3d, GlobalAvgPool as GlobalAvgPool, LPPool1d as LPPool1d,
    LPPool2d as LPPool2d, LPPool3d as LPPool3d, MaxPool1d as MaxPool1d, MaxPool2d as MaxPool2d, MaxPool3d as MaxPool3d,
)
from minigrad.nn.layers.reshaping import (
    ChannelShuffle as ChannelShuffle, Fold as Fold, PixelShuffle as PixelShuffle, PixelUnshuffle as PixelUnshuffle,
    Unflatten as Unflatten, Unfold as Unfold,
)
from minigrad.nn.layers.upsample import (
    Upsample as Upsample, UpsamplingBilinear2d as UpsamplingBilinear2d, UpsamplingNearest2d as UpsamplingNearest2d,
    interpolate as interpolate,
)
from minigrad.nn.losses.baseline import (
    Loss as Loss, LossWithBaseline as LossWithBaseline, Targets as Targets, UninformedLoss as UninformedLoss,
    find_baseline as find_baseline,
)
from minigrad.nn.losses.binary import (
    BinaryCrossEntropy as BinaryCrossEntropy, Hinge as Hinge, binary_cross_entropy as binary_cross_entropy,
    hinge as hinge,
)
from minigrad.nn.losses.by_name import LOSSES as LOSSES, find_loss as find_loss
from minigrad.nn.losses.classification import (
    CrammerSinger as CrammerSinger, SoftmaxCrossEntropy as SoftmaxCrossEntropy, WestonWatkins as WestonWatkins,
    crammer_singer as crammer_singer, cross_entropy as cross_entropy, weston_watkins as weston_watkins,
)
from minigrad.nn.losses.criteria import (
    BCELoss as BCELoss, BCEWithLogitsLoss as BCEWithLogitsLoss, CTCLoss as CTCLoss,
    CosineEmbeddingLoss as CosineEmbeddingLoss, CrossEntropyLoss as CrossEntropyLoss,
    GaussianNLLLoss as GaussianNLLLoss, HingeEmbeddingLoss as HingeEmbeddingLoss, HuberLoss as HuberLoss,
    KLDivLoss as KLDivLoss, L1Loss as L1Loss, MSELoss as MSELoss, MarginRankingLoss as MarginRankingLoss,
    MultiLabelMarginLoss as MultiLabelMarginLoss, MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss,
    MultiMarginLoss as MultiMarginLoss, NLLLoss as NLLLoss, PoissonNLLLoss as PoissonNLLLoss,
    SmoothL1Loss as SmoothL1Loss, SoftMarginLoss as SoftMarginLoss, TripletMarginLoss as TripletMarginLoss,
)
from minigrad.nn.losses.distribution import KLDivergence as KLDivergence, kl_divergence as kl_divergence
from minigrad.nn.losses.regression import (
    Huber as Huber, MeanAbsoluteError as MeanAbsoluteError, MeanSquaredError as MeanSquaredError, huber as huber,
    mean_absolute_error as mean_absolute_error, mean_squared_error as mean_squared_error,
)
from minigrad.nn.module import (
    Module as Module, ModuleHook as ModuleHook, module_hook as module_hook, parameter as _parameter,
    parameter as parameter,
)
from minigrad.nn.regularization import L1 as L1, L2 as L2
from minigrad.nn.sequence.attention import (
    MultiHeadAttention as MultiHeadAttention, MultiHeadAttention as _MultiHeadAttention,
)
from minigrad.nn.sequence.cells import GRUCell as GRUCell, LSTMCell as LSTMCell, RNNCell as RNNCell
from minigrad.nn.sequence.recurrent import GRU as GRU, LSTM as LSTM, RNN as RNN
from minigrad.nn.sequence.transformer import (
    Transformer as Transformer, TransformerDecoder as TransformerDecoder,
    TransformerDecoderLayer as TransformerDecoderLayer, TransformerEncoder as TransformerEncoder,
    TransformerEncoderLayer as TransformerEncoderLayer,
)
from minigrad.nn.sequence.transformer_block import TransformerBlock as TransformerBlock
from minigrad.nn.summary import LayerSummary as LayerSummary, Summary as Summary

MultiheadAttention = _MultiHeadAttention
Parameter = _parameter
Calibrated = LossWithBaseline
Chance = UninformedLoss
INITIALISERS = INITIALIZERS
Initialiser = Initializer
Watcher = ModuleHook
frozen = fixed_masks
mean_weights = average_state_dicts
observing = module_hook
softmax_cross_entropy = cross_entropy
__all__: list[str]
