"""The nets of `core_nets` written in PyTorch, for comparison. Imported only where torch is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from minigrad.typing import Array
from support.core_nets import Net

torch.set_num_threads(1)

Loss = Callable[[torch.Tensor], torch.Tensor]


def in_torch(net: Net) -> tuple[Loss, torch.Tensor]:
    """The loss of `net` as a PyTorch function, and its parameters."""
    x, y = torch.tensor(net.x), torch.tensor(net.y)

    def loss(w: torch.Tensor) -> torch.Tensor:
        parts = list(torch.split(w, [n for a, b in pairwise(net.sizes) for n in (a * b, b)]))
        h = x
        for k, (a, b) in enumerate(pairwise(net.sizes)):
            h = torch.nn.functional.linear(h, parts[2 * k].reshape(a, b).T, parts[2 * k + 1])
            h = h if k == len(net.sizes) - 2 else torch.tanh(h)
        return torch.nn.functional.mse_loss(h, y)

    return loss, torch.tensor(net.w)


def hessian(net: Net) -> Array:
    """All second derivatives, row by row."""
    loss, w = in_torch(net)
    found: Array = torch.autograd.functional.hessian(loss, w).numpy()
    return found


def third(net: Net) -> Array:
    """All third derivatives."""
    loss, w = in_torch(net)

    def second(v: torch.Tensor) -> torch.Tensor:
        return torch.autograd.functional.hessian(loss, v, create_graph=True)

    found: Array = torch.autograd.functional.jacobian(second, w).numpy()
    return found
