"""Graphs from before a change of the weights are refused: their gradients would be of other numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigrad.core import StaleGraphError, Tensor, tensor
from minigrad.optim import Ema, optimizer


@pytest.mark.parametrize("name", ["sgd", "adam", "newton"])
def test_graphs_from_before_a_change_of_the_weights_are_refused(name: str) -> None:
    w = tensor([1.0, 2.0], requires_grad=True)
    options: dict[str, Any] = {} if name == "newton" else {"lr": 0.1}
    opt = optimizer(name, {"w": w}, average=Ema(rate=0.5), **options)

    def loss() -> Tensor:
        return (w * w * w).sum()

    def step() -> None:
        opt.zero_grad()
        loss().backward()
        opt.step(loss) if name == "newton" else opt.step()

    def refused(old: Tensor) -> None:
        with pytest.raises(StaleGraphError):
            old.backward()
        assert w.grad is None or np.isfinite(w.grad.numpy()).all()

    for _ in range(4):
        old = loss()
        step()
        refused(old)
    own = loss()
    with opt.averaged():
        refused(own)
        shown = loss()
    refused(shown)
    saved = opt.state_dict()
    step()
    old = loss()
    opt.load_state_dict(saved)
    opt.zero_grad()
    old.backward()  # the state is the optimizer's; the weights are as they were
    assert w.grad is not None
