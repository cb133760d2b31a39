"""PyTorch's recorded numbers for layers: where they are, and the cotangent they were taken with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RECORD = Path(__file__).parents[1] / "data" / "nn_layers.npz"
LOSS_RECORD = RECORD.with_name("nn_losses.npz")
NAMED_RECORD = RECORD.with_name("nn_named_layers.npz")


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """What the output is multiplied by before it is added up."""
    return np.random.default_rng(9).normal(size=shape)
