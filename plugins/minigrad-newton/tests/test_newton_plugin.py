"""Newton's method, from outside: through its entry point only."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import HyperparameterError, OptimizerError, available, examine, load
from minigrad.typing import Array
from support.optim_problems import PROBLEMS

ROSENBROCK = PROBLEMS["rosenbrock2d"]


def _path(start: Array, steps: int) -> list[Array]:
    """Newton on Rosenbrock's function with closed-form derivatives."""
    rule = load("newton")()
    state = rule.init(start)
    points = [start]
    for t in range(1, steps + 1):
        w, state = rule.update(points[-1], ROSENBROCK.at(points[-1]), state, t)
        points.append(w)
    return points


def test_it_comes_from_this_distribution() -> None:
    entry = available()["newton"]
    assert (entry.distribution, entry.value) == ("minigrad-newton", "minigrad_newton:Newton")


def test_laws_hold_for_many_seeds() -> None:
    for seed in range(20):
        assert examine(load("newton"), seed=seed).broken == ()


def test_rosenbrock_is_solved_quadratically() -> None:
    """f falls 24.2, 4.73, 1411.8, 0.056, 0.31, 1.9e-11, 3.4e-20: the last steps double the correct digits."""
    points = _path(np.array([-1.2, 1.0]), 7)
    f = [(1 - x) ** 2 + 100 * (y - x * x) ** 2 for x, y in points]
    np.testing.assert_allclose(f[:5], [24.2, 4.7319, 1411.85, 0.05597, 0.3132], rtol=1e-3)
    assert f[5] < 1e-10
    assert f[6] < 1e-19
    errors = [float(np.abs(p - 1.0).max()) for p in points]
    assert errors[6] < 10 * errors[5] ** 2 + 1e-15


def test_singular_hessians_are_named_and_damping_helps() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(OptimizerError, match=r"step 1.*Hessian of 2 parameters is singular.*damping"):
        mg.optimizer("newton", [w]).step(lambda: mg.sum(w))
    assert w.numpy().tolist() == [1.0, 2.0]
    mg.optimizer("newton", [w], damping=0.5).step(lambda: mg.sum(w))
    np.testing.assert_allclose(w.numpy(), [-1.0, 0.0])


def test_hyperparameters() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(HyperparameterError, match="no option 'lr'"):
        mg.optimizer("newton", [w], lr=0.1)
    with pytest.raises(HyperparameterError, match=r"Newton\.damping must be a finite number >= 0"):
        mg.optimizer("newton", [w], damping=-1.0)
