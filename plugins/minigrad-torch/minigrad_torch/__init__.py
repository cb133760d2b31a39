"""Weights between PyTorch and minigrad, both ways.

>>> import numpy as np
>>> from minigrad import nn
>>> from minigrad_torch import from_torch, torch_names
>>> model = nn.Sequential(nn.Linear(3, 2, rng=0))
>>> torch_names(model)
{'layers.0.weight': ('0.weight',), 'layers.0.bias': ('0.bias',)}
>>> from_torch({"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)}, model).unexpected
()
"""

from minigrad_torch.errors import MissingTorch, UnreadableWeights
from minigrad_torch.memory import share_from_torch, share_with_torch
from minigrad_torch.transfer import Transfer, from_torch, to_torch, torch_names, torch_state_dict

__all__ = [
    "MissingTorch",
    "Transfer",
    "UnreadableWeights",
    "from_torch",
    "share_from_torch",
    "share_with_torch",
    "to_torch",
    "torch_names",
    "torch_state_dict",
]
