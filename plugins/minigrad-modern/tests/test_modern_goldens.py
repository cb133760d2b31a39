"""Twenty float64 steps on a matrix and a vector beside pytorch_optimizer on PyTorch 2.13.

`goldens.json` holds for each rule hyperparameters and the parameters after each step. `cautious-adamw` is PyTorch's
Adam with the library's masking of its update. `adamp` saw the matrix transposed, as PyTorch stores it. `sophia-h` was
given the same random signs. `soap` has a large eps, because in directions without any gradient it divides rounding
errors by it.
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
SINGLE = {"qhadam": 1e-7, "sam": 1e-7, "soap, new bases": 1e-5}
"""Tolerances for what the library keeps in float32: weights of averages, the gradient's norm, QR."""


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_trajectory_matches_a_public_implementation(name: str) -> None:
    m = mg.tensor(np.array([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.25]]), requires_grad=True)
    b = mg.tensor(np.array([0.1, -0.2]), requires_grad=True)
    opt = mg.optimizer(GOLDENS[name].get("rule", name), {"m": m, "b": b}, **GOLDENS[name]["hyper"])
    path = []
    for _ in range(20):
        opt.step(lambda: 0.5 * mg.sum((mg.matmul(mg.tensor(A), m) + b - mg.tensor(B)) ** 2) + 0.1 * mg.sum(m**4))
        path.append([*m.numpy().reshape(-1), *b.numpy()])
    tolerance = SINGLE.get(name, 1e-12)
    np.testing.assert_allclose(np.array(path), GOLDENS[name]["path"], rtol=tolerance, atol=tolerance)
