"""Adam's step under a constant gradient is lr at every t, however beta moves: the table in minigrad/optim/README.md."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from minigrad.optim import Cosine, Objective, OneCycle, Piecewise, Schedule, load
from minigrad.optim.runner import resolve
from minigrad.typing import Array


@attrs.frozen
class Listed(Schedule):
    """One value for each step."""

    listed: tuple[float, ...]

    def __call__(self, t: int) -> float:
        return self.listed[t - 1]


def torch_cycle(steps: int, low: float = 0.85, high: float = 0.95, rise: float = 0.3) -> tuple[float, ...]:
    """The betas that PyTorch's OneCycleLR sets by default: down by a cosine until the peak of lr, and up again."""
    peak = rise * steps - 1.0

    def beta(k: int) -> float:
        a, b, share = (high, low, k / peak) if k <= peak else (low, high, (k - peak) / (steps - 1 - peak))
        return b + (a - b) / 2 * (1 + math.cos(math.pi * share))

    return tuple(beta(k) for k in range(steps))


def ratios(schedules: dict[str, Schedule], steps: int, name: str = "adam") -> Array:
    """Step over lr, each step taken from 0 so that no digit is lost to the parameters."""
    lr = 0.1
    rule = load(name)(lr=lr, eps=0.0)
    state = rule.init(np.zeros(3))
    g = np.array([0.3, -2.0, 1e-5])
    found = []
    for t in range(1, steps + 1):
        moved, state = resolve(rule, schedules, t).update(np.zeros(3), Objective(g), state, t)
        found.append(-moved * np.sign(g) / lr)
    return np.array(found)


@pytest.mark.parametrize(
    "schedules",
    [
        {},
        {"beta1": Piecewise((3,), (0.5, 0.95))},
        {"beta1": Listed(torch_cycle(200))},
        {"beta1": OneCycle(0.95, 200), "beta2": Cosine(0.9, 200, final=0.9999)},
        {"beta1": Piecewise((7,), (0.99, 0.0)), "beta2": Piecewise((50, 120), (0.999, 0.5, 0.9))},
    ],
    ids=["constant", "jump", "cycle", "both", "to zero"],
)
def test_the_step_is_lr_at_every_t(schedules: dict[str, Schedule]) -> None:
    np.testing.assert_allclose(ratios(schedules, 200), 1.0, rtol=0.0, atol=1e-12)


def test_the_formula_of_the_others_gives_the_numbers_in_the_table() -> None:
    def corrected_by_todays_beta(betas: tuple[float, ...]) -> list[float]:
        m, found = 0.0, []
        for t, beta in enumerate(betas, start=1):
            m = beta * m + (1 - beta)
            found.append(m / (1 - beta**t))
        return found

    jump = corrected_by_todays_beta((0.5, 0.5) + (0.95,) * 8)
    np.testing.assert_allclose(
        [jump[t - 1] for t in (3, 4, 5, 6, 8, 10)], [5.346, 4.175, 3.473, 3.006, 2.425, 2.079], atol=6e-4
    )
    cycle = corrected_by_todays_beta(torch_cycle(20))
    wanted = [1.0, 0.922, 0.782, 0.713, 0.712, 0.757, 0.861, 0.944, 1.176, 1.362]
    np.testing.assert_allclose([cycle[t - 1] for t in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20)], wanted, atol=6e-4)
