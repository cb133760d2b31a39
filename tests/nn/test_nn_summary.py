"""`model.summary` against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor


def model() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(72, 10)
    )


def test_shapes_parameters_bytes_and_flops() -> None:
    net, x = model(), np.zeros((4, 3, 6, 6), dtype=np.float32)
    found = net.summary(x)
    assert [(s.name, s.kind) for s in found.layers[:2]] == [("", "Sequential"), ("layers.0", "Conv2d")]
    conv, linear = found["layers.0"], found["layers.5"]
    assert conv.inputs == ((4, 3, 6, 6),)
    assert conv.output == (4, 8, 6, 6)
    assert (conv.parameters, conv.parameter_bytes) == (8 * 3 * 9 + 8, 4 * (8 * 3 * 9 + 8))
    places, entries = 4 * 6 * 6, 4 * 8 * 6 * 6
    assert conv.flops == 2 * places * 8 * 27 + entries  # products and sums, then the bias
    assert conv.activation_bytes == 2 * 4 * entries
    assert linear.flops == 2 * 4 * 72 * 10 + 40
    assert found["layers.1"].flops == entries
    assert found["layers.4"].flops == found["layers.4"].activation_bytes == 0
    assert found.parameters == net.parameter_count
    assert found.flops == sum(s.flops for s in found.layers)
    assert found.parameter_bytes == 4 * net.parameter_count
    with pytest.raises(KeyError):
        found["layers.9"]


def test_the_model_stays_as_it_is() -> None:
    net = nn.Sequential(model(), nn.Dropout(0.5, rng=0))
    net[1].eval()  # type: ignore[attr-defined]
    before = net.state_dict()
    net.summary(np.random.default_rng(0).normal(size=(4, 3, 6, 6)).astype(np.float32))
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
    assert net.training
    assert not net[1].training  # type: ignore[attr-defined]
    assert all(p.grad is None for p in net.parameters())


class _Shared(nn.Module):
    """One layer used twice, its parameter again under another name, one layer never, and an op outside layers."""

    def __init__(self) -> None:
        self.twice = nn.Linear(3, 3, rng=0)
        self.again = [self.twice.weight]
        self.never = nn.Linear(3, 5, rng=0)
        self.scale = nn.parameter(np.ones(3))

    def forward(self, x: Tensor, offset: Tensor) -> Tensor:
        return self.twice(self.twice(x)) * self.scale + offset


def test_shared_unused_and_loose_parts() -> None:
    x = tensor(np.ones((2, 3)), dtype=np.float32)
    found = _Shared().summary(x, x)
    whole, twice, never = found[""], found["twice"], found["never"]
    assert whole.inputs == ((2, 3), (2, 3))
    assert (whole.parameters, whole.flops) == (3, 12)
    assert (twice.calls, twice.flops, twice.parameters) == (2, 2 * (2 * 2 * 9 + 6), 12)
    assert (never.calls, never.output, never.parameters) == (0, None, 20)
    assert found.parameters == 35


def test_the_table() -> None:
    text = str(model().summary(np.zeros((4, 3, 6, 6), dtype=np.float32)))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "kind", "input", "output", "parameters", "bytes", "activations", "FLOPs"]
    assert "layers.0  Conv2d       4x3x6x6  4x8x6x6         224    896 B" in text
    assert lines[-1].startswith("total")
    assert "970" in lines[-1]
    assert "not called" in str(_Shared().summary(tensor(np.ones((2, 3))), tensor(np.ones((2, 3)))))
