"""Layers, losses and initializers, built of verified ops only.

>>> from minigrad import nn
>>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, gain=0.1))
>>> loss = nn.cross_entropy(model(x), labels)

Layers whose ops register on first use (convolution, pooling, normalization, attention, embedding ...) load with them.
"""

from minigrad import lazy

_PUBLIC = {
    "errors": "LabelError ModuleError StateMismatch UnknownLoss",
    "initializers": """INITIALIZERS Initializer Source forget_bias he he_uniform normal orthogonal seeded xavier
        xavier_uniform zeros""",
    "layers.activations": "ELU Flatten GELU LeakyReLU Maxout ReLU SiLU Sigmoid Softplus Tanh",
    "layers.attention": "MultiHeadAttention TransformerBlock",
    "layers.entrywise": """CELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LogSigmoid LogSoftmax Mish PReLU ReLU6
        SELU Softmax Softmin Softshrink Softsign Tanhshrink Threshold""",
    "layers.instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "layers.module_list": "Identity ModuleDict ModuleList",
    "layers.container": "Layer Residual Sequential mlp",
    "layers.conv_transpose": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "layers.convolution": "Conv1d Conv2d Conv3d",
    "layers.dropout": "Dropout fixed_masks reseed",
    "layers.embedding": "Embedding",
    "layers.ensemble": "Ensemble average_state_dicts",
    "layers.linear": "Linear",
    "layers.normalization": "BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm LayerNorm RMSNorm",
    "layers.pooling": """AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
        AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d GlobalAvgPool MaxPool1d MaxPool2d MaxPool3d""",
    "layers.recurrent": "GRU LSTM RNN",
    "losses.baseline": "Loss LossWithBaseline Targets UninformedLoss find_baseline",
    "losses.binary": "BinaryCrossEntropy Hinge binary_cross_entropy hinge",
    "losses.by_name": "LOSSES find_loss",
    "losses.classification": """CrammerSinger SoftmaxCrossEntropy WestonWatkins cross_entropy crammer_singer
        weston_watkins""",
    "losses.distribution": "KLDivergence kl_divergence",
    "losses.regression": "Huber MeanAbsoluteError MeanSquaredError huber mean_absolute_error mean_squared_error",
    "module": "Module ModuleHook module_hook parameter",
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

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED)
