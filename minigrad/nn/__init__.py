"""Layers, losses and initialisers, built of verified ops only.

>>> from minigrad import nn
>>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, gain=0.1))
>>> loss = nn.softmax_cross_entropy(model(x), labels)

Layers whose ops register on first use (convolution, pooling, normalisation, attention, embedding ...) load with them.
"""

from minigrad import lazy

_PUBLIC = {
    "errors": "LabelError ModuleError StateMismatch UnknownLoss",
    "initializers": """INITIALISERS Initialiser Source forget_bias he he_uniform normal orthogonal seeded xavier
        xavier_uniform zeros""",
    "layers.activations": "Flatten Maxout ReLU Sigmoid Softplus Tanh",
    "layers.attention": "MultiHeadAttention TransformerBlock",
    "layers.container": "Layer Residual Sequential mlp",
    "layers.convolution": "Conv1d Conv2d ConvTranspose2d",
    "layers.dropout": "Dropout frozen reseed",
    "layers.embedding": "Embedding",
    "layers.ensemble": "Ensemble mean_weights",
    "layers.linear": "Linear",
    "layers.normalization": "BatchNorm1d BatchNorm2d GroupNorm LayerNorm RMSNorm",
    "layers.pooling": """AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AvgPool1d AvgPool2d
        GlobalAvgPool MaxPool1d MaxPool2d""",
    "layers.recurrent": "GRU LSTM RNN",
    "layers.smooth": "ELU GELU LeakyReLU SiLU",
    "losses.binary": "BinaryCrossEntropy Hinge binary_cross_entropy hinge",
    "losses.by_name": "LOSSES find_loss",
    "losses.classification": """Calibrated Chance CrammerSinger Loss SoftmaxCrossEntropy Targets WestonWatkins
        crammer_singer softmax_cross_entropy weston_watkins""",
    "losses.distribution": "KLDivergence kl_divergence",
    "losses.regression": "Huber MeanAbsoluteError MeanSquaredError huber mean_absolute_error mean_squared_error",
    "module": "Module parameter",
    "observe": "Watcher observing",
    "regularization": "L1 L2",
    "summary": "LayerSummary Summary",
}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC)
