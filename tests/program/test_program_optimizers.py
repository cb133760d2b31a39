"""Programs against eager for every first-party optimizer, and programs under mg.debug()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.optim import ClipNorm, available
from minigrad.optim.schedules import Cosine

OURS = sorted(name for name, entry in available().items() if entry.distribution == "minigrad")
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"clip": ClipNorm(0.5)},
    "decayed": {"weight_decay": 0.01},
    "scheduled": {"lr": Cosine(0.02, 150)},
}


def trained(name: str, defined: bool, settings: dict[str, Any]) -> tuple[Any, Any]:
    """A step of a small float64 network, and its optimizer."""
    model = nn.mlp(6, [9], 3, rng=0).astype(np.float64)
    opt = mg.optimizer(name, model.named_parameters(), **{"lr": 0.01, **settings})

    def step(x: Any, y: Any) -> mg.Tensor:
        opt.zero_grad()
        loss: mg.Tensor = mg.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return (mg.define(step) if defined else step), model


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_two_hundred_steps_are_those_of_eager(name: str, setting: str) -> None:
    rng = np.random.default_rng(1)
    batches = [(rng.standard_normal((8, 6)), rng.integers(0, 3, 8)) for _ in range(200 if setting == "plain" else 40)]
    eager, one = trained(name, False, SETTINGS[setting])
    program, two = trained(name, True, SETTINGS[setting])
    for x, y in batches:
        expected = eager(mg.tensor(x), y).item()
        # Adam and its like blow up the rounding of gradients: each step is compared from the same parameters.
        assert program(x, y).item() == pytest.approx(expected, rel=1e-12)
        for p, q in zip(one.parameters(), two.parameters(), strict=True):
            np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=1e-10, atol=1e-12)
    assert program.traces == 1


def test_debug_names_op_and_line_inside_a_program() -> None:
    program: Any = mg.define(lambda x: mg.log(x - 2.0).sum())
    x = np.array([3.0, 4.0])
    for _ in range(2):
        program(x)
    with mg.debug(), pytest.raises(Exception, match="log") as caught:
        program(np.array([3.0, 1.0]))
    assert "test_program_optimizers.py" in str(caught.value)
