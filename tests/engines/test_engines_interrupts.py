"""Ctrl-C around the steps that C makes: weights and the count of updates move together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import engines, nn
from minigrad.typing import Array
from support.interrupts import interrupted
from support.missing_plugins import import_plugin

PLUGIN = str(Path(import_plugin("minigrad_cc").__file__).parent)

X = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
Y = np.arange(8) % 3
WARM = 12
"""Steps after which C makes the optimizer's, too."""


class Training:
    """A small network whose whole step C makes."""

    def __init__(self) -> None:
        self.model = nn.mlp(6, [5], 3, rng=0)
        self.optimizer = mg.optimizer("adam", self.model.named_parameters(), lr=0.1)

        def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
            self.optimizer.zero_grad()
            loss = nn.cross_entropy(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            return loss

        self.step = mg.define(step, engine="cc")

    def run(self) -> None:
        self.step(X, Y)  # type: ignore[arg-type]  # arrays become Tensors inside

    def weights(self) -> Array:
        return np.concatenate([a.ravel() for a in self.model.state_dict().values()])


@pytest.mark.skipif("cc" not in engines.available(), reason="no C engine")
def test_weights_and_count_move_together() -> None:
    reference = Training()
    states = []
    for _ in range(WARM + 4):
        states.append(reference.weights())
        reference.run()
    number, cut, counts = -1, True, set[int]()
    while cut:
        number += 2
        training = Training()
        for _ in range(WARM):
            training.run()
        cut = bool(interrupted(training.run, number, opcodes=True, folder=PLUGIN))
        counts.add(training.optimizer.t)
        assert np.array_equal(training.weights(), states[training.optimizer.t]), f"torn at bytecode {number}"
        training.run()
        assert np.array_equal(training.weights(), states[training.optimizer.t]), f"goes wrong after bytecode {number}"
    assert number > 50
    assert counts == {WARM, WARM + 1}, "some interrupts come before the update, and some after it"
