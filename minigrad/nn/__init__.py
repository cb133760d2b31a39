"""Layers, losses and initialisers, built of verified ops only.

>>> from minigrad import nn
>>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10, gain=0.1))
>>> loss = nn.softmax_cross_entropy(model(x), labels)
"""

from minigrad.nn.activations import Flatten, ReLU, Sigmoid, Tanh
from minigrad.nn.container import Layer, Sequential, mlp
from minigrad.nn.errors import LabelError, ModuleError, StateMismatch, UnknownLoss
from minigrad.nn.initial import INITIALISERS, Initialiser, Source, he, seeded, xavier, zeros
from minigrad.nn.linear import Linear
from minigrad.nn.losses import (
    LOSSES,
    Calibrated,
    Chance,
    Loss,
    MeanSquaredError,
    SoftmaxCrossEntropy,
    Targets,
    WestonWatkins,
    find_loss,
    mean_squared_error,
    softmax_cross_entropy,
    weston_watkins,
)
from minigrad.nn.module import Module, parameter
from minigrad.nn.regularize import L2

__all__ = [
    "INITIALISERS",
    "L2",
    "LOSSES",
    "Calibrated",
    "Chance",
    "Flatten",
    "Initialiser",
    "LabelError",
    "Layer",
    "Linear",
    "Loss",
    "MeanSquaredError",
    "Module",
    "ModuleError",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Source",
    "StateMismatch",
    "Tanh",
    "Targets",
    "UnknownLoss",
    "WestonWatkins",
    "find_loss",
    "he",
    "mean_squared_error",
    "mlp",
    "parameter",
    "seeded",
    "softmax_cross_entropy",
    "weston_watkins",
    "xavier",
    "zeros",
]
