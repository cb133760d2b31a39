"""Twenty float64 steps on a matrix and a vector beside pytorch_optimizer 3 on PyTorch 2.13.

`goldens.json` holds for each rule hyperparameters and the parameters after each step. `cautious-adamw` is PyTorch's
Adam with the library's masking of its update.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

GOLDENS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "goldens.json").read_text())
A = np.array([[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 0.25, -0.75], [-2.0, 1.0, 1.0], [0.125, -0.5, 4.0]])
B = np.array([[1.0, 0.5], [-2.0, 1.0], [0.5, -0.25], [3.0, 2.0], [-1.5, 0.75]])
SINGLE = {"qhadam": "weights of its averages", "sam": "norm of the gradient"}
"""What the library keeps in float32."""


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_trajectory_matches_a_public_implementation(name: str) -> None:
    m = mg.tensor(np.array([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.25]]), requires_grad=True)
    b = mg.tensor(np.array([0.1, -0.2]), requires_grad=True)
    opt = mg.optimizer(name, {"m": m, "b": b}, **GOLDENS[name]["hyper"])
    path = []
    for _ in range(20):
        opt.step(lambda: 0.5 * mg.sum((mg.matmul(mg.tensor(A), m) + b - mg.tensor(B)) ** 2) + 0.1 * mg.sum(m**4))
        path.append([*m.numpy().reshape(-1), *b.numpy()])
    tolerance = 1e-7 if name in SINGLE else 1e-12
    np.testing.assert_allclose(np.array(path), GOLDENS[name]["path"], rtol=tolerance, atol=tolerance)
