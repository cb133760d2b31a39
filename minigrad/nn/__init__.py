"""Layers, losses and initializers, built of verified ops only.

>>> from minigrad import nn
>>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, gain=0.1))
>>> loss = nn.cross_entropy(model(x), labels)

Layers whose ops register on first use (convolution, pooling, normalization, attention, embedding ...) load with them.
"""

from minigrad import lazy

_PUBLIC = {
    "errors": "LabelError ModuleError StateMismatch UnknownLoss UnknownOption",
    "initializers": """INITIALIZERS Initializer Source forget_bias he he_uniform normal orthogonal seeded xavier
        xavier_uniform zeros""",
    "layers.activations": "ELU Flatten GELU LeakyReLU Maxout ReLU SiLU Sigmoid Softplus Tanh",
    "sequence.attention": "MultiHeadAttention MultiheadAttention=MultiHeadAttention",
    "layers.entrywise": """CELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LogSigmoid LogSoftmax Mish PReLU ReLU6
        SELU Softmax Softmax2d Softmin Softshrink Softsign Tanhshrink Threshold""",
    "layers.instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "layers.module_list": "Identity ModuleDict ModuleList",
    "layers.container": "Layer Residual Sequential mlp",
    "layers.conv_transpose": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "layers.convolution": "Conv1d Conv2d Conv3d",
    "layers.dropout": "Dropout fixed_masks reseed",
    "layers.dropout_kinds": "AlphaDropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "layers.embedding": "Embedding EmbeddingBag",
    "layers.ensemble": "Ensemble average_state_dicts",
    "layers.linear": "Linear",
    "layers.normalization": "BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "layers.padding": """CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
        ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
        ZeroPad1d ZeroPad2d ZeroPad3d""",
    "layers.pairs": "Bilinear CosineSimilarity PairwiseDistance",
    "layers.pooling": """AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
        AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d GlobalAvgPool LPPool1d LPPool2d LPPool3d
        MaxPool1d MaxPool2d MaxPool3d""",
    "layers.reshaping": "ChannelShuffle Fold PixelShuffle PixelUnshuffle Unflatten Unfold",
    "layers.upsample": "Upsample UpsamplingBilinear2d UpsamplingNearest2d interpolate",
    "sequence.cells": "GRUCell LSTMCell RNNCell",
    "sequence.transformer": """Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
        TransformerEncoderLayer""",
    "sequence.transformer_block": "TransformerBlock",
    "sequence.recurrent": "GRU LSTM RNN",
    "losses.baseline": "Loss LossWithBaseline Targets UninformedLoss find_baseline",
    "losses.binary": "BinaryCrossEntropy Hinge binary_cross_entropy hinge",
    "losses.by_name": "LOSSES find_loss",
    "losses.classification": """CrammerSinger SoftmaxCrossEntropy WestonWatkins cross_entropy crammer_singer
        weston_watkins""",
    "losses.criteria": """BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss
        HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss MultiLabelMarginLoss
        MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss
        TripletMarginLoss""",
    "losses.distribution": "KLDivergence kl_divergence",
    "losses.regression": "Huber MeanAbsoluteError MeanSquaredError huber mean_absolute_error mean_squared_error",
    "forward_hooks": "HookHandle",
    "module": "Module ModuleHook Parameter=parameter module_hook parameter",
    "regularization": "L1 L2",
    "summary": "LayerSummary Summary",
}

_RENAMED = {
    "Calibrated": "LossWithBaseline",
    "Chance": "UninformedLoss",
    "INITIALISERS": "INITIALIZERS",
    "Initialiser": "Initializer",
    "Watcher": "ModuleHook",
    "frozen": "fixed_masks",
    "mean_weights": "average_state_dicts",
    "observing": "module_hook",
    "softmax_cross_entropy": "cross_entropy",
}


def _missing(name: str) -> object:
    answer: object = lazy.load("minigrad.nn.unsupported", "raise_missing")(name)
    return answer


__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED, otherwise=_missing)
