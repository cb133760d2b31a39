"""A file of the first format is read for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import checkpoint, nn

GOLDEN = Path(__file__).parents[1] / "data" / "checkpoint_v1.safetensors"
"""Written by `write_golden` at commit 4e63076, and never again."""


def trained() -> tuple[nn.Module, Any]:
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    optimizer = mg.optimizer("momentum", model.named_parameters(), lr=0.125)
    return model, optimizer


def write_golden(path: Path) -> None:
    model, optimizer = trained()
    numbers = ((name, t, k) for k, (name, t) in enumerate(model.named_parameters()))
    model.load_state_dict({n: np.arange(t.size, dtype=np.float32).reshape(t.shape) / 8 - k for n, t, k in numbers})
    (model(mg.tensor([[1.0, 2.0]], dtype=np.float32)) * 1.0).sum().backward()
    optimizer.step()
    about: Any = {"step": 1, "name": "golden", "values": [1.5, None, True]}
    arrays: Any = {
        "flags": np.array([True, False]),
        "deep": np.array([[[-0.0]], [[np.inf]]]),
        "none": np.zeros((0, 2), "i2"),
    }
    checkpoint.save(path, model, optimizer, about=about, arrays=arrays)


def test_the_first_format() -> None:
    saved = checkpoint.load(GOLDEN)
    assert saved.about == {"step": 1, "name": "golden", "values": [1.5, None, True]}
    assert saved.arrays["flags"].tolist() == [True, False]
    assert saved.arrays["deep"].tobytes() == np.array([[[-0.0]], [[np.inf]]]).tobytes()
    assert saved.arrays["none"].shape == (0, 2)
    assert saved.arrays["none"].dtype == "i2"
    model, optimizer = trained()
    saved.restore(model, optimizer)
    weights = [t.numpy() for t in model.parameters()]
    assert optimizer.t == 1
    # The last layer's bias b had the gradient 1, and was 0 / 8 - 3.
    assert weights[3].tolist() == [-3.0 - 0.125]
    (model(mg.tensor([[1.0, 2.0]], dtype=np.float32)) * 1.0).sum().backward()
    optimizer.step()  # its velocity, 1, came along: 0.9 * 1 + 1
    assert model.parameters()[3].numpy().tolist() == pytest.approx([-3.125 - 0.125 * 1.9], abs=1e-6)
