"""ModuleList, ModuleDict and Identity, and options of layers that need more than numbers to check."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor


def test_lists_and_dicts_are_parts_of_a_model() -> None:
    class Model(nn.Module):
        """Two branches and a list of layers."""

        def __init__(self) -> None:
            self.steps = nn.ModuleList([nn.Linear(3, 3, rng=0), nn.Identity()])
            self.heads = nn.ModuleDict({"a": nn.Linear(3, 2, rng=1)})

        def forward(self, x: Tensor) -> Tensor:
            for step in self.steps:
                x = step(x)
            return self.heads["a"](x)

    model = Model()
    model.steps.append(nn.Tanh())
    assert [name for name, _ in model.named_parameters()] == [
        "steps.0.weight",
        "steps.0.bias",
        "heads.a.weight",
        "heads.a.bias",
    ]
    assert model(tensor(np.ones((2, 3)))).shape == (2, 2)
    assert len(model.steps) == 3
    assert list(model.heads) == ["a"]
    assert "a" in model.heads
    assert not model.eval().steps[2].training
    with pytest.raises(nn.ModuleError, match="a ModuleList cannot be called: loop over"):
        model.steps(tensor(1.0))
    with pytest.raises(nn.ModuleError, match=r"ModuleList: the entry 0 is a int, not a Module"):
        nn.ModuleList([3])  # type: ignore[list-item]
    with pytest.raises(nn.ModuleError, match="ModuleDict: the entry 'x' is a int"):
        model.heads["x"] = 3  # type: ignore[assignment]


def test_the_row_of_the_padding_gets_no_gradient() -> None:
    layer = nn.Embedding(4, 2, padding_idx=1, rng=0)
    assert np.array_equal(layer.weight.numpy()[1], [0.0, 0.0])
    layer(np.array([0, 1, 1, 3])).sum().backward()
    assert layer.weight.grad is not None
    assert np.array_equal(layer.weight.grad.numpy()[:, 0], [1.0, 0.0, 0.0, 1.0])
    with pytest.raises(nn.ModuleError, match="padding_idx=4 is not in 0 to 3"):
        nn.Embedding(4, 2, padding_idx=4)


def test_wrong_options_are_named() -> None:
    with pytest.raises(nn.ModuleError, match="padding_mode must be one of zeros, reflect, replicate, circular"):
        nn.Conv2d(1, 1, 3, padding_mode="mirror")
    with pytest.raises(ValueError, match=r"PReLU\(3\) needs an input of shape \(N, 3, \.\.\.\)"):
        nn.PReLU(3)(tensor(np.ones((2, 4))))
    with pytest.raises(ValueError, match="more than one place per channel"):
        nn.InstanceNorm1d(3)(tensor(np.ones((2, 3, 1))))
