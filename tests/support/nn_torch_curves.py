"""The same loss curves by PyTorch."""

from __future__ import annotations

import numpy as np

from minigrad import nn
from support.nn_curves import Problem
from support.nn_torch import Torch, call, twin


def curve(torch: Torch, problem: Problem, steps: int) -> list[float]:
    """The loss before each step, by PyTorch, from the same weights on the same batches."""
    torch.set_num_threads(1)
    layers = [part for part in problem.model() if isinstance(part, nn.Module)]
    twins = [twin(torch, layer) for layer in layers]
    parameters = [p for made in twins for p in made.parameters()]
    for made in twins:  # minigrad has one recurrent bias where PyTorch has two: train one of them
        for name, p in made.named_parameters():
            if name == "bias_hh_l0":
                p.requires_grad_(False)
    trained = [p for p in parameters if p.requires_grad]
    lr = problem.lr
    optimizer = {
        "sgd": lambda: torch.optim.SGD(trained, lr),
        "momentum": lambda: torch.optim.SGD(trained, lr, momentum=0.9),
        "adam": lambda: torch.optim.Adam(trained, lr),
    }[problem.rule]()
    losses = []
    for x, labels in problem.batches(steps):
        value = torch.tensor(x)
        for layer, made in zip(layers, twins, strict=True):
            value = call(torch, layer, made, value)
        flat = torch.tensor(np.asarray(labels).reshape(-1))
        loss = torch.nn.functional.cross_entropy(value.reshape(len(flat), -1), flat)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
